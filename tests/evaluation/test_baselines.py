"""Baselines that count: each against what can be read off a log of three users."""

from dataclasses import replace

import numpy as np
import pytest

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.baseline import BASELINES, best
from toolrec_cli.models.evidence import Evidence, gather

N_ITEMS = 6


@pytest.fixture(scope="module")
def known() -> Evidence:
    """1 is met by all; 5 is met last of all, twice; after 2 comes 3."""
    histories = [[1, 2, 3], [1, 2, 3, 5], [1, 4, 5]]
    items = np.concatenate(histories).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])]).astype(np.int64)
    times = np.array([1, 2, 3, 1, 2, 3, 9, 1, 2, 10])
    return gather(Interactions(offsets, items, times, None), N_ITEMS)


def listed(name: str, known: Evidence, history: list[int], n: int = 3) -> list[int]:
    return best(BASELINES.get(name), known, np.array(history, np.int32), n).tolist()


def test_these_are_the_baselines() -> None:
    assert BASELINES.names() == ["context-knn", "ease", "item-knn", "popularity", "recent-popularity", "transition"]


def test_popularity_leaves_out_what_one_has(known: Evidence) -> None:
    assert listed("popularity", known, []) == [1, 2, 3]
    assert listed("popularity", known, [1]) == [2, 3, 5]


def test_recent_popularity_is_of_the_newest_interactions(known: Evidence) -> None:
    assert listed("recent-popularity", known, [], 1) == [5]


def test_a_transition_is_from_the_newest_item(known: Evidence) -> None:
    assert listed("transition", known, [4, 2], 1) == [3]
    assert listed("transition", known, [2, 4], 1) == [5]
    assert listed("transition", known, [], 2) == [1, 2]


def test_company_is_kept_with_every_item_of_the_history(known: Evidence) -> None:
    assert listed("item-knn", known, [2, 3], 1) == [1]
    assert listed("item-knn", known, [4], 2) == [5, 1]


def test_ease_sums_the_weights_of_the_history_each_once(known: Evidence) -> None:
    assert known.ease is not None
    scores = BASELINES.get("ease")(known, np.array([1, 2, 2], np.int32))
    np.testing.assert_allclose(scores, known.ease[1] + known.ease[2])
    assert listed("ease", known, [2], 2) == [3, 1]  # both of 2's owners have both; 1 is met without 2 as well


def test_ease_without_its_weights_is_refused(known: Evidence) -> None:
    with pytest.raises(UsageError, match="not computed"):
        BASELINES.get("ease")(replace(known, ease=None), np.array([1], np.int32))


def test_a_context_is_more_than_its_newest_item() -> None:
    """5 mostly comes before 6; after 1, 2 and then 5 it has come before 4."""
    usual, special = [3, 5, 6], [1, 2, 5, 4]
    histories = [usual] * 3 + [special]
    items = np.concatenate(histories).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])]).astype(np.int64)
    seen = gather(Interactions(offsets, items, None, None), N_ITEMS)
    assert listed("context-knn", seen, [5], 1) == [6]
    assert listed("transition", seen, [1, 2, 5], 1) == [6]
    assert listed("context-knn", seen, [1, 2, 5], 1) == [4]
    assert listed("context-knn", seen, [], 2) == listed("popularity", seen, [], 2)


@pytest.mark.parametrize("name", BASELINES.names())
def test_every_item_but_one_s_own_and_the_padding_can_be_listed(name: str, known: Evidence) -> None:
    assert sorted(listed(name, known, [1, 2], 99)) == [3, 4, 5, 6]
    before = known.popularity.copy()
    listed(name, known, [], 5)
    assert (known.popularity == before).all()


def test_a_misspelt_baseline_is_refused_with_the_near_miss() -> None:
    with pytest.raises(UsageError, match="popularity"):
        BASELINES.get("popularty")
