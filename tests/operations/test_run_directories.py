"""From raw tables to an evaluation: every run directory holds what it should, and its manifest is true."""

import hashlib
import json
import re
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.source import ReadOptions
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.evaluating import evaluate
from toolrec_cli.operations.exploring import recommend
from toolrec_cli.operations.preparing import PrepOptions, prepare
from toolrec_cli.operations.setting import Call, Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.storage.run_dir import MANIFEST, Manifest, RunDir, list_runs, open_run

TRAINED = {"learning-curve.svg", "metrics.jsonl", "model/config.json", "model/weights.safetensors"}
FILES = {
    "pretrain": TRAINED,
    "train-encoder": TRAINED,
    "recommend": {"asked.parquet", "trajectories.jsonl", "rankings.parquet", "steps.parquet"},
    "eval": {
        "asked.parquet",
        "trajectories.jsonl",
        "rankings.parquet",
        "steps.parquet",
        "report.json",
        "per_user.parquet",
    },
}
"""What each verb leaves besides run.json."""

ONCE = TrainingSettings(epochs=1, batch_size=16)
SMALL = {"embedding_size": 8, "n_layers": 1, "max_length": 10}


@pytest.fixture(scope="module")
def walked(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `tiny_workspace` in which three users were explored, and all were evaluated."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("walked") / "w"))
    dataset = Dataset(workspace / "datasets" / "sample")
    setting = Setting(workspace, seed=7, call=Call(("toolrec", "…"), {"user": {"value": ["1"], "from": "commandline"}}))
    recommend(setting, dataset, ["1", "2", "3"])
    evaluate(setting, dataset)
    return workspace


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of(workspace: Path, verb: str) -> RunDir:
    return next(run for run in list_runs(workspace / "runs") if run.manifest.verb == verb)


@pytest.mark.parametrize("verb", FILES)
def test_a_run_holds_its_files_and_no_others(walked: Path, verb: str) -> None:
    run = of(walked, verb)
    found = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert found == FILES[verb] | {MANIFEST}


@pytest.mark.parametrize("verb", FILES)
def test_a_manifest_says_how_the_run_ended_and_names_what_it_made(walked: Path, verb: str) -> None:
    run = of(walked, verb)
    manifest = run.manifest
    assert (manifest.status, manifest.dataset, manifest.schema_version) == ("done", "sample", 1)
    assert manifest.outputs == {name: sha256(run.path / name) for name in sorted(FILES[verb])}
    assert manifest.finished
    assert datetime.fromisoformat(manifest.started) <= datetime.fromisoformat(manifest.finished)
    assert {"python", "torch", "polars", "toolrec-cli"} <= set(manifest.versions)
    assert json.loads((run.path / MANIFEST).read_text())["outputs"] == manifest.outputs


@pytest.mark.parametrize("verb", FILES)
def test_a_run_is_named_after_its_time_verb_and_subject(walked: Path, verb: str) -> None:
    subject = {
        "pretrain": "sample-sasrec",
        "train-encoder": "sample-(genre|release_year)",
        "recommend": "sample-3-users",
        "eval": "sample",
    }[verb]
    assert re.fullmatch(rf"\d{{8}}T[\d.]{{6,}}-{verb}-{subject}-[0-9a-f]{{4}}", of(walked, verb).name)


@pytest.mark.parametrize("verb", FILES)
def test_a_manifest_names_the_data_set_by_its_three_files(walked: Path, verb: str) -> None:
    folder = walked / "datasets" / "sample"
    parts = [sha256(folder / f"{name}.parquet") for name in ("items", "interactions", "users")]
    assert of(walked, verb).manifest.dataset_digest == hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digest(model: Path) -> str:
    card = json.loads((model / "config.json").read_text())
    settings = json.dumps([card["role"], card["name"], card["settings"]], sort_keys=True)
    return hashlib.sha256(f"{sha256(model / 'weights.safetensors')}\n{settings}".encode()).hexdigest()


def weights(walked: Path) -> dict[str, str]:
    """What a run may have been made from -> the SHA-256 of its weights and settings."""
    found = {"backbone": digest(of(walked, "pretrain").path / "model")}
    for run in list_runs(walked / "runs"):
        if run.manifest.verb == "train-encoder":
            name = f"encoder:{run.manifest.result['attribute']}"
            found[name] = digest(run.path / "model")
    return found


def test_an_encoder_names_its_backbone_by_digest(walked: Path) -> None:
    assert of(walked, "train-encoder").manifest.inputs == {"backbone": weights(walked)["backbone"]}


@pytest.mark.parametrize("verb", ["recommend", "eval"])
def test_lists_name_the_backbone_and_every_encoder_by_digest(walked: Path, verb: str) -> None:
    assert of(walked, verb).manifest.inputs == weights(walked)


@pytest.mark.parametrize("verb", ["recommend", "eval"])
def test_a_manifest_keeps_the_call(walked: Path, verb: str) -> None:
    manifest = of(walked, verb).manifest
    assert (manifest.seed, manifest.argv) == (7, ("toolrec", "…"))
    assert manifest.settings == {"user": {"value": ["1"], "from": "commandline"}}


@pytest.mark.parametrize("verb", ["pretrain", "train-encoder"])
def test_a_training_has_a_line_an_epoch_and_its_best_figure(walked: Path, verb: str) -> None:
    run = of(walked, verb)
    epochs = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == ([1, 2] if verb == "pretrain" else [0, 1, 2])
    card = json.loads((run.path / "model" / "config.json").read_text())
    best = max(epochs, key=lambda epoch: epoch["ndcg"])
    assert (run.manifest.result["best_epoch"], run.manifest.result["validation_ndcg@10"]) == (
        best["epoch"],
        best["ndcg"],
    )
    assert (card["validation_ndcg"], card["digest"]) == (best["ndcg"], run.manifest.result["digest"])
    assert card["dataset_digest"] == run.manifest.dataset_digest


def _shop(folder: Path) -> ReadOptions:
    clicks = [f"v{user},p{(user * 4 + step) % 9},{1000 + step}" for user in range(12) for step in range(8)]
    products = [f"p{item},Thing {item},{'ab'[item % 2]},{item + 0.5}" for item in range(9)]
    (folder / "clicks.csv").write_text("\n".join(["user,item,time", *clicks]))
    (folder / "products.csv").write_text("\n".join(["item,title,colour,price/unit", *products]))
    return ReadOptions(interactions=folder / "clicks.csv", items=folder / "products.csv")


def test_the_whole_path_on_a_table_of_ones_own(tmp_path: Path) -> None:
    """Also with an attribute whose name is no file name."""
    dataset = prepare(tmp_path, "table", PrepOptions(_shop(tmp_path), name="shop"))
    assert dataset.directory == tmp_path / "datasets" / "shop"
    assert dataset.card.raw == {name: sha256(tmp_path / name) for name in ("clicks.csv", "products.csv")}
    setting = Setting(tmp_path)
    pretrain(setting, dataset, BackbonePlan(shape=dict(SMALL), training=ONCE, threads=1))
    for attribute in ("colour", "price/unit"):
        train_encoder(setting, dataset, EncoderPlan(attribute, shape={"embedding_size": 8}, training=ONCE, threads=1))
    run, done = recommend(setting, dataset, ["v3"])
    assert set(run.manifest.inputs) == {"backbone", "encoder:colour", "encoder:price/unit"}
    assert (done[0].user_id, str(done[0].status)) == ("v3", "finished")
    _, report = evaluate(setting, dataset)
    assert [row.name for row in report.rows] == ["sasrec", "retrieve:colour", "retrieve:price/unit", "rrf", "surrogate"]
    assert (report.dataset, report.n_users) == ("shop", 12)
    assert len(list((tmp_path / "runs").iterdir())) == 5


def test_a_data_set_is_not_replaced_unasked(workspace: Path) -> None:
    with pytest.raises(UsageError, match="The data set 'sample' is prepared already") as caught:
        prepare(workspace, "sample")
    assert caught.value.hint == (
        "--force prepares it again (models trained on it must then be trained again); --name keeps both."
    )


def test_models_of_an_earlier_version_of_the_data_are_not_used(workspace: Path) -> None:
    folder = workspace / "datasets" / "sample"
    rows = pl.read_parquet(folder / "interactions.parquet").select(
        user=pl.col("user_index").cast(pl.String), item=pl.col("item_index").cast(pl.String), time="timestamp"
    )
    rows.write_csv(workspace / "log.csv")
    options = PrepOptions(ReadOptions(interactions=workspace / "log.csv"), name="sample", force=True)
    dataset = prepare(workspace, "table", options)
    with pytest.raises(InputError, match="there is one for an earlier version of the data set"):
        recommend(Setting(workspace), dataset, ["1"])


def test_a_run_goes_where_it_is_told_unless_something_is_there(workspace: Path, tiny: Dataset) -> None:
    out = workspace / "results" / "mine"
    run, _ = recommend(Setting(workspace, out=out), tiny, ["1"])
    assert run.path == out
    assert open_run(out).manifest.status == "done"
    with pytest.raises(UsageError, match="is there already"):
        recommend(Setting(workspace, out=out), tiny, ["1"])
    assert open_run(out).manifest == run.manifest


def burst(*_: object) -> None:
    raise ValueError("a bug")


def test_what_fails_before_anybody_is_on_record_leaves_no_directory(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {path.name for path in (workspace / "runs").iterdir()}
    monkeypatch.setattr("toolrec_cli.operations.runners.local.encode", burst)
    with pytest.raises(ValueError, match="a bug"):
        recommend(Setting(workspace), tiny, ["1"])
    assert {path.name for path in (workspace / "runs").iterdir()} == there


def test_what_fails_later_is_kept_and_says_why(workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.operations.exploring.derive", burst)
    out = workspace / "runs" / "mine"
    with pytest.raises(ValueError, match="a bug") as caught:
        recommend(Setting(workspace, out=out), tiny, ["1"])
    assert caught.value.__notes__ == [f"Kept: {out}. Go on: toolrec recommend --resume {out}"]
    assert {path.name for path in out.iterdir()} == {"run.json", "asked.parquet", "trajectories.jsonl"}
    manifest = open_run(out).manifest
    assert (manifest.status, manifest.reason) == ("failed", "a bug")


def test_the_newest_run_comes_first_within_a_second_too(workspace: Path, tiny: Dataset) -> None:
    made = [recommend(Setting(workspace), tiny, [user])[0].name for user in ("9", "8", "7", "6", "5")]
    found = [run.name for run in list_runs(workspace / "runs") if run.manifest.verb == "recommend"]
    assert found == made[::-1]


def test_a_manifest_in_the_making_says_that_it_runs(workspace: Path, tiny: Dataset) -> None:
    seen: list[Manifest] = []

    def look(*_: object) -> None:
        seen.append(of(workspace, "recommend").manifest)

    recommend(Setting(workspace), tiny, ["1"], on_step=look)
    assert {(manifest.status, manifest.finished, tuple(manifest.outputs)) for manifest in seen} == {
        ("running", None, ())
    }


def test_there_is_one_seed_the_one_that_is_recorded(tiny: Dataset, tmp_path: Path) -> None:
    plan = BackbonePlan(shape={"embedding_size": 8, "n_layers": 1}, training=TrainingSettings(epochs=1), threads=1)
    found = {seed: pretrain(Setting(tmp_path, seed=seed), tiny, plan) for seed in (1, 2)}
    assert len({run.manifest.result["digest"] for run in found.values()}) == 2
    for seed, run in found.items():
        card = json.loads((run.path / "model" / "config.json").read_text())
        assert (run.manifest.seed, card["training"]["seed"]) == (seed, seed)
