"""Exact retrieval for many at once: what sorting all scores gives, in whatever company, whatever the shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.models import best as module
from toolrec_cli.models.best import best

ONE = np.array([1.0], np.float32)


def by_sorting(queries: np.ndarray, table: np.ndarray, histories: list[list[int]], k: int) -> list[list[int]]:
    """All scores in double precision, all sorted, ties by item."""
    found = []
    for query, own in zip(queries, histories, strict=True):
        scores = table.astype(float) @ query.astype(float)
        order = sorted(set(range(1, len(table))) - set(own), key=lambda item: (-scores[item], item))
        found.append((order + [0] * k)[:k])
    return found


def called(queries: np.ndarray, table: np.ndarray, histories: list[list[int]], k: int) -> list[list[int]]:
    items = np.array([item for own in histories for item in own], np.int32)
    offsets = np.cumsum([0, *map(len, histories)]).astype(np.int64)
    return best(queries, table, items, offsets, k).tolist()


def test_the_best_of_four_items() -> None:
    table = np.array([[9.0], [1.0], [3.0], [2.0], [3.0]], np.float32)
    queries = np.array([[1.0], [-1.0], [1.0]], np.float32)
    assert called(queries, table, [[], [1], [2, 3]], 3) == [[2, 4, 3], [3, 2, 4], [4, 1, 0]]


def test_whoever_has_everything_gets_nothing() -> None:
    table = np.array([[0.0], [1.0], [2.0]], np.float32)
    assert called(ONE[None], table, [[1, 2]], 2) == [[0, 0]]


@given(
    n_users=st.integers(1, 9),
    n_items=st.integers(1, 200),
    k=st.integers(1, 60),
    shape=st.sampled_from([(2, 16), (4, 32), (64, 8192)]),
    seed=st.integers(0, 99),
    levels=st.sampled_from([2, 5, 1000]),
)
def test_it_is_what_sorting_gives(
    n_users: int, n_items: int, k: int, shape: tuple[int, int], seed: int, levels: int
) -> None:
    """Small whole numbers, so that sums are exact and ties many."""
    rng = np.random.default_rng(seed)
    table = rng.integers(-levels, levels, (n_items + 1, 3)).astype(np.float32)
    queries = rng.integers(-3, 4, (n_users, 3)).astype(np.float32)
    histories = [rng.choice(n_items, rng.integers(0, n_items + 1), replace=False) + 1 for _ in range(n_users)]
    owned = [own.tolist() for own in histories]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "USERS", shape[0])
        patch.setattr(module, "ITEMS", shape[1])
        assert called(queries, table, owned, k) == by_sorting(queries, table, owned, k)


def test_a_user_gets_the_same_alone_and_in_company() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(size=(20_001, 64)).astype(np.float32)
    queries = np.concatenate([rng.normal(size=(150, 64)), np.repeat(rng.normal(size=(1, 64)), 3, axis=0)]).astype(
        np.float32
    )
    together = called(queries, table, [[5, 9]] * 153, 100)
    assert [called(queries[u : u + 1], table, [[5, 9]], 100)[0] for u in range(0, 153, 7)] == together[::7]
    assert together[-1] == together[-2] == together[-3]


def test_it_holds_no_more_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    product = module.torch.mm
    monkeypatch.setattr(module.torch, "mm", lambda *a, out: seen.append(tuple(out.shape)) or product(*a, out=out))
    table = np.zeros((30_000, 4), np.float32)
    called(np.zeros((130, 4), np.float32), table, [[]] * 130, 10)
    assert set(seen) == {(64, 8192)}
    assert len(seen) == 3 * 4
