"""What is counted while interactions are split and written: parts, ties in time, repeats, who is asked and who is not."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.interactions import Part
from toolrec_cli.data.preparing.splits import MIN_LENGTH, PARTS, Codes, TimeCuts
from toolrec_cli.wording import counted

Counts = npt.NDArray[np.int64]


@dataclass
class Tally:
    """Sums over the buckets. `split_by` is None for leave-one-out."""

    split_by: TimeCuts | None = None
    parts: Counts = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    asked: Counts = field(default_factory=lambda: np.zeros(len(PARTS), np.int64))
    """Users with something to find in a part, and a history before it."""
    n_short: int = 0
    n_tied: int = 0
    n_tied_users: int = 0
    n_decided: int = 0
    n_repeats: int = 0
    timed: bool = True

    def add(self, frame: pl.DataFrame, codes: Codes) -> None:
        """Count a bucket: whole users, in order, each row with the code of its part."""
        self.timed = "timestamp" in frame.columns
        users = frame["user_index"].to_numpy()
        firsts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))[: len(users)]
        self.parts += np.bincount(codes, minlength=len(PARTS))
        self.n_short += int((np.diff(np.append(firsts, len(users))) < MIN_LENGTH).sum())
        for code in (1, 2) if len(users) else ():
            earlier, there = (np.logical_or.reduceat(found, firsts) for found in (codes < code, codes == code))
            self.asked[code] += int((earlier & there).sum())
        if self.timed:
            self._count_ties(frame, codes)
        else:
            self.n_repeats += _repeats(frame)

    def _count_ties(self, frame: pl.DataFrame, codes: Codes) -> None:
        users, times = frame["user_index"].to_numpy(), frame["timestamp"].to_numpy()
        same = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
        tied = np.concatenate([same, [False]]) | np.concatenate([[False], same])
        tied = tied[: len(users)]
        self.n_tied += int(tied.sum())
        self.n_tied_users += len(np.unique(users[tied]))
        self.n_decided += int((tied & (codes == PARTS.index(Part.TEST))).sum())
        self.n_repeats += _repeats(frame.filter(pl.Series(tied)))  # whoever repeats user, item and time is tied

    def notes(self) -> list[str]:
        """What of all this a person should know, in sentences."""
        said = [*self._repeat_note(), *self._tied_note()]
        return said + (self._short_note() if self.split_by is None else self._asked_note(self.split_by))

    def _repeat_note(self) -> list[str]:
        what = "user, item and time" if self.timed else "user and item"
        said = f"Interactions that repeat an earlier one (same {what}), kept: {self.n_repeats:,}."
        return [said] if self.n_repeats else []

    def _tied_note(self) -> list[str]:
        if not self.n_tied:
            return []
        said = (
            "Interactions that share their time with another of the same user, taken in input order: "
            f"{self.n_tied:,}, of {counted(self.n_tied_users, 'user')}."
        )
        decided = f" Users whose test item is one of these: {self.n_decided:,}."
        return [said + (decided if self.split_by is None else "")]

    def _short_note(self) -> list[str]:
        said = f"Users with fewer than {MIN_LENGTH} interactions, all for training, none held out: {self.n_short:,}."
        return [said] if self.n_short else []

    def _asked_note(self, cuts: TimeCuts) -> list[str]:
        asked = ", ".join(f"{PARTS[code]} {self.asked[code]:,}" for code in (1, 2))
        return [
            f"Validation begins at time {cuts.validation}, the test at {cuts.test}, for everybody alike.",
            f"Users with something to find in a part and a history before it, who can be asked: {asked}.",
        ]


def _repeats(frame: pl.DataFrame) -> int:
    """How many rows repeat an earlier one's user, item and time (where there are times)."""
    key = [name for name in ("user_index", "item_index", "timestamp") if name in frame.columns]
    return frame.height - frame.select(pl.struct(key).n_unique()).item() if frame.height else 0
