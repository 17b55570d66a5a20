"""Metrics of a list with one held-out item: exact small tables, an independent library, and what must always hold."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, R, Success, nDCG

from toolrec_cli.evaluation.metrics import METRICS, ranks, score
from toolrec_cli.seeds import stream

LISTS = np.array(
    [
        [5, 6, 7, 8],  # first
        [6, 5, 7, 8],  # second
        [6, 7, 8, 5],  # fourth
        [6, 7, 8, 9],  # not there
        [0, 0, 0, 0],  # a failed list
        [6, 5, 0, 0],  # a short list
        [6, 6, 6, 5],  # copies are taken out: second
        [5, 5, 5, 5],  # counts once
        [0, 6, 0, 5],  # holes are no places
    ]
)
TARGETS = np.full(len(LISTS), 5)
RANKS = [1, 2, 4, 0, 0, 2, 2, 1, 2]

short_lists = st.lists(st.integers(0, 8), min_size=1, max_size=12)
cutoffs = st.integers(1, 14)
targets = st.integers(1, 8)


def _one(items: list[int], target: int, k: int) -> dict[str, float]:
    scored = score(np.array([items], dtype=np.int64), np.array([target]), [k])
    return {name.split("@")[0]: float(values[0]) for name, values in scored.items()}


def test_ranks_of_a_small_table() -> None:
    assert ranks(LISTS, TARGETS).tolist() == RANKS


@pytest.mark.parametrize(("rank", "ndcg", "mrr"), [(1, 1.0, 1.0), (2, 1 / math.log2(3), 0.5), (3, 0.5, 1 / 3)])
def test_values_at_the_first_places(rank: int, ndcg: float, mrr: float) -> None:
    items = [10 + place for place in range(1, rank)] + [5]
    assert _one(items, 5, 3) == {"recall": 1.0, "ndcg": ndcg, "mrr": mrr, "hit": 1.0, "map": mrr}


def test_the_cutoff_is_inclusive() -> None:
    assert _one([6, 7, 5], 5, 3)["hit"] == 1.0
    assert _one([6, 7, 5], 5, 2) == dict.fromkeys(METRICS, 0.0)


def test_every_metric_at_every_k_for_every_user() -> None:
    scored = score(LISTS, TARGETS, [1, 3])
    assert set(scored) == {f"{name}@{k}" for name in ("recall", "ndcg", "mrr", "hit", "map") for k in (1, 3)}
    assert {(values.shape, values.dtype) for values in scored.values()} == {((len(LISTS),), np.dtype("float64"))}
    assert scored["hit@1"].tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0]
    assert scored["recall@3"].tolist() == [1, 1, 0, 0, 0, 1, 1, 1, 1]


def test_failed_lists_stay_in_the_denominator() -> None:
    """Defect 4 of the released code: it deletes such users before averaging."""
    lists = np.array([[5, 6], [0, 0], [0, 0], [7, 8]])
    assert score(lists, np.array([5, 5, 5, 5]), [2])["recall@2"].mean() == 0.25


def test_a_repeated_hit_counts_once() -> None:
    """Defect 5 of the released code: Recall above 1."""
    assert _one([5] * 10, 5, 10) == dict.fromkeys(METRICS, 1.0)


def test_a_user_without_a_held_out_item_scores_nothing_though_lists_are_padded_with_0() -> None:
    assert ranks(np.array([[0, 0], [3, 0]]), np.array([0, 0])).tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(3, 0), (0, 10), (0, 0)])
def test_no_places_or_no_users(shape: tuple[int, int]) -> None:
    scored = score(np.zeros(shape, dtype=np.int64), np.ones(shape[0], dtype=np.int64), [10])
    assert scored["ndcg@10"].tolist() == [0.0] * shape[0]


def test_narrow_integers_as_they_are_stored() -> None:
    assert ranks(LISTS.astype(np.uint32), TARGETS.astype(np.int32)).tolist() == RANKS


def test_agrees_with_ir_measures() -> None:
    rng = stream(1, "oracle")
    lists = np.stack([rng.permutation(40)[:20] + 1 for _ in range(300)])
    held_out = rng.integers(1, 41, 300)
    wanted = {str(user): {str(item): 1} for user, item in enumerate(held_out)}
    runs = {str(u): {str(item): float(-place) for place, item in enumerate(row)} for u, row in enumerate(lists)}
    for k in (1, 5, 10, 20):
        measures = {nDCG @ k: "ndcg", RR @ k: "mrr", R @ k: "recall", Success @ k: "hit", AP @ k: "map"}
        ours = score(lists, held_out, [k])
        seen = 0
        for found in ir_measures.iter_calc(list(measures), wanted, runs):
            seen += 1
            assert ours[f"{measures[found.measure]}@{k}"][int(found.query_id)] == pytest.approx(found.value, abs=1e-12)
        assert seen == 5 * len(lists)


@given(st.lists(short_lists, min_size=1, max_size=8), targets, cutoffs)
def test_agrees_with_ir_measures_on_short_lists_copies_and_holes(lists: list[list[int]], target: int, k: int) -> None:
    """The library knows no item twice: it is given each where it stands first. Who has no list at all counts as a miss."""
    width = max(map(len, lists))
    ours = score(np.array([each + [0] * (width - len(each)) for each in lists]), np.full(len(lists), target), [k])
    wanted = {str(user): {str(target): 1} for user in range(len(lists))}
    distinct = [list(dict.fromkeys(item for item in each if item)) for each in lists]
    runs = {
        str(user): {str(item): float(-place) for place, item in enumerate(each)} for user, each in enumerate(distinct)
    }
    measures = {nDCG @ k: "ndcg", RR @ k: "mrr", R @ k: "recall", Success @ k: "hit", AP @ k: "map"}
    theirs = ir_measures.calc_aggregate(list(measures), wanted, {user: found for user, found in runs.items() if found})
    n_found = sum(map(bool, distinct))
    for measure, name in measures.items():
        of_all = theirs[measure] if n_found else 0.0
        assert ours[f"{name}@{k}"].mean() == pytest.approx(of_all, abs=1e-12)


@given(short_lists, targets, cutoffs)
def test_between_0_and_1_and_ordered(items: list[int], target: int, k: int) -> None:
    found = _one(items, target, k)
    assert 0 <= found["mrr"] <= found["ndcg"] <= found["hit"] == found["recall"] <= 1


@given(short_lists, targets, cutoffs)
def test_grows_with_k(items: list[int], target: int, k: int) -> None:
    less, more = _one(items, target, k), _one(items, target, k + 1)
    assert all(less[name] <= more[name] for name in METRICS)


@given(short_lists, targets, cutoffs)
def test_copies_change_nothing(items: list[int], target: int, k: int) -> None:
    """A list scores what it scores without its later copies and holes."""
    compact = list(dict.fromkeys(item for item in items if item)) or [0]
    assert _one(items, target, k) == _one(compact, target, k)


@given(short_lists, targets, cutoffs, st.data())
def test_repeating_an_item_further_down_never_raises_a_score(
    items: list[int], target: int, k: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(items) - 1))
    place = data.draw(st.integers(first + 1, len(items)))
    assert _one([*items[:place], items[first], *items[place:]], target, k) == _one(items, target, k)


@given(st.permutations(range(4)))
def test_users_do_not_touch_each_other(order: list[int]) -> None:
    assert ranks(LISTS[order], TARGETS[order]).tolist() == [RANKS[user] for user in order]
