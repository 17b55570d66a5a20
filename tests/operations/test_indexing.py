"""Retrieval by an index: built once, on record with its recall, used where it is asked for or where it pays."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.sources.sample import make
from toolrec_cli.errors import UsageError
from toolrec_cli.models import item_index
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations import indexing
from toolrec_cli.operations.exploring import AgentPlan, assemble, explore_all
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, pretrain
from toolrec_cli.operations.verifying import verify
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.tools.retrieve import best_of

N_ITEMS = 390
"""Of the 400 that are made, those that anybody has seen."""

needs_faiss = pytest.mark.skipif(not item_index.installed(), reason="needs the extra ann")
BY_INDEX, EXACTLY = AgentPlan(attributes=[], retrieval="index"), AgentPlan(attributes=[], retrieval="exact")


@pytest.fixture(scope="module")
def four_hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 60 users and N_ITEMS films, enough to have cells."""
    workspace = tmp_path_factory.mktemp("films")
    dataset = prepare(
        "sample", make(60, 400), "sample", workspace / "datasets" / "sample", skip_bad=False, progress=silent
    )
    shape = {"embedding_size": 16, "n_layers": 1, "n_heads": 2, "max_length": 20, "dropout": 0.1}
    pretrain(Setting(workspace), dataset, BackbonePlan(shape=shape, training=TrainingSettings(epochs=1), threads=1))
    return workspace


@pytest.fixture
def films(four_hundred: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(four_hundred, tmp_path / "w"))


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def ids(workspace: Path, n: int = 12) -> list[str]:
    return opened(workspace).users["user_id"].to_list()[:n]


@needs_faiss
def test_it_is_built_once_recorded_and_verified(films: Path) -> None:
    told: list[tuple[str, int, int]] = []
    run, _ = explore_all(
        Setting(films), opened(films), ids(films), BY_INDEX, progress=lambda *said: told.append(said[:3])
    )
    assert ("index none", N_ITEMS, N_ITEMS) in told
    card = run.manifest.result["indexes"]["none"]
    assert (card["items"], card["queries"]) == (N_ITEMS, 60)
    assert 0.1 < card["recall"] < 0.9  # eight of 78 cells, of vectors without order
    file = next((films / "cache" / "indexes").glob("*.faiss"))
    assert run.manifest.inputs["index:none"] == card["sha256"]
    assert card["table"].startswith(file.stem)
    before = file.stat().st_mtime_ns
    again, _ = explore_all(Setting(films), opened(films), ids(films), BY_INDEX)
    assert file.stat().st_mtime_ns == before
    assert again.manifest.inputs == run.manifest.inputs
    assert verify(Setting(films), opened(films), again) == 12
    exactly, _ = explore_all(Setting(films), opened(films), ids(films), EXACTLY)
    assert not any(name.startswith("index:") for name in exactly.manifest.inputs)
    assert verify(Setting(films), opened(films), exactly) == 12


@needs_faiss
def test_a_run_does_not_go_on_otherwise_than_it_began(films: Path) -> None:
    run, _ = explore_all(Setting(films), opened(films), ids(films), BY_INDEX)
    run.update(status="interrupted")
    with pytest.raises(UsageError, match=r"inputs\.index:none was"):
        explore_all(Setting(films), opened(films), ids(films), EXACTLY, again=Again(open_run(run.path)))


@needs_faiss
def test_lists_of_the_index_are_those_of_exact_search_where_it_finds_them(films: Path) -> None:
    """Scores are those of exact search, so of what it finds nothing changes places; a user's own items are left out."""
    agent, exact = (assemble(Setting(films), opened(films), plan) for plan in (BY_INDEX, EXACTLY))
    same = []
    for user in range(60):
        found, scores = best_of(agent.scorer, None, agent.user(user), 20)
        wanted, true = best_of(exact.scorer, None, exact.user(user), 20)
        assert len(found) == 20
        assert not np.isin(found, agent.user(user).history).any()
        assert (np.diff(scores) <= 0).all()
        both = np.isin(wanted, found)
        assert found[np.isin(found, wanted)].tolist() == wanted[both].tolist()
        np.testing.assert_allclose(scores[np.isin(found, wanted)], true[both], rtol=1e-5)
        same.append(both.mean())
    assert np.mean(same) > 0.3, "the vectors are those of an epoch: hardly any order is among them"


