"""Figures without a row or a metric that is told of them are refused by name, before anything is made of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from render.hostile_runs import INTERVAL, METRICS, PAIRED, audit, comparison, evaluation, what_if
from toolrec_cli.operations.whole import Figures, check_whole

Change = Callable[[Any], Any]


def tame(place: int) -> str:
    return f"tame {place}"


def row(found: Any, place: int, **changes: Any) -> Any:
    rows = list(found.rows)
    rows[place] = replace(rows[place], **changes)
    return replace(found, rows=tuple(rows))


def group(found: Any, **changes: Any) -> Any:
    return replace(found, groups=(replace(found.groups[0], **changes),))


@pytest.mark.parametrize("found", [evaluation(tame), comparison(tame), audit(tame), what_if(tame)])
def test_whole_figures_are_let_through(found: Figures) -> None:
    check_whole(found)


def test_a_what_if_without_metrics_is_whole() -> None:
    check_whole(replace(what_if(tame), rows=None))


HIT = {"hit@10": INTERVAL}


HOLED: list[tuple[Figures, Change, str]] = [
    (evaluation(tame), lambda each: replace(each, rows=()), "no rows"),
    (evaluation(tame), lambda each: row(each, 0, metrics={}), "row 'tame 30' has no metrics"),
    (evaluation(tame), lambda each: row(each, 0, metrics=HIT), "row 'tame 30' has no recall@10"),
    (evaluation(tame), lambda each: row(each, 1, metrics=HIT), "row 'tame 31' has no recall@10"),
    (evaluation(tame), lambda each: row(each, 1, versus={}), "row 'tame 31', compared, has no ndcg@10"),
    (evaluation(tame), lambda each: group(each, rows={}), "group 'tame 33' has no tame 30"),
    (evaluation(tame), lambda each: group(each, versus={}), "group 'tame 33', compared, has no surrogate"),
    (comparison(tame), lambda each: replace(each, rows=()), "no rows"),
    (comparison(tame), lambda each: replace(each, n=20), "row 'tame 40' has no recall@20"),
    (comparison(tame), lambda each: row(each, 1, versus_also={}), "row 'tame 1', compared, has no ndcg@10"),
    (audit(tame), lambda each: replace(each, k=20), "a row has no recall@20"),
    (what_if(tame), lambda each: replace(each, rows=each.rows[:1]), "not the two rows"),
    (what_if(tame), lambda each: row(each, 1, versus=None), "not the two rows"),
    (what_if(tame), lambda each: row(each, 1, versus={"ndcg@10": PAIRED}), "compared, has no recall@10"),
    (what_if(tame), lambda each: row(each, 1, metrics={"recall@10": METRICS["ndcg@10"]}), "has no ndcg@10"),
    (what_if(tame), lambda each: replace(each, statuses={}), "what was explored has no"),
]


@pytest.mark.parametrize(("found", "change", "missing"), HOLED)
def test_what_is_missing_is_named(found: Figures, change: Change, missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        check_whole(change(found))
