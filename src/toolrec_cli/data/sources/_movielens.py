"""What the MovieLens data sets have in common: numbered lines, integer ids, titles with a year, coded users."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.reading.archive import Archive
from toolrec_cli.data.reading.lines import numbered, split_fields
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import BadRow, RawData
from toolrec_cli.data.sources._movielens_titles import read_title
from toolrec_cli.data.sources._ratings import usable
from toolrec_cli.progress import Progress

KINDS = {"genre": Kind.MULTI, "release_year": Kind.NUMERIC}
GENDERS = {"M": "male", "F": "female"}


@dataclass(frozen=True)
class Table:
    """One file of the archive, cut into text fields, and what could not be used of it."""

    frame: pl.DataFrame
    """line, then the fields."""
    sieve: Sieve
    n_rows: int


def read_fields(archive: Archive, file: str, separator: str, names: list[str]) -> Table:
    """The file's lines as fields. Raises InputError when the file is missing or empty."""
    lines = numbered(archive.read(file))
    sieve = Sieve(file, separator)
    return Table(split_fields(lines, separator, names, sieve), sieve, lines.height)


def read_items(table: Table) -> pl.DataFrame:
    """item_id, title, release_year, then the other fields as they are. `table` has item_id and title."""
    frame = _keyed(table, "item_id", "the item id is empty", "the item id comes again; the first one is kept")
    frame = table.sieve.drop(frame, pl.col("title") == "", "the title is empty")
    titles, years = zip(*map(read_title, frame["title"].to_list()), strict=True) if frame.height else ((), ())
    named = frame.with_columns(
        pl.Series("title", titles, dtype=pl.String), pl.Series("release_year", years, dtype=pl.Int64)
    )
    return named.select("item_id", "title", "release_year", pl.exclude("line", "item_id", "title", "release_year"))


def read_users(table: Table) -> pl.DataFrame:
    """user_id, gender in a word, then the other fields as they are; empty ones null."""
    frame = _keyed(table, "user_id", "the user id is empty", "the user id comes again; the first one is kept")
    words = pl.col("gender").replace_strict(GENDERS, default=None, return_dtype=pl.String)
    return frame.drop("line").with_columns(words).with_columns(pl.col(pl.String).replace("", None))


def _keyed(table: Table, key: str, empty: str, again: str) -> pl.DataFrame:
    frame = table.sieve.drop(table.frame, pl.col(key) == "", empty)
    return table.sieve.drop(frame, ~pl.col(key).is_first_distinct(), again)


def read_ratings(table: Table, items: pl.DataFrame, items_file: str) -> pl.DataFrame:
    """line, user_id, item_id, rating (f32), timestamp (i64, seconds) of every rating that can be used."""
    return usable(table.frame, table.sieve, known=(items["item_id"], items_file))


def assemble(
    archive: Archive,
    tables: Sequence[Table],
    frames: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None],
    notes: list[str],
) -> RawData:
    """The source's whole yield. `frames` are interactions, items and users, should anything be known of them."""
    interactions, items, users = frames
    bad: list[BadRow] = [row for table in tables for row in table.sieve.bad]
    files = [table.sieve.file for table in tables]
    n_rows = {table.sieve.file: table.n_rows for table in tables}
    return RawData(interactions, items, users, KINDS, archive.digests(files), n_rows, bad, notes)


def said(progress: Progress, done: int, file: str, total: int = 3) -> None:
    """Tell that `file`, one of `total`, is being read."""
    progress("reading", done, total, file)
