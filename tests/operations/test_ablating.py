"""Every ablation on the sample: its variants, its files, and what must hold of its figures."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from toolrec_cli.agent.features import Feature
from toolrec_cli.agent.tuned import Weights
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.variants import Comparison
from toolrec_cli.models.listwise import FitSettings
from toolrec_cli.operations.ablating import ABLATIONS, AblationPlan, ablate
from toolrec_cli.operations.ablations.attributes import noisy_catalog
from toolrec_cli.operations.ablations.parts import left_out, without
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.tuning import TunePlan, tune
from toolrec_cli.storage.run_dir import RunDir

NAMES = {
    "rounds": ["1 round", *(f"{n} rounds" for n in range(2, 8))],
    "rank": ["sasrec", "rank", "no rank"],
    "encoders": ["sasrec", "genre", "genre, shuffled", "release_year", "release_year, shuffled"],
    "attributes": ["no attribute", "genre", "release_year", "all", "all + 1 made up", "all + 2 made up"],
    "memory": [f"memory {on}, {rate} typos" for rate in ("0%", "5%", "20%") for on in ("on", "off")],
    "parts": [
        "sasrec",
        "all",
        "without attribute tools",
        "without sequence",
        "without company",
        "without make-up",
        "without popularity",
        "without contexts",
        "without anything of attributes",
        "backbone and attributes alone",
    ],
}


@pytest.fixture(scope="module")
def films(tiny: Dataset) -> Dataset:
    return tiny


def made(workspace: Path, films: Dataset, kind: str, **more: object) -> tuple[RunDir, Comparison]:
    return ablate(Setting(workspace), films, kind, AblationPlan(noise=(1, 2), **more))  # type: ignore[arg-type]


def test_these_are_the_ablations() -> None:
    assert sorted(ABLATIONS.names()) == sorted([*NAMES, "tuned", "models"])


@pytest.mark.parametrize("kind", list(NAMES))
def test_variants_files_and_reading(workspace: Path, films: Dataset, kind: str) -> None:
    run, found = made(workspace, films, kind)
    assert [row.name for row in found.rows] == NAMES[kind]
    assert (found.kind, found.n_users, found.n) == (kind, 80, 10)
    assert sum(row.versus is None for row in found.rows) == 1
    assert next(row.name for row in found.rows if row.versus is None) == found.reference
    assert len(found.reading) == 2
    assert {"variants.parquet", "variants.svg", "rankings.parquet", "report.json"} == set(run.manifest.outputs)
    table = pl.read_parquet(run.path / "variants.parquet")
    ndcg = table.filter(figure="ndcg@10")
    assert ndcg["variant"].to_list() == NAMES[kind]
    assert ndcg["mean"].to_list() == [row.metrics["ndcg@10"].mean for row in found.rows]
    drawn = (run.path / "variants.svg").read_text()
    assert drawn.count("<circle") == len(NAMES[kind])
    json.loads((run.path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_the_last_number_of_rounds_is_what_eval_says(workspace: Path, films: Dataset) -> None:
    _, found = made(workspace, films, "rounds")
    _, report = evaluate(Setting(workspace), films, EvalPlan())
    assert found.rows[-1].metrics["ndcg@10"] == report.rows[-1].metrics["ndcg@10"]
    assert [row.measured["rounds"] for row in found.rows][:2] == [1.0, 2.0]
    assert found.rows[0].measured["unfinished"] == 80


def test_memory_off_is_compared_with_on_at_the_same_rate(workspace: Path, films: Dataset) -> None:
    _, found = made(workspace, films, "memory")
    beside = {row.name: row.against for row in found.rows}
    assert beside["memory off, 20% typos"] == "memory on, 20% typos"
    assert beside["memory on, 20% typos"] == "memory on, 0% typos"
    assert beside["memory on, 0% typos"] == ""
    rows = {row.name: row for row in found.rows}
    off, on = (rows[f"memory {word}, 20% typos"] for word in ("off", "on"))
    assert off.versus is not None
    difference = off.metrics["ndcg@10"].mean - on.metrics["ndcg@10"].mean
    assert off.versus["ndcg@10"].difference == pytest.approx(difference)


def test_without_errors_memory_changes_nothing(workspace: Path, films: Dataset) -> None:
    """Its worth shows where tools err: then an unchecked list has places that are no item's."""
    run, found = made(workspace, films, "memory")
    on, off, *_, worst_on, worst_off = found.rows
    assert on.metrics == off.metrics
    assert (on.measured["no item %"], off.measured["no item %"], worst_on.measured["no item %"]) == (0, 0, 0)
    assert worst_off.measured["no item %"] > 5
    assert worst_on.measured["recovered %"] > 0
    lists = pl.read_parquet(run.path / "rankings.parquet")
    nobody = lists.filter(item_id="")["row"].unique().to_list()
    assert nobody
    assert all("off" in name for name in nobody)


