"""Raw interactions -> numbers on disk: ids numbered as they first appear, what is rated too low left out, order kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from toolrec_cli.data.preparing.numbering import Numbering, Numbers
from toolrec_cli.data.preparing.staged import Staged
from toolrec_cli.data.source import POSITION, TIMESTAMP, Log, RawData, Told
from toolrec_cli.progress import Progress

T = TypeVar("T")

N_STEPS = 4
"""Steps of a preparation that progress is told in: reading, filtering, ordering, writing."""

TYPES = {"user": np.uint32, "item": np.uint32, TIMESTAMP: np.int64, POSITION: np.int64, "rating": np.float32}
"""The columns that are staged: numbers of ids, and where there are any, times or positions, and ratings (NaN: none)."""


class FrameLog:
    """Interactions that are in memory, as a `Log`: its source has looked for bad rows itself."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    @property
    def columns(self) -> list[str]:
        return self._frame.columns

    def pieces(self) -> Iterator[pl.DataFrame]:
        yield self._frame

    def drop_unknown(self, piece: pl.DataFrame, unknown: pl.Series) -> pl.DataFrame:
        raise ValueError("a source handed over an interaction without its item")

    def told(self) -> Told:
        return Told({}, {}, [], [])


@dataclass(frozen=True)
class Stage:
    """The staged log, the ids by number, and what reading it told. Items that were known before have the first numbers."""

    log: Staged
    users: Numbering
    items: Numbering
    told: Told
    n_read: int
    """Interactions that can be used, those rated too low among them."""
    n_items: int
    """Items there may be; numbers from here on were given to items that turned out not to be known."""
    n_met: int
    """Items that these are with."""


def stage(raw: RawData, min_rating: float | None, folder: Path, progress: Progress) -> Stage:
    """Number and stage the interactions of `raw` under `folder`.

    Raises ValueError when a source breaks its word: an item twice, an interaction without its item or its time.
    """
    log = FrameLog(raw.interactions) if isinstance(raw.interactions, pl.DataFrame) else raw.interactions
    users, items, n_read = Numbering(), Numbering(), 0
    met = np.zeros(0 if raw.items is None else raw.items.height, np.bool_)
    if raw.items is not None:
        items.of(raw.items["item_id"])
        if len(items) < raw.items.height:
            raise ValueError("a source handed over an item twice")
    there = {"user", "item", *log.columns}
    staged = Staged(folder / "log", {name: dtype for name, dtype in TYPES.items() if name in there})
    for frame, item in _ahead(_with_items(log, items, known=None if raw.items is None else raw.items.height)):
        numbered = frame.select(
            pl.Series("user", users.of(frame["user_id"])),
            pl.Series("item", item),
            *(pl.col(name).cast(dtype) for name, dtype in _VALUES.items() if name in staged.types),
        )
        if any(numbered[name].null_count() for name in (TIMESTAMP, POSITION) if name in staged.types):
            raise ValueError("a source handed over an interaction without its time")
        if min_rating is not None:
            numbered = numbered.filter(pl.col("rating") >= min_rating)
        n_read += frame.height
        met[item if len(met) else []] = True
        staged.append({name: numbered[name].to_numpy() for name in staged.types})
        progress("preparing", 0, N_STEPS, f"{n_read:,} interactions read")
    n_items, n_met = (len(items), len(items)) if raw.items is None else (raw.items.height, int(met.sum()))
    return Stage(staged, users, items, log.told(), n_read, n_items, n_met)


_VALUES = {TIMESTAMP: pl.Int64, POSITION: pl.Int64, "rating": pl.Float32}


def _with_items(log: Log, items: Numbering, *, known: int | None) -> Iterator[tuple[pl.DataFrame, Numbers]]:
    """The pieces of the log without rows of unknown items, and the number of each row's item."""
    for frame in log.pieces():
        numbers = items.of(frame["item_id"])
        unknown = np.zeros(0, np.bool_) if known is None else numbers >= known
        if unknown.any():
            frame, numbers = log.drop_unknown(frame, pl.Series(unknown)), numbers[~unknown]
        yield frame, numbers


def _ahead(pieces: Iterator[T]) -> Iterator[T]:
    """The same pieces, each made while the one before it is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = maker.submit(next, pieces, None)
            yield piece
