"""NDCG of validation items against the definition, spelt out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolrec_cli.errors import CheckError
from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.models.validation import BLOCK, ndcg

TABLE = torch.tensor([[99.0], [4.0], [3.0], [2.0], [1.0]])
"""Of one number: whoever likes it at all, likes item 1 best; the padding would win."""


def one_user(history: list[int], target: int, k: int = 10, taste: float = 1.0) -> float:
    items, offsets = np.array(history, dtype=np.int32), np.array([0, len(history)])
    return ndcg(np.array([[taste]], dtype=np.float32), TABLE, items, offsets, np.array([target], dtype=np.int32), k)


def naive(queries: FloatArray, table: FloatArray, histories: list[list[int]], targets: list[int], k: int) -> float:
    """Everybody's items not met before, ordered; of equals the target comes last. A target met before is out of reach."""
    gains: list[float] = []
    for query, history, target in zip(queries, histories, targets, strict=True):
        scores = table @ query
        others = [scores[i] for i in range(1, len(table)) if i not in history and i != target]
        rank = 1 + sum(score >= scores[target] for score in others)
        gains.append(1 / math.log2(rank + 1) if rank <= k and target not in history else 0.0)
    return sum(gains) / len(gains) if gains else 0.0


@pytest.mark.parametrize(
    ("history", "target", "expected"),
    [
        ([], 1, 1.0),
        ([], 2, 1 / math.log2(3)),
        ([], 4, 1 / math.log2(5)),
        ([1], 2, 1.0),  # what was met is out of the way
        ([1, 1, 2], 4, 1 / math.log2(3)),
        ([2], 2, 0.0),  # met before and met again: out of reach, as for every list that is scored
    ],
)
def test_ranks_of_a_small_table(history: list[int], target: int, expected: float) -> None:
    assert one_user(history, target) == pytest.approx(expected)


def test_the_cutoff_is_inclusive() -> None:
    assert one_user([], 3, k=3) == pytest.approx(0.5)
    assert one_user([], 3, k=2) == 0.0


def test_of_equals_the_target_comes_last() -> None:
    """A model that likes all items the same knows nothing."""
    assert one_user([], 1, taste=0.0) == pytest.approx(1 / math.log2(5))


@pytest.mark.parametrize("taste", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_refused(taste: float) -> None:
    """A model whose weights overflowed must not pass for a perfect one."""
    with pytest.raises(CheckError, match="not finite") as caught:
        one_user([], 4, k=3, taste=taste)
    assert caught.value.hint == "Try a lower --learning-rate."


def test_a_target_that_the_user_has_already_is_a_miss() -> None:
    """Otherwise early stopping would be pleased with what no list can hold."""
    assert one_user([4], 4) == 0.0
    assert one_user([1, 2, 3, 4], 4) == 0.0


def test_nobody_scores_nothing() -> None:
    nobody = np.zeros((0, 1), dtype=np.float32)
    empty = np.array([], dtype=np.int32)
    assert ndcg(nobody, TABLE, empty, np.array([0]), empty) == 0.0


histories = st.lists(st.lists(st.integers(1, 6), max_size=5), min_size=1, max_size=5)


@settings(deadline=None)
@given(histories, st.integers(1, 7), st.data())
def test_agrees_with_the_definition(histories: list[list[int]], k: int, data: st.DataObject) -> None:
    """Small whole numbers, so that there are many equals."""
    small, n = st.integers(-2, 2), len(histories)
    queries = np.array(data.draw(st.lists(st.tuples(small, small), min_size=n, max_size=n)), dtype=np.float32)
    table = np.array(data.draw(st.lists(st.tuples(small, small), min_size=7, max_size=7)), dtype=np.float32)
    targets = data.draw(st.lists(st.integers(1, 6), min_size=n, max_size=n))
    check_agreement(queries, table, histories, targets, k)


def test_agrees_with_the_definition_over_several_blocks() -> None:
    rng, n = np.random.default_rng(5), 2 * BLOCK + 3
    queries, table = (rng.normal(size=(size, 4)).astype(np.float32) for size in (n, 31))
    met = [rng.integers(1, 31, rng.integers(0, 9)).tolist() for _ in range(n)]
    check_agreement(queries, table, met, rng.integers(1, 31, n).tolist(), 10)


def check_agreement(queries: FloatArray, table: FloatArray, met: list[list[int]], targets: list[int], k: int) -> None:
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in met], dtype=np.int64)])
    items = np.array([item for history in met for item in history], dtype=np.int32)
    found = ndcg(queries, torch.from_numpy(table), items, offsets, np.array(targets, dtype=np.int32), k)
    assert found == pytest.approx(naive(queries, table, met, targets, k), abs=1e-6)
