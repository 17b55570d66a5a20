"""Which interactions are for training, validation and test: the last two of each user, or what comes after two moments.

**Leave one out**: a user's last item is for the test, the one before it for validation, the rest for training.

**Time**: two moments cut the whole log, for everybody alike, so that nothing that is learnt from is later than anything that is
to be found. Of each user, the first interaction in a part is the one to be found; the history is all that lies in the parts
before. Who has no history, or nothing in the part, is not asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.interactions import Part
from toolrec_cli.data.source import POSITION, TIMESTAMP

MIN_LENGTH = 3
"""A user with fewer interactions has nothing held out: one each for training, validation and test is the least."""

PARTS = tuple(Part)
"""Parts by code: 0 training, 1 validation, 2 test."""

Codes = npt.NDArray[np.uint8]
Times = npt.NDArray[np.int64]

Split = Callable[[pl.DataFrame], Codes]
"""The part of each row of a frame that is ordered by user and time, and holds whole users."""

_BINS = 1 << 16


def in_order(frame: pl.DataFrame, user: str = "user_index") -> pl.DataFrame:
    """`frame`, which is in input order, by user, then timestamp or position where there is one, then input order."""
    keys = [name for name in (user, TIMESTAMP, POSITION) if name in frame.columns]
    return frame.sort(keys, maintain_order=True)


def last_two(frame: pl.DataFrame) -> Codes:
    """The `Split` of leave-one-out."""
    users = frame["user_index"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))[: len(users)]
    lengths = np.diff(np.append(starts, len(users)))
    codes = np.zeros(len(users), np.uint8)
    ends = (starts + lengths)[lengths >= MIN_LENGTH]
    codes[ends - 2], codes[ends - 1] = 1, 2
    return codes


@dataclass(frozen=True)
class TimeCuts:
    """The first moment of validation, and of the test. A `Split`."""

    validation: int
    test: int

    def __call__(self, frame: pl.DataFrame) -> Codes:
        """All of one moment is in one part, so no part has anything as early as the one before it."""
        times = frame["timestamp"].to_numpy()
        return (times >= self.validation).astype(np.uint8) + (times >= self.test)


def time_cuts(pieces: Callable[[], Iterable[Times]], shares: tuple[float, float, float]) -> TimeCuts:
    """The moments before which these shares of all interactions lie, or as little less as ties in time allow.

    `pieces` gives all times, a piece at a time, as often as it is called.
    """
    n_rows = sum(len(piece) for piece in pieces())
    low = min(int(piece.min()) for piece in pieces() if len(piece))
    high = max(int(piece.max()) for piece in pieces() if len(piece))
    ranks = (int(shares[0] * n_rows + 1e-6), int((shares[0] + shares[1]) * n_rows + 1e-6))
    return TimeCuts(*(_nth(pieces, min(rank, n_rows - 1), low, high) for rank in ranks))


def _nth(pieces: Callable[[], Iterable[Times]], rank: int, low: int, high: int) -> int:
    """The value at `rank` (from 0) among all in order, which lie between `low` and `high`: a histogram of ever finer bins."""
    while low < high:
        width = (high - low) // _BINS + 1
        found = np.zeros(_BINS + 1, np.int64)
        for piece in pieces():
            inside = piece[(piece >= low) & (piece <= high)]
            found += np.bincount((inside - low) // width, minlength=_BINS + 1)
        upto = np.cumsum(found)
        place = int(np.searchsorted(upto, rank, side="right"))
        rank -= int(upto[place] - found[place])
        low, high = low + place * width, min(high, low + (place + 1) * width - 1)
    return low
