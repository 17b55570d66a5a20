"""Interactions in files too big to load, or in many: CSV and its kin, and Parquet, read in pieces in the order of their names.

What is asked of the files is a little more than of small ones: UTF-8, quotation marks in pairs, and one sort of times throughout.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from toolrec_cli.data.parts import PART_ENDINGS, Reader, columns_of, reader_of
from toolrec_cli.data.rejects import Sieve
from toolrec_cli.data.source import BadRow, Told
from toolrec_cli.errors import InputError

BIG = 64 << 20
"""From so many bytes on, files are read in pieces."""

KEPT = 1000
"""Bad rows that are kept of each file and reason; more are only counted."""

Clean = Callable[[pl.DataFrame, Sieve], tuple[pl.DataFrame, str | None]]
"""A piece with line, user_id, item_id, timestamp, rating as they are written -> as they are meant; and what the times are."""


def is_big(files: Sequence[Path]) -> bool:
    """Whether these have to be read in pieces: they are too big together, and of a format that can be."""
    readable = all(PART_ENDINGS.intersection(each.suffixes) and each.is_file() for each in files)
    return readable and sum(each.stat().st_size for each in files) >= BIG


@dataclass(frozen=True)
class Meaning:
    """user_id, item_id, timestamp, rating -> its column; how pieces are cleaned; the file of items, if there is one."""

    roles: dict[str, str]
    clean: Clean
    items: str | None


class BigLog:
    """A `Log` over files with the same columns."""

    def __init__(self, files: Sequence[Path], meaning: Callable[[list[str]], Meaning]) -> None:
        self._files = list(files)
        self._meaning = meaning(columns_of(self._files[0]))
        self._sieve = Sieve(self._files[0].name)
        self._n_rows: Counter[str] = Counter()
        self._n_bad: Counter[tuple[str, str]] = Counter()
        self._bad: list[BadRow] = []
        self._said: dict[str, None] = {}

    @property
    def columns(self) -> list[str]:
        return list(self._meaning.roles)

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Raises InputError when a file is cut off, lacks a column, or has times of another sort than the first."""
        for file in self._files:
            self._sieve = Sieve(file.name)
            reader = reader_of(file, self._meaning.roles)
            for piece in reader.pieces(self._sieve):
                yield self._cleaned(piece, reader)

    def _cleaned(self, piece: pl.DataFrame, reader: Reader) -> pl.DataFrame:
        self._n_rows[self._sieve.file] = reader.n_rows
        frame, sort = self._meaning.clean(piece, self._sieve)
        self._said |= {sort: None} if sort else {}
        if len(self._said) > 1:
            one, other = list(self._said)[:2]
            raise InputError(
                f"{self._sieve.file} has times of different sorts: first {one}, then {other}.",
                hint="Write them all as whole seconds since 1970.",
            )
        self._put_away()
        return frame

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
        first = self._files[0].name
        name = first if len(self._files) == 1 else f"{first} and {len(self._files) - 1:,} more"
        times = [f"{name}: the times are {sort}." for sort in self._said]
        if "timestamp" not in self._meaning.roles:
            times = [f"{name}: there is no column of times (--time-col): the rows are taken to be in order."]
        return Told(dict(self._n_rows), dict(self._n_bad), self._bad, [f"{name}: columns taken as {taken}.", *times])
