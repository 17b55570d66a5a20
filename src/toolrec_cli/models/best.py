"""Exact retrieval for many users at once: the best items of a table for each query, a block of items at a time.

No more than [USERS, ITEMS] scores are held, whatever the size of the catalogue. Blocks have one shape, so that a user gets the
same list alone or among a thousand. A score is kept only if it is no lower than the k-th best known so far; after the first
few blocks hardly any is, so that nearly all the time goes into the product of queries and items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.models.windows import IntArray, ItemArray

USERS, ITEMS = 64, 8192
"""Scores of so many users and items are at hand at once: 2 MB, which stay near the processor."""

_LOWEST = np.finfo(np.float32).min

FloatTable = npt.NDArray[np.float32]


def best(queries: FloatArray, table: FloatTable, items: ItemArray, offsets: IntArray, k: int) -> IntArray:
    """The `k` best item_index of each user, best first, ties by item_index; 0 where there are fewer. Shape [n_users, k].

    queries [n_users, D], table [N + 1, D]; user u's own items, `items[offsets[u]:offsets[u + 1]]`, are left out, as is 0.
    """
    found = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(queries), USERS):
        stop = min(start + USERS, len(queries))
        own = items[offsets[start] : offsets[stop]], offsets[start : stop + 1] - offsets[start]
        found[start:stop] = _of_some(queries[start:stop], torch.from_numpy(table), _Own.of(*own), k)
    return found


@dataclass(frozen=True)
class _Own:
    """What is out of reach: pairs of a user's row and an item, ascending by item."""

    rows: IntArray
    items: IntArray

    @classmethod
    def of(cls, items: ItemArray, offsets: IntArray) -> "_Own":
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        everybodys = np.arange(len(offsets) - 1)
        rows, owned = np.concatenate([everybodys, rows]), np.concatenate([0 * everybodys, items.astype(np.int64)])
        order = np.argsort(owned, kind="stable")
        return cls(rows[order], owned[order])

    def hide(self, scores: FloatArray, first: int) -> None:
        """Put minus infinity in the place of those in a block of items that begins with `first` [USERS, ITEMS]."""
        here = slice(*np.searchsorted(self.items, [first, first + scores.shape[1]]))
        scores[self.rows[here], self.items[here] - first] = -np.inf


def _of_some(queries: FloatArray, table: Tensor, own: _Own, k: int) -> IntArray:
    """At most USERS users, [n_users, k]."""
    padded = torch.from_numpy(np.resize(queries, (USERS, queries.shape[1])))
    scores, known = torch.empty((USERS, ITEMS)), _Known(len(queries), k)
    for first in range(0, len(table), ITEMS):
        begin = max(0, min(first, len(table) - ITEMS))  # the last block reaches back, to be as wide as the others
        part = table[begin : begin + ITEMS]
        at_hand = torch.mm(padded, part.T, out=scores) if len(part) == ITEMS else padded @ part.T
        block = at_hand.numpy()[: len(queries)]
        block[:, : first - begin] = -np.inf  # seen in the block before
        own.hide(block, begin)
        known.meet(block, begin)
    return known.best()


class _Known:
    """Of each user, the k best scores so far, and every item that may be among the best."""

    def __init__(self, n_users: int, k: int) -> None:
        self._k = k
        self._top = torch.full((n_users, k), -torch.inf)
        self._kept: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._learnt = self._new = 0

    @property
    def _least(self) -> FloatArray:
        """The k-th best of each user, [n_users, 1]; minus infinity while there are fewer."""
        return self._top[:, -1:].numpy()

    def meet(self, scores: FloatArray, first: int) -> None:
        """Take in a block of scores [n_users, W], whose items begin with `first`."""
        least = self._least if self._kept else _least_of(scores, self._k)  # of the first block nothing is known yet
        flat = np.flatnonzero(scores >= np.maximum(least, _LOWEST))
        if len(flat):
            rows, columns = np.divmod(flat, scores.shape[1])
            self._kept.append((rows, columns + first, scores[rows, columns]))
            self._new += len(flat)
        if self._new > len(scores) * self._k // 4:  # before, the k-th best has hardly changed
            self._learn()

    def _learn(self) -> None:
        """Take the k best of what was known and of what came since."""
        fresh = self._kept[self._learnt :]
        self._learnt, self._new = len(self._kept), 0
        rows, values = np.concatenate([each[0] for each in fresh]), np.concatenate([each[2] for each in fresh])
        order = np.argsort(rows, kind="stable")
        rows, values = rows[order], values[order]
        counts = np.bincount(rows, minlength=len(self._top))
        ragged = np.full((len(self._top), counts.max()), -np.inf, np.float32)
        ragged[rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)] = values
        together = torch.cat([self._top, torch.from_numpy(ragged)], dim=1)
        self._top = together.topk(self._k, dim=1).values

    def best(self) -> IntArray:
        """The best items, [n_users, k]."""
        found = np.zeros((len(self._top), self._k), np.int64)
        if not self._kept:
            return found
        rows, items, values = (np.concatenate(each) for each in zip(*self._kept, strict=True))
        in_reach = values >= self._least[rows, 0]
        rows, items, values = rows[in_reach], items[in_reach], values[in_reach]
        order = np.lexsort((items, -values, rows))
        rows, items = rows[order], items[order]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        found[rows[place < self._k], place[place < self._k]] = items[place < self._k]
        return found


def _least_of(scores: FloatArray, k: int) -> FloatArray:
    """A score that at least `k` of a user's reach, or minus infinity: the k-th highest of the highest of every sixteen."""
    groups = scores.shape[1] // 16
    if groups < k:
        return np.full((len(scores), 1), -np.inf, np.float32)
    highest = torch.from_numpy(scores[:, : 16 * groups]).view(len(scores), groups, 16).amax(dim=2)
    return highest.topk(k, dim=1).values[:, -1:].numpy()
