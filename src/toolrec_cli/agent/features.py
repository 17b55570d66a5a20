"""What speaks for an item, in numbers: the tools' scores, what goes with the history's items, its make-up, popularity.

These are what a tuned ranker weighs. No held-out item is among what is counted for them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.makeup import HALF_LIFE
from toolrec_cli.agent.makeup import NEWEST as MAKEUP_NEWEST
from toolrec_cli.data.catalog import Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.models.contexts import PRECEDES, WAYS
from toolrec_cli.models.evidence import Evidence, Sparse
from toolrec_cli.tools.protocol import User
from toolrec_cli.tools.retrieve import Scorer, masked

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

LATEST = 5
"""The items whose followers and forerunners are looked at one by one."""

RECENT, FADE = 20, 0.85
"""The items that are looked at together, each counting FADE times as much as the next newer one."""

MIX = 0.02
"""How much popularity is mixed with what contexts say, so that silence is no certainty."""

MOST_LABELS = 12
_TINY = 1e-6


@dataclass(frozen=True)
class Feature:
    """A column: its name, and which part of the reasons it belongs to."""

    name: str
    part: str


class Features:
    """Computes the columns for any user and items. Everything that does not depend on the user is laid out once."""

    def __init__(self, scorer: Scorer, evidence: Evidence, catalog: Catalog, facets: Facets) -> None:
        self._scorer, self._evidence = scorer, evidence
        kinds = catalog.attributes
        self._labelled = {name: _label_table(facets, name) for name in facets.attributes}
        self._numbers = {name: _numbers(catalog, name) for name in kinds if kinds[name].kind is Kind.NUMERIC}

    @cached_property
    def columns(self) -> tuple[Feature, ...]:
        """What the columns are, in order."""
        tools = [Feature(f"score:{name or 'none'}", "tools") for name in (None, *self._scorer.attributes)]
        steps = [Feature(f"{way}:{k}", "sequence") for k in range(1, LATEST + 1) for way in ("after", "before")]
        steps.append(Feature("after:recent", "sequence"))
        company = [Feature("company", "company"), *([Feature("ease", "company")] if self._has_ease else [])]
        taste = [Feature(f"taste:{name}", "make-up") for name in self._labelled]
        near = [
            Feature(f"{way}:{name}", "make-up") for name in self._numbers for way in ("far from mean", "far from last")
        ]
        fame = [Feature("popularity", "popularity"), Feature("trend", "popularity")]
        ways = [*(way.name for way in WAYS), PRECEDES] if self._evidence.contexts is not None else []
        contexts = [Feature(f"context {way}", "contexts") for way in ways]
        return (*tools, *steps, *company, *taste, *near, *fame, *contexts)

    @property
    def _has_ease(self) -> bool:
        return self._evidence.ease is not None

    def of(self, user: User, items: IntArray) -> FloatArray:
        """The columns for `items` (item_index, [K]) of one user: [K, len(columns)]."""
        parts = [
            *self._tools(user, items),
            *self._steps(user, items),
            *self._company(user, items),
            *self._makeup(user, items),
            np.log(self._evidence.popularity[items]),
            self._evidence.trend[items],
            *self._contexts(user, items),
        ]
        return np.stack(parts, axis=1).astype(np.float32)

    def _tools(self, user: User, items: IntArray) -> list[FloatArray]:
        """log softmax of every tool's scores over all items that the user does not have."""
        found: list[FloatArray] = []
        for name in (None, *self._scorer.attributes):
            scores = masked(self._scorer.scores(name, user.user_index), user.history)
            top = scores.max()
            total = np.log(np.exp(scores - top).sum())
            found.append(scores[items] - top - total)
        return found

    def _steps(self, user: User, items: IntArray) -> list[FloatArray]:
        """log P(item next | k-th newest) − log popularity, and the same backwards; then all recent ones together."""
        evidence, newest = self._evidence, user.history[::-1]
        fame = evidence.popularity[items]
        narrow = items.astype(np.int32)  # as the columns are, or each look-up would convert a whole row
        found: list[FloatArray] = []
        together = np.zeros(len(items), np.float32)
        for k in range(max(LATEST, min(RECENT, len(newest)))):
            after = _row(evidence.forward, newest, k, narrow, fame)
            together += FADE**k * after
            if k < LATEST:
                before = _row(evidence.backward, newest, k, narrow, fame)
                found += [np.log(after / fame), np.log(before / fame)]
        return [*found, np.log(together / fame + _TINY)]

    def _company(self, user: User, items: IntArray) -> list[FloatArray]:
        total = np.zeros(len(self._evidence.popularity), np.float32)
        for k, item in enumerate(user.history[::-1][:RECENT].tolist()):
            self._evidence.company.add_row(item, FADE**k, total)
        found = [np.log(total[items] + 1e-3)]
        if self._evidence.ease is not None:
            ease = self._evidence.ease
            flat = user.history.astype(np.int64)[:, None] * len(ease) + items
            found.append(ease.take(flat).sum(axis=0))  # by rows and columns it would take three times as long
        return found

    def _contexts(self, user: User, items: IntArray) -> list[FloatArray]:
        """log of what nearest contexts say of an item against its popularity, in every way of asking them."""
        contexts, popularity = self._evidence.contexts, self._evidence.popularity
        if contexts is None:
            return []
        near, n_items = contexts.neighbours(user.history, user.ended), len(popularity) - 1
        found: list[FloatArray] = []
        for total in (*(near.following(way, n_items) for way in WAYS), near.preceding(n_items)):
            total[user.history] = 0.0
            share = total[items] / max(float(total.sum()), _TINY)
            found.append(np.log(share / popularity[items] + MIX).astype(np.float32))
        return found

    def _makeup(self, user: User, items: IntArray) -> list[FloatArray]:
        """How much of the history has the item's labels, newest counting most; how far its numbers are from the history's."""
        newest = user.history[::-1][:MAKEUP_NEWEST]
        weights = (0.5 ** (np.arange(len(newest)) / HALF_LIFE)).astype(np.float32)
        found: list[FloatArray] = [table.share(newest, weights, items) for table in self._labelled.values()]
        for numbers in self._numbers.values():
            found += _distances(numbers, newest, weights, items)
        return found


