"""Who met what, in order: histories as offsets + values, never lists of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

IntArray = npt.NDArray[np.int64]


class Part(StrEnum):
    """Which part of the split an interaction belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


BEFORE: dict[Part, tuple[Part, ...]] = {
    Part.VALIDATION: (Part.TRAIN,),
    Part.TEST: (Part.TRAIN, Part.VALIDATION),
}
"""What a recommender may see when it is asked for an item of the given part."""


@dataclass(frozen=True)
class Interactions:
    """The histories of all users, oldest first.

    User u's items are `items[offsets[u]:offsets[u + 1]]`. `offsets` is int64 of length n_users + 1; `items` holds
    item_index (int32); `timestamps` (int64) and `ratings` (float32) are None where the data set has none.
    """

    offsets: IntArray
    items: npt.NDArray[np.int32]
    timestamps: IntArray | None
    ratings: npt.NDArray[np.float32] | None

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    def history(self, user_index: int) -> npt.NDArray[np.int32]:
        """The user's items (item_index), oldest first. Shape [T]."""
        return self.items[self.offsets[user_index] : self.offsets[user_index + 1]]

    def rated(self, user_index: int) -> npt.NDArray[np.float32] | None:
        """The user's ratings beside `history`, or None where the data set has none."""
        if self.ratings is None:
            return None
        return self.ratings[self.offsets[user_index] : self.offsets[user_index + 1]]

    def ended(self, user_index: int) -> int | None:
        """When the user's newest item was met; None where there is none, or the data set has no times."""
        if self.timestamps is None or self.offsets[user_index] == self.offsets[user_index + 1]:
            return None
        return int(self.timestamps[self.offsets[user_index + 1] - 1])

    def nobodys(self) -> "Interactions":
        """As many users, with no history each."""
        return Interactions(np.zeros_like(self.offsets), self.items[:0], None, None)

    def lengths(self) -> IntArray:
        """How many items each user has. Shape [n_users]."""
        return np.diff(self.offsets)

    def of(self, users: IntArray) -> "Interactions":
        """Those of some users (user_index) alone, in the order given."""
        lengths = self.lengths()[users]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index: IntArray = np.repeat(self.offsets[users] - offsets[:-1], lengths) + np.arange(int(offsets[-1]))
        times = None if self.timestamps is None else self.timestamps[index]
        return Interactions(offsets, self.items[index], times, None if self.ratings is None else self.ratings[index])


def read_before(
    path: Path,
    part: Part | None,
    n_users: int,
    *,
    users: Sequence[int] | IntArray | None = None,
    items_only: bool = False,
) -> Interactions:
    """The interactions that come before `part` for everybody; all of them when `part` is None.

    With `users` (user_index), those of other users are not read: their histories are empty. With `items_only`, neither times
    nor ratings are. Later ones are filtered out while the file is read, so that a process that makes lists never holds a
    held-out item.
    """
    scan = pl.scan_parquet(path)
    if part is not None:
        scan = scan.filter(pl.col("part").is_in([str(p) for p in BEFORE[part]]))
    if users is not None:  # the file is ordered by user: groups of rows without any of them are skipped
        scan = scan.filter(pl.col("user_index").is_in(pl.Series(users, dtype=pl.UInt32).implode()))
    scan = scan.select("user_index", "item_index") if items_only else scan.drop("part")
    frame = scan.collect(engine="streaming")
    counts = np.bincount(frame["user_index"].to_numpy(), minlength=n_users)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    names = frame.columns
    return Interactions(
        offsets=offsets,
        items=frame["item_index"].to_numpy().astype(np.int32),
        timestamps=frame["timestamp"].to_numpy().astype(np.int64) if "timestamp" in names else None,
        ratings=frame["rating"].to_numpy().astype(np.float32) if "rating" in names else None,
    )


def read_held_out(path: Path, part: Part, n_users: int) -> npt.NDArray[np.int32]:
    """The item of `part` that is to be found for every user: the first one there, where the user has a history before it.

    item_index; 0 where there is none. Shape [n_users]. Read only after the lists are written.
    """
    frame = (
        pl.scan_parquet(path)
        .filter(pl.col("part") == str(part))
        .select("user_index", "item_index")
        .collect(engine="streaming")
    )
    targets = np.zeros(n_users, dtype=np.int32)
    targets[frame["user_index"].to_numpy()[::-1]] = frame["item_index"].to_numpy()[::-1]  # the last one written stays
    targets[~_with_history(path, part, n_users)] = 0
    return targets


def read_users_with(path: Path, part: Part) -> IntArray:
    """Who has an item to be found in `part`, and a history before it (user_index, ascending), but not which item."""
    frame = (
        pl.scan_parquet(path)
        .filter(pl.col("part") == str(part))
        .select(pl.col("user_index").unique())
        .collect(engine="streaming")
    )
    users = np.sort(frame["user_index"].to_numpy().astype(np.int64))
    return users[_with_history(path, part, int(users.max(initial=-1)) + 1)[users]]


def _with_history(path: Path, part: Part, n_users: int) -> npt.NDArray[np.bool_]:
    """Who among the first `n_users` has anything before `part`."""
    earlier = pl.scan_parquet(path).filter(pl.col("part").is_in([str(p) for p in BEFORE[part]]))
    users = earlier.select(pl.col("user_index").unique()).collect(engine="streaming")["user_index"].to_numpy()
    found = np.zeros(n_users, np.bool_)
    found[users[users < n_users]] = True
    return found
