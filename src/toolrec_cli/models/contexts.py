"""What came next where others had just met what this user has just met: nearest contexts, without anything being trained.

Every place where one of the user's newest items stands in somebody's history is a neighbour. It counts the more, the more of the
user's recent items stand before it there, and it speaks for what follows it (sequence-aware nearest neighbours: Ludewig and
Jannach, UMUAI 2018; Garg et al., SIGIR 2019). Where transitions know one item back, a context knows a dozen.
`N` items; item_index runs from 1.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.interactions import Interactions

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.int32]

NEWEST = 6
"""The user's newest items, each of which is looked up in other histories."""

RECENT, FADE = 20, 0.85
"""His recent items by which contexts are compared, each counting FADE times as much as the next newer one."""

BACK, AHEAD = 12, 10
"""How far a context reaches back from the place, and how far what follows it reaches ahead."""

MOST_PLACES = 1_500
"""Of an item that stands at more places, so many are looked at, evenly spread over them."""

MOST_INTERACTIONS = 5_000_000
"""Of a longer log, every k-th history is kept, so that memory stays bounded."""

_RARITY = 0.25
_GAP = max(BACK, AHEAD)


@dataclass(frozen=True)
class Contexts:
    """Histories end to end: `items` [M], with a gap of 0s before, between and behind them, so that no window holds two users."""

    items: ItemArray
    n_items: int

    @cached_property
    def _places(self) -> tuple[IntArray, ItemArray]:
        """(starts [N + 2], places): item i stands at places[starts[i]:starts[i + 1]], ascending."""
        counts = np.bincount(self.items, minlength=self.n_items + 1)
        return np.concatenate([[0], np.cumsum(counts)]), np.argsort(self.items, kind="stable").astype(np.int32)

    def places(self, item: int) -> ItemArray:
        """Where an item stands: all places, or MOST_PLACES of them evenly spread."""
        starts, places = self._places
        found = places[starts[item] : starts[item + 1]]
        if len(found) <= MOST_PLACES:
            return found
        return found[np.linspace(0, len(found) - 1, MOST_PLACES).astype(np.int64)]

    def count(self, items: ItemArray) -> IntArray:
        """How often each of `items` stands anywhere, at least once."""
        starts, _ = self._places
        return np.maximum(starts[items.astype(np.int64) + 1] - starts[items], 1)
