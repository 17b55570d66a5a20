"""What a source of data hands over: tables in the world's own ids, and every row it could not use, with the reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.progress import Progress


@dataclass(frozen=True)
class BadRow:
    """One row that cannot be used. `line` counts from 1 in `file`; `text` is the row, shortened."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class RawData:
    """One data set as its makers wrote it.

    interactions, in input order, which breaks ties in time: user_id (str), item_id (str), optionally timestamp (i64, what
    time is ordered by: seconds, milliseconds, positions) and rating (f32). items: item_id, title, then the attributes, each
    in `kinds`; no id twice, and every interaction's item among them. users: user_id, then what is known of them.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
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
