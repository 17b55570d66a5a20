"""Training on what is hardly there, and encoders that training does not make better."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData
from toolrec_cli.errors import CheckError, InputError, UsageError
from toolrec_cli.models import store
from toolrec_cli.models.checkpoint import read_card
from toolrec_cli.models.encoding import encode
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, fresh_backbone, pretrain, train_encoder
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import RunDir

SHAPE = {"embedding_size": 8, "n_layers": 1, "max_length": 10}
ONCE = TrainingSettings(epochs=1, batch_size=16)


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def made(folder: Path, histories: dict[str, list[str]], *, timed: bool = True) -> Dataset:
    """A data set of these histories, each in order."""
    rows = [(user, item, float(at)) for user, items in histories.items() for at, item in enumerate(items)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log = log if timed else log.drop("timestamp")
    names = sorted({item for items in histories.values() for item in items})
    items = pl.DataFrame({"item_id": names, "title": names, "kind": [name[0] for name in names]})
    users = pl.DataFrame({"user_id": list(histories)})
    raw = RawData(log, items, users, {"kind": Kind.CATEGORICAL}, files={})
    return prepare("small", raw, "small", folder / "datasets" / "small", skip_bad=False, progress=silent)


def worse(workspace: Path) -> EncoderPlan:
    """A rate at which an encoder unlearns what its backbone knew."""
    training = TrainingSettings(epochs=2, learning_rate=0.5, batch_size=4)
    return EncoderPlan("genre", shape={"embedding_size": 8}, training=training, threads=1, controls=False)


def test_an_encoder_is_never_kept_worse_than_its_backbone(workspace: Path) -> None:
    dataset = opened(workspace)
    run = train_encoder(Setting(workspace), dataset, worse(workspace))
    result = run.manifest.result
    assert (result["best_epoch"], result["epochs"]) == (0, 2)
    assert result["validation_ndcg@10"] == result["backbone_ndcg"]
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["best"]) for line in lines] == [(0, True), (1, False), (2, False)]
    assert lines[0]["loss"] is None
    backbone_run, card = store.find_backbone(workspace / "runs", dataset, None)
    backbone, encoder = store.load_backbone(backbone_run, dataset), store.load_encoder(run, dataset, card.digest)
    histories = dataset.before(None)
    found = encode(backbone, {"genre": encoder}, histories)
    assert np.array_equal(found["genre"][:, :16], found[None])


def looked_at(run: RunDir) -> int:
    """How many users a training was validated on, by its model's card."""
    return read_card(run.path / "model").training["validation_users"]


def test_an_encoder_is_validated_on_the_users_that_its_backbone_was(workspace: Path) -> None:
    """Or their figures could not be compared: its epoch 0 is the backbone."""
    dataset = opened(workspace)
    few = BackbonePlan(shape=SHAPE, training=replace(ONCE, validation_users=17), threads=1)
    backbone = pretrain(Setting(workspace), dataset, few)
    assert looked_at(backbone) == 17
    plan = EncoderPlan("genre", shape={"embedding_size": 8}, training=ONCE, threads=1, controls=False)
    encoder = train_encoder(Setting(workspace), dataset, plan)
    assert looked_at(encoder) == 17
    assert encoder.manifest.result["curve"][0] == encoder.manifest.result["backbone_ndcg"]
    other = train_encoder(Setting(workspace), dataset, replace(plan, training=replace(ONCE, validation_users=30)))
    assert looked_at(other) == 30


def test_where_histories_are_short_a_backbone_is_validated_on_more_users(tmp_path: Path) -> None:
    dataset = made(tmp_path, {f"u{user}": ["a", "b", "c", "d"] for user in range(5)})
    assert (
        looked_at(pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE, training=ONCE, threads=1))) == 10_000
    )


@pytest.mark.parametrize(
    ("backbone", "told", "has"),
    [("sasrec", {}, False), ("bert4rec", {}, True), ("bert4rec", {"relative_positions": False}, False)],
)
def test_a_backbone_that_fills_gaps_weighs_distances_unless_told_otherwise(
    workspace: Path, backbone: str, told: dict[str, bool], has: bool
) -> None:
    shape = {**SHAPE, "n_heads": 1, **told}
    run = pretrain(Setting(workspace), opened(workspace), BackbonePlan(backbone, shape, ONCE, threads=1))
    assert store.load_backbone(run, opened(workspace)).config.relative_positions is has


@pytest.mark.parametrize(("told", "has"), [({}, True), ({"ends": False}, False)])
def test_it_is_also_asked_what_comes_next_unless_told_otherwise(
    workspace: Path, told: dict[str, bool], *, has: bool
) -> None:
    plan = BackbonePlan("bert4rec", {**SHAPE, "n_heads": 1, **told}, ONCE, threads=1)
    assert (
        store.load_backbone(pretrain(Setting(workspace), opened(workspace), plan), opened(workspace)).config.ends is has
    )


def test_one_that_was_begun_before_it_could_be_asked_goes_on_without(workspace: Path) -> None:
    """What is on record of its plan says nothing of it."""
    begun = BackbonePlan("bert4rec", {**SHAPE, "n_heads": 1, "time_aware": True, "relative_positions": True}, ONCE)
    assert fresh_backbone(begun, opened(workspace)).config.ends is False


