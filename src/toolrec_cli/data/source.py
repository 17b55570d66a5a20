"""What a source of data hands over: tables in the world's own ids, and every row it could not use, with the reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.progress import Progress

TIMESTAMP, POSITION = "timestamp", "position"
"""The columns that interactions may be ordered by: when they were, or in which order alone, which is not kept as a time."""

ORDER_ALONE = "the positions say in which order, not when, so that there are no times"
"""What is said of the latter."""


@dataclass(frozen=True)
class BadRow:
    """One row that cannot be used. `line` counts from 1 in `file`; `text` is the row, shortened."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Told:
    """What a `Log` has to say when it was read to its end."""

    n_rows: dict[str, int]
    """File name -> how many rows it had, good and bad."""
    n_bad: dict[tuple[str, str], int]
    """(file, reason) -> how many rows were left out."""
    bad_rows: list[BadRow]
    """The first of these of each file and reason; never too many to hold."""
    notes: list[str]


class Log(Protocol):
    """Interactions that may be too many to hold: read in pieces, in input order."""

    @property
    def columns(self) -> list[str]:
        """user_id and item_id, and which of timestamp (or position) and rating there are."""
        ...

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Frames of user_id, item_id (str), timestamp or position (i64), rating (f32), and line (u32), which may begin anew."""
        ...

    def drop_unknown(self, piece: pl.DataFrame, unknown: pl.Series) -> pl.DataFrame:
        """A piece without the rows marked `unknown` (bool), whose item is not among the items: they are bad rows."""
        ...

    def told(self) -> Told:
        """What there was, after all pieces were read."""
        ...


@dataclass(frozen=True)
class RawData:
    """One data set as its makers wrote it.

    interactions, in input order, which breaks ties in time: user_id (str), item_id (str), optionally timestamp (i64, what
    time is ordered by: seconds, milliseconds) or position (i64: an order and no times), and rating (f32). items: item_id,
    title, then the attributes, each in `kinds`; no id twice, and every interaction's item among them. users: user_id, then
    what is known of them.

    Interactions that are too many to hold come as a `Log`. Its items need not be known (None: the ids stand for titles), and
    an interaction with an item that is not among those known is a bad row.
    """

    interactions: pl.DataFrame | Log
    items: pl.DataFrame | None
    users: pl.DataFrame | None
    kinds: dict[str, Kind]
    files: dict[str, str]
    """File name -> SHA-256."""
    n_rows: dict[str, int] = field(default_factory=dict[str, int])
    """File name -> how many rows it had, good and bad."""
    bad_rows: list[BadRow] = field(default_factory=list[BadRow])
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class ReadOptions:
    """Where the raw files are, and for `table`, which column means what (None: guessed, and the guess is noted)."""

    raw: Path | None = None
    interactions: Path | None = None
    items: Path | None = None
    user_column: str | None = None
    item_column: str | None = None
    time_column: str | None = None
    rating_column: str | None = None
    title_column: str | None = None
    list_separator: str | None = None
    kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])
    """Attribute -> kind, where the guess is to be overruled."""


@dataclass(frozen=True)
class Source:
    """Where a data set comes from. One file in `data/sources/` holds one, as `SOURCE`."""

    about: str
    """One line for people."""
    home: str | None
    """The official address, for those who have to download it; None when nothing is downloaded."""
    read: Callable[[ReadOptions, Progress], RawData]
