"""Metrics of a list with one held-out item a user (leave-one-out).

Every user is in the denominator: a short or failed list scores what it holds, an empty one 0. A repeated item counts where it
stands first; later copies are taken out and the rest moves up, so nothing is counted twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
"""item_index or rank, in whatever width it is stored."""
FloatArray = npt.NDArray[np.float64]


def _hit(rank: IntArray, k: int) -> FloatArray:
    """1 if the held-out item is among the first k, else 0."""
    return ((rank > 0) & (rank <= k)).astype(np.float64)


def _ndcg(rank: IntArray, k: int) -> FloatArray:
    """1 / log₂(rank + 1) within the first k (Järvelin and Kekäläinen 2002); the ideal gain is 1 with one relevant item."""
    return _hit(rank, k) / np.log2(np.maximum(rank, 1) + 1.0)


def _mrr(rank: IntArray, k: int) -> FloatArray:
    """1 / rank within the first k."""
    return _hit(rank, k) / np.maximum(rank, 1)


METRICS: dict[str, Callable[[IntArray, int], FloatArray]] = {
    "recall": _hit,
    "ndcg": _ndcg,
    "mrr": _mrr,
    "hit": _hit,
    "map": _mrr,
}
"""Where one item is held out, Recall@k equals Hit@k, and average precision is that at the one hit: MAP@k equals MRR@k.

All are named because readers look for them.
"""


def ranks(lists: IntArray, targets: IntArray) -> IntArray:
    """Where each user's held-out item stands (from 1), 0 where it does not. lists [n_users, n] (0 = none), targets [n_users]."""
    counted = first_occurrence(lists) & (lists > 0)
    places = np.cumsum(counted, axis=1, dtype=np.int64)
    return (places * (counted & (lists == targets[:, None]))).sum(axis=1)


def first_occurrence(lists: IntArray) -> npt.NDArray[np.bool_]:
    """Which entries have not stood further up in the same list. Shape [n_users, n]."""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    fresh = np.ones_like(lists, dtype=np.bool_)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    result = np.empty_like(fresh)
    np.put_along_axis(result, order, fresh, axis=1)
    return result


def score(lists: IntArray, targets: IntArray, ks: Sequence[int]) -> dict[str, FloatArray]:
    """Every metric at every k by user: "ndcg@10" -> [n_users]. lists [n_users, n] (0 = none), targets [n_users]."""
    rank = ranks(lists, targets)
    return {f"{name}@{k}": metric(rank, k) for k in ks for name, metric in METRICS.items()}
