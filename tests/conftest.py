"""What many tests need: a tiny invented workspace with a backbone and two encoders, trained once a session."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.sources.sample import make
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.progress import silent

settings.register_profile("steady", deadline=None, derandomize=True)  # a busy machine is no failure, nor is chance
settings.register_profile("exploring", deadline=None)  # other examples each time: HYPOTHESIS=exploring pytest
settings.load_profile(os.environ.get("HYPOTHESIS", "steady"))

SHAPE = {"embedding_size": 16, "n_layers": 1, "n_heads": 2, "max_length": 20, "dropout": 0.1}
QUICK = TrainingSettings(epochs=2, batch_size=16, item_vectors="random")  # which leaves encoders something to learn


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models of a few numbers: one thread is faster than several that wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Finds a file or folder of the real data; where it is not there, the test that asks for it skips, aloud."""
    folder = Path(os.environ.get("TOOLREC_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"{folder / name} is absent: TOOLREC_DATA says where the real data lies")
        return folder / name

    return find


@pytest.fixture(scope="session")
def tiny_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the data set "sample" (80 users, 60 films), a SASRec and encoders of genre and release_year.

    Shared by all tests of a session: nothing may be added to it. `workspace` is a copy that may be changed.
    """
    workspace = tmp_path_factory.mktemp("tiny")
    dataset = prepare(
        "sample", make(80, 60), "sample", workspace / "datasets" / "sample", skip_bad=False, progress=silent
    )
    pretrain(Setting(workspace), dataset, BackbonePlan(shape=dict(SHAPE), training=QUICK, threads=1))
    for attribute in ("genre", "release_year"):
        plan = EncoderPlan(attribute, shape={"embedding_size": 8}, training=QUICK, threads=1, controls=False)
        train_encoder(Setting(workspace), dataset, plan)
    return workspace


@pytest.fixture(scope="session")
def tiny(tiny_workspace: Path) -> Dataset:
    """The data set of `tiny_workspace`."""
    return Dataset(tiny_workspace / "datasets" / "sample")


@pytest.fixture
def workspace(tiny_workspace: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_workspace` of one's own."""
    return Path(shutil.copytree(tiny_workspace, tmp_path / "workspace"))


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of the SDK's retries, and of our own, a thousandth of a second each."""
    import openai._base_client

    from toolrec_cli.llm import again

    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr(openai._base_client, "MAX_RETRY_DELAY", 0.001)
    monkeypatch.setattr(again, "PAUSE", 0.001)
