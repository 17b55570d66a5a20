"""Several encoders in one go: the same as one by one, on states that are computed one time, beside their controls."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.models import fitting
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations import ground
from toolrec_cli.operations.encoders import attributes_wanted, train_encoders
from toolrec_cli.operations.runs import remove
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import EncoderPlan, train_encoder
from toolrec_cli.storage.run_dir import RunDir, list_runs

PLAN = EncoderPlan(
    "genre", shape={"embedding_size": 8}, training=TrainingSettings(epochs=1, batch_size=16), threads=1, controls=False
)


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def test_in_one_go_they_are_what_they_are_one_by_one(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, passes = opened(workspace), []
    freeze = fitting.freeze
    monkeypatch.setattr(fitting, "freeze", lambda *args: passes.append(1) or freeze(*args))
    together = train_encoders(Setting(workspace), dataset, ["director", "genre"], PLAN)
    assert len(passes) == 1
    alone = train_encoder(Setting(workspace), dataset, PLAN)
    assert len(passes) == 2
    assert [run.manifest.result["attribute"] for run in together] == ["director", "genre"]
    assert together[1].manifest.result["digest"] == alone.manifest.result["digest"]


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few seconds states take, they are kept."""
    monkeypatch.setattr(ground, "WORTH_KEEPING", 0.0)


def test_states_that_take_no_time_are_not_kept(workspace: Path) -> None:
    train_encoder(Setting(workspace), opened(workspace), PLAN)
    assert not (workspace / "cache").exists()


@pytest.mark.usefixtures("keeping")
def test_a_later_one_finds_the_states_of_an_earlier_and_is_the_same(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_encoder(Setting(workspace), opened(workspace), PLAN)
    (states,) = (workspace / "cache" / "states").glob("*.npy")
    with monkeypatch.context() as without:
        without.setattr(fitting, "freeze", None)
        again = train_encoder(Setting(workspace), opened(workspace), PLAN)
    for name in ("digest", "curve", "states_cpu_seconds"):
        assert again.manifest.result[name] == first.manifest.result[name]
    states.write_bytes(states.read_bytes()[:-1])  # damaged, they are computed again
    mended = train_encoder(Setting(workspace), opened(workspace), PLAN)
    assert mended.manifest.result["digest"] == first.manifest.result["digest"]


@pytest.mark.usefixtures("keeping")
@pytest.mark.parametrize("other", [{"seed": 7}, {"targets": "all"}], ids=str)
def test_states_of_another_seed_or_choice_of_targets_are_others(workspace: Path, other: dict[str, Any]) -> None:
    for changed in (dict[str, Any](), other):
        plan = replace(PLAN, training=replace(PLAN.training, **changed))
        train_encoder(Setting(workspace, seed=changed.get("seed", 42)), opened(workspace), plan)
    assert len(list((workspace / "cache" / "states").glob("*.npy"))) == 2


@pytest.mark.usefixtures("keeping")
def test_with_its_backbone_its_states_are_removed(workspace: Path) -> None:
    train_encoder(Setting(workspace), opened(workspace), PLAN)
    (backbone,) = [run for run in list_runs(workspace / "runs") if run.manifest.verb == "pretrain"]
    encoders = [run for run in list_runs(workspace / "runs") if run.manifest.verb == "train-encoder"]
    remove(workspace / "runs", encoders[0])
    assert len(list((workspace / "cache" / "states").iterdir())) == 2
    remove(workspace / "runs", backbone, force=True)
    assert list((workspace / "cache" / "states").iterdir()) == []


def controls_of(run: RunDir) -> dict[str, dict[str, float]]:
    return json.loads((run.path / "run.json").read_text())["result"]["controls"]


def test_the_controls_are_in_the_record(workspace: Path) -> None:
    plan = EncoderPlan(PLAN.attribute, shape=PLAN.shape, training=PLAN.training, threads=1)
    runs = train_encoders(Setting(workspace), opened(workspace), ["genre", "release_year"], plan)
    genre, year = map(controls_of, runs)
    assert list(genre) == list(year) == ["backbone", "no_attribute", "encoder"]
    assert all(set(row) == {"ndcg@10", "filtered_ndcg@10", "hit_rate@20"} for row in genre.values())
    assert genre["encoder"]["ndcg@10"] == runs[0].manifest.result["validation_ndcg@10"]
    assert genre["no_attribute"]["ndcg@10"] == year["no_attribute"]["ndcg@10"]
    assert genre["backbone"]["ndcg@10"] == runs[0].manifest.result["backbone_ndcg"]
    assert genre["backbone"]["filtered_ndcg@10"] > genre["backbone"]["ndcg@10"]


def test_without_controls_none_are_trained(workspace: Path) -> None:
    run = train_encoder(Setting(workspace), opened(workspace), PLAN)
    assert "controls" not in run.manifest.result


def test_several_do_not_fit_into_one_directory(workspace: Path) -> None:
    with pytest.raises(UsageError, match="Several encoders do not fit into one run"):
        train_encoders(Setting(workspace, out=workspace / "x"), opened(workspace), ["genre", "director"], PLAN)


def small_catalog() -> Catalog:
    frame = pl.DataFrame({"item_id": ["1", "2"], "title": ["a", "b"], "kind": ["x", "y"], "same": ["z", "z"]})
    attributes = [Attribute("kind", Kind.CATEGORICAL, 1.0, 2), Attribute("same", Kind.CATEGORICAL, 1.0, 1)]
    return Catalog(frame, attributes)


def test_all_is_every_attribute_that_can_be_learnt_from() -> None:
    usable, reasons = attributes_wanted(small_catalog(), ["all"])
    assert usable == ["kind"]
    assert reasons == ["An encoder cannot learn from 'same': every value is the same."]


def test_a_name_that_was_typed_is_not_passed_over() -> None:
    assert attributes_wanted(small_catalog(), ["kind", "kind"]) == (["kind"], [])
    with pytest.raises(UsageError, match="cannot learn from 'same'"):
        attributes_wanted(small_catalog(), ["kind", "same"])
    with pytest.raises(UsageError, match="Did you mean 'kind'"):
        attributes_wanted(small_catalog(), ["knid"])


def test_a_cache_that_cannot_be_written_is_done_without(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "WORTH_KEEPING", 0.0)
    (workspace / "cache").write_text("in the way")
    assert train_encoder(Setting(workspace), opened(workspace), PLAN).manifest.status == "done"