def test_tuned_against_untuned(workspace: Path, films: Dataset) -> None:
    with pytest.raises(UsageError, match="nothing is tuned yet"):
        made(workspace, films, "tuned")
    tune(Setting(workspace), films, TunePlan(fit=FitSettings(epochs=2)))
    _, found = made(workspace, films, "tuned")
    assert [row.name for row in found.rows] == ["sasrec", "untuned", "tuned"]
    _, found = made(workspace, films, "rank")
    assert [row.name for row in found.rows] == ["sasrec", "rank", "no rank", "rank untuned"]


def test_parts_are_not_scored_on_what_they_are_fitted_on(workspace: Path, films: Dataset) -> None:
    there = sorted((workspace / "runs").iterdir())
    with pytest.raises(UsageError, match="fitted on the validation split"):
        made(workspace, films, "parts", agent=AgentPlan(before=Part.VALIDATION))
    assert sorted((workspace / "runs").iterdir()) == there


def test_a_misspelt_ablation_is_refused(workspace: Path, films: Dataset) -> None:
    with pytest.raises(UsageError, match="'rounds'"):
        made(workspace, films, "round")


def test_few_users_are_the_seed_s(workspace: Path, films: Dataset) -> None:
    run, found = made(workspace, films, "rounds", n_users=9)
    assert (found.n_users, found.n_possible) == (9, 80)
    again, same = made(workspace, films, "rounds", n_users=9)
    assert [row.metrics for row in same.rows] == [row.metrics for row in found.rows]
    assert pl.read_parquet(run.path / "rankings.parquet").equals(pl.read_parquet(again.path / "rankings.parquet"))


def test_made_up_attributes_are_the_same_however_many(films: Dataset) -> None:
    few, many = noisy_catalog(films.catalog, 1, 7), noisy_catalog(films.catalog, 3, 7)
    assert few.values("noise 1") == many.values("noise 1")
    assert many.values("noise 1") != many.values("noise 2")
    assert list(many.attributes)[-3:] == ["noise 1", "noise 2", "noise 3"]
    assert "noise 1" not in films.catalog.attributes


def test_a_column_that_is_left_out_cannot_matter() -> None:
    rng = np.random.default_rng(1)
    shapes = {"mean": 3, "scale": 3, "straight": 3, "widen": (3, 4), "bias": 4, "narrow": 4}
    weights = Weights(**{name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    values = rng.normal(size=(5, 3)).astype(np.float32)
    other = values.copy()
    other[:, 1] = 99.0
    gone = np.array([False, True, False])
    assert (without(weights, gone).score(values) == without(weights, gone).score(other)).all()
    assert (weights.score(values) != weights.score(other)).any()


def test_only_what_is_there_is_left_out() -> None:
    columns = [Feature("score:none", "tools"), Feature("score:genre", "tools"), Feature("ease", "company")]
    assert {name: gone.tolist() for name, gone in left_out(columns).items()} == {
        "all": [False, False, False],
        "without attribute tools": [False, True, False],
        "without company": [False, False, True],
        "without anything of attributes": [False, True, False],
        "backbone and attributes alone": [False, False, True],
    }
