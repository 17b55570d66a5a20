"""Interactions in files too big to load, or in many: CSV and its kin, and Parquet, read in pieces in the order of their names.

What is asked of the files is a little more than of small ones: UTF-8, quotation marks in pairs, and one sort of times throughout.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from toolrec_cli.data.reading.parts import PART_ENDINGS, columns_of, reader_of
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import ORDER_ALONE, POSITION, TIMESTAMP, BadRow, Told
from toolrec_cli.errors import InputError

BIG = 64 << 20
"""From so many bytes on, files are read in pieces."""

KEPT = 1000
"""Bad rows that are kept of each file and reason; more are only counted."""


@dataclass(frozen=True)
class Cleaned:
    """A piece as it is meant: line, user_id, item_id, timestamp or position, rating; and what sorts its times are of."""

    frame: pl.DataFrame
    sorts: tuple[str, ...]
    mended: dict[str, int]
    """What was mended or is odd, in words -> in how many rows."""


Clean = Callable[[pl.DataFrame, Sieve], Cleaned]
"""A piece as it is written -> as it is meant; rows that cannot be used go into the sieve."""


def is_big(files: Iterable[Path]) -> bool:
    """Whether these have to be read in pieces: they are too big together, and of a format that can be."""
    files = list(files)
    readable = all(PART_ENDINGS.intersection(each.suffixes) and each.is_file() for each in files)
    return readable and sum(each.stat().st_size for each in files) >= BIG


@dataclass(frozen=True)
class Meaning:
    """Role (user_id, item_id, timestamp or position, rating) -> column; how pieces are cleaned; the items' file, if any."""

    roles: dict[str, str]
    clean: Clean
    items: str | None


class BigLog:
    """A `Log` over files with the same columns, by name, in the order in which they are read."""

    def __init__(self, files: Mapping[str, Path], meaning: Callable[[list[str]], Meaning]) -> None:
        self._files = dict(files)
        self._first = next(iter(self._files))
        self._meaning = meaning(columns_of(self._files[self._first]))
        self._sieve = Sieve(self._first)
        self._n_rows: Counter[str] = Counter()
        self._n_bad: Counter[tuple[str, str]] = Counter()
        self._bad: list[BadRow] = []
        self._sorts: dict[str, None] = {}
        self._mended: Counter[str] = Counter()

    @property
    def columns(self) -> list[str]:
        return list(self._meaning.roles)

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Raises InputError when a file is cut off, lacks a column, or has times of another sort than the first."""
        for name, file in self._files.items():
            self._sieve = Sieve(name)
            reader = reader_of(file, self._meaning.roles)
            for piece in reader.pieces(self._sieve):
                yield self._cleaned(piece)
            self._put_away()
            self._n_rows[name] = reader.n_rows

    def _cleaned(self, piece: pl.DataFrame) -> pl.DataFrame:
        cleaned = self._meaning.clean(piece, self._sieve)
        self._mended.update(cleaned.mended)
        self._sorts |= dict.fromkeys(cleaned.sorts)
        if len(self._sorts) > 1:
            one, other = list(self._sorts)[:2]
            raise InputError(
                f"{self._sieve.file} has times of different sorts: first {one}, then {other}.",
                hint="Write them all as whole seconds since 1970.",
            )
        self._put_away()
        return cleaned.frame

    def drop_unknown(self, piece: pl.DataFrame, unknown: pl.Series) -> pl.DataFrame:
        kept = self._sieve.drop(piece, pl.lit(unknown), f"{self._meaning.items} has no such item")
        self._put_away()
        return kept

    def _put_away(self) -> None:
        """Count the bad rows found so far, and keep the first of each reason."""
        for row in self._sieve.bad:
            key = (row.file, row.reason)
            self._n_bad[key] += 1
            if self._n_bad[key] <= KEPT:
                self._bad.append(row)
        self._sieve.bad.clear()

    def told(self) -> Told:
        self._put_away()
        taken = ", ".join(f"{role.removesuffix('_id')} {column!r}" for role, column in self._meaning.roles.items())
        more = len(self._files) - 1
        name = f"{self._first} and {more:,} more" if more else self._first
        times = [f"{name}: the times are {sort}." for sort in self._sorts]
        if POSITION in self._meaning.roles:
            times = [f"{name}: {ORDER_ALONE}."]
        elif TIMESTAMP not in self._meaning.roles:
            times = [f"{name}: there is no column of times (--time-col): the rows are taken to be in order."]
        mended = [f"{name}: {what}: {count:,}." for what, count in self._mended.items() if count]
        notes = [f"{name}: columns taken as {taken}.", *times, *mended]
        return Told(dict(self._n_rows), dict(self._n_bad), self._bad, notes)