@dataclass(frozen=True)
class _LabelTable:
    """`ids` [N + 1, M]: the labels of each item by number, 0 where it has fewer; `n` counts labels."""

    ids: IntArray
    n: int

    def share(self, newest: npt.NDArray[np.int32], weights: FloatArray, items: IntArray) -> FloatArray:
        """log of the mean share, in the newest items, of an item's labels. [K]."""
        ids = self.ids[newest]
        counts = np.maximum((ids > 0).sum(axis=1), 1)
        shares = np.bincount(ids.ravel(), np.repeat(weights / counts, ids.shape[1]), self.n + 1).astype(np.float64)
        shares[0] = 0.0
        shares /= max(float(shares.sum()), _TINY)
        mine = self.ids[items]
        return np.log(shares[mine].sum(axis=1) / np.maximum((mine > 0).sum(axis=1), 1) + 1e-3).astype(np.float32)


def _label_table(facets: Facets, name: str) -> _LabelTable:
    labels = facets.labels(name)
    numbers = {label: place for place, label in enumerate(facets.names(name), start=1)}
    ids = np.zeros((len(labels), min(MOST_LABELS, max(1, *map(len, labels)))), np.int64)
    for row, found in enumerate(labels):
        known = [numbers[label] for label in found[: ids.shape[1]]]
        ids[row, : len(known)] = known
    return _LabelTable(ids, len(numbers))


def _numbers(catalog: Catalog, name: str) -> FloatArray:
    """The values, standardised; NaN where there is none. [N + 1]."""
    raw = np.array([np.nan if value is None else value for value in catalog.values(name)], np.float64)
    spread = float(np.nanstd(raw)) or 1.0
    return ((raw - np.nanmean(raw)) / spread).astype(np.float32)


def _distances(
    numbers: FloatArray, newest: npt.NDArray[np.int32], weights: FloatArray, items: IntArray
) -> list[FloatArray]:
    """|item − weighted mean of the newest|, |item − the newest|; 0 where either is not known. [K] each."""
    known = numbers[newest]
    there = ~np.isnan(known)
    mean = np.average(known[there], weights=weights[there]) if there.any() else np.nan
    last = known[0] if len(known) else np.nan
    return [np.nan_to_num(np.abs(numbers[items] - of), nan=0.0).astype(np.float32) for of in (mean, last)]


def _row(table: Sparse, newest: Any, k: int, items: npt.NDArray[np.int32], fame: FloatArray) -> FloatArray:
    """A row of transitions at `items`, mixed with popularity by what mass the row leaves; popularity itself past the history."""
    if k >= len(newest):
        return fame.copy()
    part = slice(table.starts[newest[k]], table.starts[newest[k] + 1])
    columns, values = table.columns[part], table.values[part]
    place = np.minimum(np.searchsorted(columns, items), max(len(columns) - 1, 0))
    mine = np.where(columns[place] == items, values[place], 0.0) if len(columns) else np.zeros(len(items))
    return (mine + (1.0 - values.sum()) * fame).astype(np.float32)