def test_the_record_says_where_and_how_was_trained(workspace: Path) -> None:
    for run in (
        pretrain(Setting(workspace), opened(workspace), BackbonePlan(shape=SHAPE, training=ONCE, threads=1)),
        train_encoder(Setting(workspace), opened(workspace), replace(worse(workspace), training=ONCE)),
    ):
        result = run.manifest.result
        assert (result["device"], result["threads"]) == ("cpu", 1)
        assert result["precision"] in ("bfloat16", "float32")


@pytest.mark.parametrize(
    ("timed", "told", "read"), [(True, {}, True), (False, {}, False), (True, {"time_aware": False}, False)]
)
def test_times_are_read_where_there_are_any_unless_told_otherwise(
    tmp_path: Path, timed: bool, told: dict[str, bool], read: bool
) -> None:
    dataset = made(tmp_path, {user: list("wxyz") for user in "abc"}, timed=timed)
    run = pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE | told, training=ONCE, threads=1))
    assert store.load_backbone(run, dataset).config.time_aware is read


def test_short_histories_decide_what_is_dropped_and_how_many_make_a_step_unless_told_otherwise(tmp_path: Path) -> None:
    dataset = made(tmp_path, {user: list("wxyz") for user in "abc"})  # two of each are to be learnt from

    def trained(shape: dict[str, float], training: TrainingSettings) -> tuple[float, int]:
        run = pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE | shape, training=training, threads=1))
        _, card = store.find_backbone(tmp_path / "runs", dataset, run.path.name)
        return card.settings["dropout"], card.training["batch_size"]

    assert trained({}, TrainingSettings(epochs=1)) == (0.4, 128)
    assert trained({"dropout": 0.1}, TrainingSettings(epochs=1, batch_size=7)) == (0.1, 7)


def test_a_data_set_without_times_cannot_be_aware_of_them(tmp_path: Path) -> None:
    dataset = made(tmp_path, {user: list("wxyz") for user in "abc"}, timed=False)
    with pytest.raises(UsageError, match="'small' has no times to be aware of") as refused:
        pretrain(Setting(tmp_path), dataset, BackbonePlan(shape={"time_aware": True}, training=ONCE))
    assert refused.value.hint == "Leave out --time-aware."


def test_a_catalogue_of_one_item_is_refused(tmp_path: Path) -> None:
    dataset = made(tmp_path, {user: ["x"] * 4 for user in "abc"})
    with pytest.raises(UsageError, match="A catalogue of one item leaves nothing to choose from"):
        pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE, training=ONCE))
    assert not (tmp_path / "runs").exists()


def test_users_with_one_event_are_passed_over(tmp_path: Path) -> None:
    many = {f"m{k}": ["x", "y", "z", "x", "w"] for k in range(4)}
    dataset = made(tmp_path, {**many, **{f"s{k}": ["y"] for k in range(5)}})
    run = pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE, training=ONCE, threads=1))
    line = json.loads((run.path / "metrics.jsonl").read_text())
    assert line["positions"] == 4 * 2  # of five events two are held out, and the first has nothing before it


def test_nobody_with_two_events_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    dataset = made(tmp_path, {"a": ["x"], "b": ["y"], "c": ["x"]})
    with pytest.raises(InputError, match="Nobody has two interactions"):
        pretrain(Setting(tmp_path), dataset, BackbonePlan(shape=SHAPE, training=ONCE))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("backbone", store.BACKBONES.names())
@pytest.mark.parametrize("targets", ["newest", "all"])
def test_histories_of_one_item_can_be_learnt(workspace: Path, backbone: str, targets: str) -> None:
    plan = BackbonePlan(backbone, {**SHAPE, "max_length": 1}, replace(ONCE, targets=targets), threads=1)
    run = pretrain(Setting(workspace), opened(workspace), plan)
    assert run.manifest.result["validation_ndcg@10"] > 0
    encoder = EncoderPlan("genre", run.name, {"embedding_size": 8}, ONCE, threads=1, controls=False)
    assert train_encoder(Setting(workspace), opened(workspace), encoder).manifest.status == "done"


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(workspace: Path) -> None:
    there = set((workspace / "runs").iterdir())
    with pytest.raises(UsageError, match="There is no device 'gpu'"):
        pretrain(Setting(workspace), opened(workspace), BackbonePlan(shape=SHAPE, training=ONCE, device="gpu"))
    with pytest.raises(UsageError, match="There is no device 'gpu'"):
        train_encoder(Setting(workspace), opened(workspace), replace(worse(workspace), device="gpu"))
    assert set((workspace / "runs").iterdir()) == there


def test_a_loss_that_is_no_number_stops_and_leaves_nothing(workspace: Path) -> None:
    there = set((workspace / "runs").iterdir())
    wild = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e38)
    with pytest.raises(CheckError, match=r"The loss is nan at step \d+ of epoch \d|not finite"):
        pretrain(Setting(workspace), opened(workspace), BackbonePlan(shape=SHAPE, training=wild, threads=1))
    assert set((workspace / "runs").iterdir()) == there