def test_small_catalogues_have_none_unasked(films: Path) -> None:
    run, _ = explore_all(Setting(films), opened(films), ids(films, 2), AgentPlan(attributes=[]))
    assert not (films / "cache").exists()
    assert not run.manifest.result.keys() & {"indexes", "unindexed"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("installed", lambda: False, "faiss is not installed: pip install 'toolrec-cli[ann]'"),
        pytest.param("LEAST", 1.01, "% of what exact search finds", marks=needs_faiss),
    ],
)
def test_of_a_large_catalogue_it_is_said_why_there_is_none(
    films: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, reason: str
) -> None:
    monkeypatch.setattr(indexing, "LARGE", 300)
    monkeypatch.setattr(indexing, name, value)
    run, _ = explore_all(Setting(films), opened(films), ids(films, 2), AgentPlan(attributes=[]))
    assert reason in run.manifest.result["unindexed"]
    assert "index:none" not in run.manifest.inputs


@needs_faiss
def test_a_large_catalogue_has_one_unasked(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "LARGE", 300)
    monkeypatch.setattr(indexing, "LEAST", 0.0)
    run, _ = explore_all(Setting(films), opened(films), ids(films, 2), AgentPlan(attributes=[]))
    assert "index:none" in run.manifest.inputs


BUILDER = """
import sys, time
from pathlib import Path
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations import indexing
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.setting import Setting
workspace, name, others = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
build, digest = indexing.build_index, indexing.table_digest
def arrived(table):
    (workspace / f"{name} has come").touch()
    return digest(table)
def slowly(*args):
    (workspace / f"{name} builds").touch()
    while not all((workspace / f"{other} has come").exists() for other in others):
        time.sleep(0.01)
    time.sleep(0.5)
    return build(*args)
indexing.table_digest, indexing.build_index = arrived, slowly
dataset = Dataset(workspace / "datasets" / "sample")
plan = AgentPlan(attributes=[], retrieval="index")
notes = lambda task, done, total, note="": print(task, note)
explore_all(Setting(workspace, out=workspace / name), dataset, ["1"], plan, progress=notes)
"""


def building(workspace: Path, name: str, *others: str) -> "subprocess.Popen[str]":
    """A process that explores by an index; if it builds one, not before `others` want one, too."""
    words = [sys.executable, "-c", BUILDER, str(workspace), name, *others]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@needs_faiss
def test_of_two_that_want_one_at_once_one_builds_it_and_the_other_reads_it(films: Path) -> None:
    both = building(films, "a", "b"), building(films, "b", "a")
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum((films / f"{name} builds").exists() for name in "ab") == 1
    assert sum("another process builds it" in out for out, _ in said) == 1
    first, second = (open_run(films / name).manifest for name in "ab")
    assert first.inputs["index:none"] == second.inputs["index:none"]
    folder = films / "cache" / "indexes"
    assert sorted(path.suffix for path in folder.iterdir()) == [".faiss", ".json"]
    assert verify(Setting(films), opened(films), open_run(films / "b")) == 1


@needs_faiss
def test_who_waits_for_a_builder_that_is_killed_builds_it_himself(films: Path) -> None:
    first = building(films, "a", "nobody")
    until(films / "a builds", first)
    second = building(films, "b")
    until(films / "b has come", second)
    first.kill()
    first.communicate()
    said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert (films / "b builds").exists()
    assert verify(Setting(films), opened(films), open_run(films / "b")) == 1
