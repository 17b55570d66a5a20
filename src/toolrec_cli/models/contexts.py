"""What came next where others had just met what this user has just met: nearest contexts. Nothing is trained.

Every place where one of the user's newest items stands in a history is a neighbour. It counts the more, the more of the user's
recent items stand just before it there, and speaks for what follows it: sequence-aware nearest neighbours (Ludewig and Jannach,
UMUAI 2018; Garg et al., SIGIR 2019) with a dozen items in view, where transitions have one.
`N` items; item_index runs from 1. `P` places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.interactions import Interactions

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.int32]

NEWEST = 6
"""The user's newest items, each of which is looked up in all histories."""

RECENT, FADE, RARITY = 20, 0.85, 0.25
"""The user's recent items, by which places are compared: each counts FADE times as much as the next newer one, and less the
oftener it is met, by count ** −RARITY."""

BACK, AHEAD = 12, 10
"""How far before a place is looked for what the user has met too, and how far behind it for what may come next."""

MOST_PLACES = 1_500
"""Of an item that stands at more places so many are looked at, evenly spread."""

MOST_INTERACTIONS = 5_000_000
"""Of a longer log every k-th history is kept, so that memory stays bounded."""

SEASON = 0.03
"""How near in time a place is: by exp(−|share of all interactions between the two| / SEASON). Without a unit of time."""

TICKS = 1_000
"""How finely the clock that counts interactions is kept."""

_GAP = max(BACK, AHEAD)


@dataclass(frozen=True)
class Way:
    """How what stands `steps` [AHEAD] (from 0) behind a place that was found by the item of `age` [P, 1] (0 the newest) counts.

    `power` is how much a place gains by what else it has in common.
    """

    name: str
    power: int
    weight: Callable[[IntArray, IntArray], npt.NDArray[Any]]
    lately: bool = False
    """Whether places far in time from the end of the user's history count less."""


WAYS = (
    Way("follows", 3, lambda age, steps: 0.7**age * 0.7**steps),
    Way("follows:closest", 5, lambda age, steps: 0.7**age * 0.7**steps),
    Way("follows:loosely", 2, lambda age, steps: 0.8**age * 0.8**steps),
    Way("follows:at once", 3, lambda age, steps: (age == 0) & (steps == 0)),
    Way("follows:in step", 3, lambda age, steps: age == steps),
    Way("follows:later", 3, lambda age, steps: 0.7**age * (steps >= 4)),
    Way("follows:lately", 3, lambda age, steps: 0.7**age * 0.7**steps, lately=True),
)
"""The first is the one that stands alone best; the others tell a ranker what it blurs."""

PRECEDES = "precedes"


@dataclass(frozen=True)
class Neighbours:
    """Places, those found by the newest item first: what stands before and at each [P, BACK + 1] and behind it [P, AHEAD],
    item_index (0 beyond a history's ends); how much of it before and at the place is the user's [P]; and at which of the places
    those begin that were found by each of his items, and where the last ones end."""

    until: IntArray
    behind: IntArray
    overlap: DoubleArray
    begins: tuple[int, ...]
    nearness: DoubleArray
    """In time, from 0 to 1; 1 where times are not known. [P]."""

    def following(self, way: Way, n_items: int) -> DoubleArray:
        """How much the places speak for each item, [N + 1]."""
        worth = self._overlap_to(way.power) * (self.nearness if way.lately else 1.0)
        ages = np.arange(len(self.begins) - 1)
        by_age = way.weight(ages[:, None], np.arange(AHEAD)[None]).astype(np.float64)
        counts = by_age.any(axis=0)
        if by_age[:, counts].all():
            weights = np.repeat(by_age[:, counts], np.diff(self.begins), axis=0) * worth[:, None]
            return _summed(self.behind if counts.all() else self.behind[:, counts], weights, n_items)
        items, weights = [np.zeros(0, np.int64)], [np.zeros(0)]
        for age, step in np.argwhere(by_age).tolist():  # of some ways hardly any count
            found = slice(self.begins[age], self.begins[age + 1])
            items.append(self.behind[found, step])
            weights.append(by_age[age, step] * worth[found])
        return _summed(np.concatenate(items), np.concatenate(weights), n_items)

    def preceding(self, n_items: int) -> DoubleArray:
        """The same of what stands before them: what others met first, this user may still have before him. [N + 1]."""
        weights = 0.8 ** np.arange(BACK, 0, -1)[None] * self._overlap_to(2)[:, None]
        return _summed(self.until[:, :BACK], weights, n_items)

    def _overlap_to(self, power: int) -> DoubleArray:
        """The overlap to a power from 1 on: some products take a tenth of what a logarithm takes, and round otherwise."""
        found = self.overlap
        for _ in range(power - 1):
            found = found * self.overlap
        return found


