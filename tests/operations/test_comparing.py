"""toolrec eval beside baselines: the same users and masking; and what is asked further down changes nothing above."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.baseline import BASELINES
from toolrec_cli.evaluation.report import Report
from toolrec_cli.models import evidence, store
from toolrec_cli.operations.comparing import baseline_lists, beyond_reach
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir

ALL = tuple(BASELINES.names())


@pytest.fixture
def made(workspace: Path, tiny: Dataset) -> tuple[RunDir, Report]:
    return evaluate(Setting(workspace), tiny, EvalPlan(ks=(5, 10, 20), baselines=ALL, groups=True))


def test_baselines_stand_in_the_table(made: tuple[RunDir, Report]) -> None:
    _, report = made
    assert [row.name for row in report.rows] == [
        "sasrec",
        "retrieve:genre",
        "retrieve:release_year",
        "rrf",
        *ALL,
        "surrogate",
    ]
    for row in report.rows:
        assert set(row.beyond) == {
            "coverage",
            "novelty",
            "diversity",
            "popularity",
            "head_share",
            "miscalibration",
        }
        assert {each.n for each in row.metrics.values()} == {80}
    json.dumps([row.beyond["coverage"].mean for row in report.rows], allow_nan=False)


def test_no_row_lists_what_its_user_has(made: tuple[RunDir, Report], tiny: Dataset) -> None:
    run, _ = made
    log = pl.read_parquet(tiny.directory / "interactions.parquet").filter(pl.col("part") != "test")
    users, items = tiny.users["user_id"], tiny.catalog.frame["item_id"]
    seen = set(zip(users.gather(log["user_index"]), items.gather(log["item_index"] - 1), strict=True))
    listed = pl.read_parquet(run.path / "rankings.parquet")
    assert not seen & set(listed.select("user_id", "item_id").iter_rows())
    assert listed.group_by("row", "user_id").len()["len"].unique().to_list() == [20]
    assert listed.select("row", "user_id", "item_id").is_duplicated().sum() == 0


def test_a_figure_at_10_is_the_same_whatever_else_is_asked(
    workspace: Path, tiny: Dataset, made: tuple[RunDir, Report]
) -> None:
    """It was not: `--k 20` made the surrogate's list longer, and so another one."""
    _, alone = evaluate(Setting(workspace), tiny, EvalPlan(ks=(10,), baselines=ALL))
    for short, long in zip(alone.rows, made[1].rows, strict=True):
        for name, found in short.metrics.items():
            assert long.metrics[name].mean == found.mean
        assert short.beyond == long.beyond


def test_a_longer_list_is_another_question(workspace: Path, tiny: Dataset) -> None:
    run, report = evaluate(Setting(workspace), tiny, EvalPlan(AgentPlan(limits=Limits(n=15)), ks=(5,), n_users=7))
    assert report.n == 15
    listed = pl.read_parquet(run.path / "rankings.parquet").filter(row="surrogate")
    assert listed.group_by("user_id").len()["len"].unique().to_list() == [15]


def test_groups_hold_everybody_once_by_each_trait(made: tuple[RunDir, Report]) -> None:
    _, report = made
    for by in {group.by for group in report.groups}:
        assert sum(group.n_users for group in report.groups if group.by == by) == 80
    whole = report.rows[-1].metrics["ndcg@10"].mean
    by_length = [group for group in report.groups if group.by == "history length"]
    assert np.average(
        [g.rows["surrogate"].mean for g in by_length], weights=[g.n_users for g in by_length]
    ) == pytest.approx(whole)


def test_who_is_asked_changes_no_baseline(workspace: Path, tiny: Dataset, made: tuple[RunDir, Report]) -> None:
    """What is counted is counted from everybody, also when few are asked."""
    few, report = evaluate(Setting(workspace), tiny, EvalPlan(ks=(20,), baselines=ALL, n_users=9))
    both = [pl.read_parquet(run.path / "rankings.parquet") for run in (few, made[0])]
    kept = both[1].join(both[0].select("user_id").unique(), on="user_id", how="semi")
    order = ["row", "user_id", "rank"]
    assert both[0].sort(order).equals(kept.sort(order))
    assert (report.n_users, report.n_possible) == (9, 80)
    versus = report.rows[-1].versus
    assert versus is not None
    assert versus["ndcg@20"].detectable is not None


def test_every_other_kind_of_backbone_has_a_row(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same model under another name: its lists are those of the backbone."""
    runs = store.find_backbones(workspace / "runs", tiny)
    assert list(runs) == ["sasrec"]
    monkeypatch.setattr(store, "find_backbones", lambda *_: {"sasrec": runs["sasrec"], "other": runs["sasrec"]})
    run, report = evaluate(Setting(workspace), tiny, EvalPlan(baselines=("popularity",), n_users=20))
    assert "other" in [row.name for row in report.rows]
    lists = pl.read_parquet(run.path / "rankings.parquet")
    assert lists.filter(row="other").drop("row").equals(lists.filter(row="sasrec").drop("row"))


def test_ease_over_too_many_items_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, tiny: Dataset) -> None:
    monkeypatch.setattr(evidence, "EASE_LIMIT", 10)
    assert beyond_reach("transition", 11) == ""
    assert "where they are 11, more than 10" in beyond_reach("ease", 11)
    with pytest.raises(UsageError, match="too large"):
        baseline_lists(["ease"], tiny.before(Part.TEST), 11, np.arange(2), 5)
