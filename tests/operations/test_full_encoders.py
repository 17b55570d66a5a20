"""Full encoders in a workspace: a model of their own, beside the frozen one, and a tool wherever a tool is asked for."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.models import store
from toolrec_cli.models.full_encoder import FullEncoder
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.ablating import AblationPlan, ablate
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import EncoderPlan, train_encoder
from toolrec_cli.operations.tuning import TunePlan
from toolrec_cli.storage.run_dir import RunDir

QUICK = TrainingSettings(epochs=2, batch_size=16, learning_rate=1e-2)
PLAN = EncoderPlan("genre", shape={"embedding_size": 8}, training=QUICK, threads=1, full=True)


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


@pytest.fixture(scope="module")
def shared(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a full encoder of genre, beside the frozen ones of genre and release_year."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("full") / "w"))
    train_encoder(Setting(workspace), opened(workspace), PLAN)
    return workspace


@pytest.fixture(scope="module")
def full(shared: Path) -> RunDir:
    """That encoder's run."""
    digest = store.find_backbone(shared / "runs", opened(shared), None)[1].digest
    return store.find_encoders(shared / "runs", opened(shared), digest, full=True)["genre"]


def agent_of(workspace: Path, **plan: bool | list[str] | None) -> Agent:
    return assemble(Setting(workspace), opened(workspace), AgentPlan(tuned=False, **plan))  # type: ignore[arg-type]


def test_all_that_was_trained_is_stored_and_linked_to_the_backbone(shared: Path, full: RunDir) -> None:
    stored = safetensors.torch.load_file(full.path / "model" / "weights.safetensors")
    run, card = store.find_backbone(shared / "runs", opened(shared), None)
    backbone = store.load_backbone(run, opened(shared))
    assert {name for name in stored if name.startswith("backbone.")} == {f"backbone.{n}" for n in backbone.state_dict()}
    assert not np.array_equal(stored["backbone.items.weight"], backbone.items.weight.detach())
    result = full.manifest.result
    assert (result["full"], full.manifest.inputs["backbone"]) == (True, card.digest)
    assert result["n_parameters"] == sum(value.numel() for value in stored.values())
    assert "states_cpu_seconds" not in result
    loaded = store.load_encoder(full, opened(shared), card.digest)
    assert isinstance(loaded, FullEncoder)
    assert all(np.array_equal(value, stored[name]) for name, value in loaded.state_dict().items())


def test_it_stands_beside_the_frozen_one_on_the_same_users(shared: Path, full: RunDir) -> None:
    result = full.manifest.result
    frozen = store.find_encoders(shared / "runs", opened(shared), full.manifest.inputs["backbone"])["genre"]
    assert list(result["controls"]) == ["backbone", "no_attribute", "encoder", "frozen"]
    assert result["controls"]["frozen"]["ndcg@10"] == pytest.approx(frozen.manifest.result["validation_ndcg@10"])
    assert result["controls"]["encoder"]["ndcg@10"] == result["validation_ndcg@10"]
    expected = {"run": frozen.name} | {n: frozen.manifest.result[n] for n in ("n_parameters", "cpu_seconds")}
    assert result["beside"] == expected


def test_a_frozen_one_trained_later_stands_beside_it_too(shared: Path, full: RunDir, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(shared, tmp_path / "w"))
    later = train_encoder(Setting(workspace), opened(workspace), replace(PLAN, full=False))
    assert later.manifest.result["beside"]["run"] == full.name
    assert list(later.manifest.result["controls"]) == ["backbone", "no_attribute", "encoder", "full"]


def test_tools_are_the_frozen_ones_unless_full_ones_are_asked_for(shared: Path, full: RunDir) -> None:
    frozen, asked = agent_of(shared), agent_of(shared, full_encoders=True)
    assert list(frozen.scorer.encoders) == ["genre", "release_year"]
    assert not any(isinstance(encoder, FullEncoder) for encoder in frozen.scorer.encoders.values())
    assert list(asked.scorer.encoders) == ["genre"]
    assert asked.inputs["encoder:genre"] == full.manifest.result["digest"]
    plain = np.linalg.norm(asked.scorer.scores("genre", 3) - asked.scorer.scores(None, 3))
    assert plain > 1e-3
    trajectory = asked.explore(3)
    assert any(
        step.action.tool == "retrieve" and step.action.arguments.get("attribute") == "genre"
        for step in trajectory.steps
    )


def test_a_full_one_serves_where_an_attribute_has_no_other(workspace: Path) -> None:
    train_encoder(Setting(workspace), opened(workspace), replace(PLAN, attribute="director", controls=False))
    agent = agent_of(workspace)
    assert list(agent.scorer.encoders) == ["genre", "release_year", "director"]
    assert isinstance(agent.scorer.encoders["director"], FullEncoder)


def test_where_there_is_none_it_says_how_to_train_one(workspace: Path) -> None:
    with pytest.raises(InputError, match="No attribute full encoder is trained") as caught:
        agent_of(workspace, full_encoders=True)
    assert caught.value.hint == "Type: toolrec train-encoder sample --attr genre --full"
    with pytest.raises(InputError, match="'release_year' has no full encoder"):
        agent_of(workspace, full_encoders=True, attributes=["release_year"])


def test_what_is_tuned_is_tuned_on_those_that_are_asked_for() -> None:
    assert TunePlan(full_encoders=True).agent.full_encoders
    assert not TunePlan().agent.full_encoders


def test_the_ablation_sets_frozen_against_full(shared: Path, full: RunDir) -> None:
    _, found = ablate(Setting(shared), opened(shared), "encoders")
    rows = {row.name: row for row in found.rows}
    assert list(rows) == [
        "sasrec",
        "genre",
        "genre, shuffled",
        "genre, full",
        "release_year",
        "release_year, shuffled",
    ]
    assert (rows["genre, full"].against, rows["genre"].against) == ("genre", "sasrec")
    assert rows["genre, full"].measured == {
        "trained parameters": float(full.manifest.result["n_parameters"]),
        "training CPU s": full.manifest.result["cpu_seconds"],
    }
    assert set(rows["genre"].measured) == {"trained parameters", "training CPU s", "CPU s shared by all"}


def test_attributes_are_tried_in_full_where_every_one_has_a_full_encoder(shared: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(shared, tmp_path / "w"))
    plan = AblationPlan(n_users=10, noise=())
    _, found = ablate(Setting(workspace), opened(workspace), "attributes", plan)
    assert [row.name for row in found.rows] == ["no attribute", "genre", "release_year", "all"]
    train_encoder(Setting(workspace), opened(workspace), replace(PLAN, attribute="release_year", controls=False))
    _, found = ablate(Setting(workspace), opened(workspace), "attributes", plan)
    assert [row.name for row in found.rows] == ["no attribute", "genre", "release_year", "all", "all in full"]
    frozen, full = (row.measured["trained parameters"] for row in found.rows[-2:])
    backbone = store.load_backbone(
        store.find_backbone(workspace / "runs", opened(workspace), None)[0], opened(workspace)
    )
    run, _ = ablate(Setting(workspace), opened(workspace), "encoders", plan)
    of_full = {name for name in run.manifest.inputs if name.startswith("full encoder:")}
    assert of_full == {"full encoder:genre", "full encoder:release_year"}
    assert full > 2 * sum(each.numel() for each in backbone.parameters()) > 0
    assert frozen < full