@dataclass(frozen=True)
class Contexts:
    """All histories end to end, `items` [M], with gaps of 0s so that what stands around a place is of one history."""

    items: ItemArray
    n_items: int
    clock: IntArray | None = None
    """When each thousandth of all interactions was made, ascending, in the log's unit. [TICKS]; None without times."""
    when: FloatArray | None = None
    """By that clock, 0 to 1, when each of `items` was met. [M]."""

    @cached_property
    def _index(self) -> tuple[IntArray, ItemArray]:
        """(starts [N + 2], places): item i stands at places[starts[i]:starts[i + 1]], ascending."""
        counts = np.bincount(self.items, minlength=self.n_items + 1)
        places = np.argsort(self.items, kind="stable").astype(np.int32)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), places

    def neighbours(self, history: ItemArray, ended: int | None = None) -> Neighbours:
        """The places of the newest items of a history (item_index, oldest first), which `ended` then (None: not known)."""
        recent = history[::-1][:RECENT]
        weights = self._weights(recent)
        found = [self._places(int(item)) for item in recent[:NEWEST]]
        places = np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int64)
        begins = tuple(accumulate(map(len, found), initial=0))
        around = np.lib.stride_tricks.sliding_window_view(self.items, BACK + 1 + AHEAD)[places - BACK]
        until, behind = around[:, : BACK + 1].astype(np.int64), around[:, BACK + 1 :].astype(np.int64)
        overlap = np.einsum("pb->p", weights.take(until))  # but for rounding as sum does, in a third of the time
        return Neighbours(until, behind, overlap, begins, self._nearness(places, ended))

    def _nearness(self, places: IntArray, ended: int | None) -> DoubleArray:
        if self.clock is None or self.when is None or ended is None:
            return np.ones(len(places))
        return np.exp(-np.abs(self.when[places] - _read(self.clock, np.array(ended))) / SEASON)

    def _weights(self, recent: ItemArray) -> DoubleArray:
        """What each item counts for the overlap, 1 at most, 0 if it is not among the recent ones. [N + 1]."""
        starts, _ = self._index
        counts = np.maximum(starts[recent.astype(np.int64) + 1] - starts[recent], 1)
        weights = np.zeros(self.n_items + 1)
        each = FADE ** np.arange(len(recent)) * counts**-RARITY
        np.maximum.at(weights, recent, each / max(each.max(initial=0.0), 1e-12))
        return weights

    def _places(self, item: int) -> ItemArray:
        starts, places = self._index
        found = places[starts[item] : starts[item + 1]]
        if len(found) > MOST_PLACES:
            return found[np.linspace(0, len(found) - 1, MOST_PLACES).astype(np.int64)]
        return found


def lay_out(histories: Interactions, n_items: int) -> Contexts:
    """Histories of everybody, or of every k-th user where they are more than MOST_INTERACTIONS items."""
    every = -(-len(histories.items) // MOST_INTERACTIONS) or 1
    users = np.arange(0, histories.n_users, every)
    lengths = histories.lengths()[users]
    users, lengths = users[lengths > 1], lengths[lengths > 1]
    begins = _GAP + np.cumsum(lengths + _GAP) - (lengths + _GAP)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source, place = np.repeat(histories.offsets[users], lengths) + within, np.repeat(begins, lengths) + within
    items = np.zeros(_GAP + max(_GAP, int((lengths + _GAP).sum())), np.int32)
    items[place] = histories.items[source]
    times = histories.timestamps
    if times is None or not len(times):
        return Contexts(items, n_items)
    clock = np.quantile(times, np.arange(TICKS) / TICKS, method="lower").astype(np.int64)
    when = np.zeros(len(items), np.float32)
    when[place] = _read(clock, times[source])
    return Contexts(items, n_items, clock, when)


def _read(clock: IntArray, times: IntArray) -> DoubleArray:
    """The share of all interactions that were made by then."""
    return np.searchsorted(clock, times, side="right").astype(np.float64) / TICKS


def _summed(items: IntArray, weights: DoubleArray, n_items: int) -> DoubleArray:
    """The sum of the weights of every item, [N + 1]; of the gaps none."""
    found = np.bincount(items.ravel(), weights=weights.ravel(), minlength=n_items + 1).astype(np.float64, copy=False)
    found[0] = 0.0
    return found
