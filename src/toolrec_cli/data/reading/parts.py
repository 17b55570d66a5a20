"""One big file in pieces: line, then the columns of the roles, as they are written."""

import codecs
import csv
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from toolrec_cli.data.reading.delimited import SEPARATORS
from toolrec_cli.data.reading.lines import as_utf8, free_of_line
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import BadRow
from toolrec_cli.errors import InputError

arrow: Any = pa  # pyarrow comes without types
arrow_csv: Any = pa_csv
parquet: Any = pa_parquet

PARQUET = {".parquet", ".pq"}
PART_ENDINGS = {".csv", ".tsv", ".txt", ".inter"} | PARQUET

_BLOCK = 16 << 20
"""Bytes of text that are parsed at once; a row has to fit."""

_ROWS = 1 << 20
"""Rows of Parquet that are decoded at once."""


class Reader(Protocol):
    """Reads one file once."""

    n_rows: int
    """Rows met so far, good and bad; blank lines left out."""

    def pieces(self, sieve: Sieve) -> Iterator[pl.DataFrame]:
        """Frames of line and the roles. Rows that cannot be taken apart go into the sieve. Raises InputError."""
        ...


def columns_of(file: Path) -> list[str]:
    """The names of the file's columns. Raises InputError when it cannot be read."""
    if file.suffix in PARQUET:
        with _readable(file):
            return list(parquet.read_schema(file).names)
    return [name for name in _header(file)[1] if name]


def reader_of(file: Path, roles: Mapping[str, str]) -> Reader:
    """What reads `file`; `roles` says which column plays which role."""
    return ParquetReader(file, roles) if file.suffix in PARQUET else TextReader(file, roles)


@contextmanager
def _readable(file: Path) -> Generator[None]:
    """Turns what pyarrow raises on a file that is missing or broken into an InputError."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist.") from error
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"{file} cannot be read ({str(error).splitlines()[0]}).",
            hint="It has to be whole, in UTF-8, with quotation marks in pairs and the columns of the first file.",
        ) from error


class ParquetReader:
    """Parquet, row group by row group; the line of a row is its number."""

    def __init__(self, file: Path, roles: Mapping[str, str]) -> None:
        self._file, self._roles = file, roles
        self.n_rows = 0

    def pieces(self, sieve: Sieve) -> Iterator[pl.DataFrame]:
        with _readable(self._file):
            source = parquet.ParquetFile(self._file, buffer_size=1 << 20, pre_buffer=False)
            for batch in source.iter_batches(_ROWS, columns=list(dict.fromkeys(self._roles.values()))):
                columns = {role: pl.Series(batch.column(column)) for role, column in self._roles.items()}
                lines = pl.int_range(self.n_rows + 1, self.n_rows + batch.num_rows + 1, eager=True, dtype=pl.UInt32)
                self.n_rows += batch.num_rows
                yield pl.DataFrame({"line": lines, **columns})


class TextReader:
    """CSV and its kin, perhaps gzipped, block by block; a quoted field over several lines counts as one line."""

    def __init__(self, file: Path, roles: Mapping[str, str]) -> None:
        self._file, self._roles = file, roles
        self._separator, self._names = _header(file)
        self._skipped: list[tuple[int, str]] = []
        self._next = 2
        self.n_rows = 0

    def pieces(self, sieve: Sieve) -> Iterator[pl.DataFrame]:
        sieve.separator = self._separator
        with _readable(self._file), arrow.input_stream(str(self._file), compression="detect") as stream:
            for batch in self._parsed(stream):
                columns = {
                    role: pl.Series(batch.column(column), dtype=pl.String) for role, column in self._roles.items()
                }
                frame = pl.DataFrame({"line": self._lines(batch.num_rows), **columns})
                frame = frame.filter(~pl.all_horizontal(pl.exclude("line").is_null()))
                self.n_rows += frame.height + self._put_aside(sieve)
                yield frame
            self.n_rows += self._put_aside(sieve)

    def _parsed(self, stream: Any) -> Any:
        wanted = list(dict.fromkeys(self._roles.values()))
        unique = [name or f"\0{place}" for place, name in enumerate(self._names)]
        return arrow_csv.open_csv(
            stream,
            arrow_csv.ReadOptions(use_threads=False, column_names=unique, skip_rows=1, block_size=_BLOCK),
            arrow_csv.ParseOptions(
                delimiter=self._separator,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=self._skip,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, arrow.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _skip(self, row: Any) -> str:
        self._skipped.append((row.number, row.text))
        return "skip"

    def _lines(self, n_rows: int) -> pl.Series:
        """The numbers of the next `n_rows` lines that were not skipped."""
        lines = pl.int_range(self._next, self._next + n_rows + len(self._skipped), eager=True, dtype=pl.UInt32)
        lines = lines.filter(~lines.is_in([line for line, _ in self._skipped])).head(n_rows)
        self._next = (lines[-1] if n_rows else self._next - 1) + 1
        return lines

    def _put_aside(self, sieve: Sieve) -> int:
        """Move the skipped lines that lie before the next one into the sieve; how many they are."""
        reason = f"it does not have {len(self._names)} fields separated by {self._separator!r}"
        gone = [(line, text) for line, text in self._skipped if line < self._next]
        self._skipped = [(line, text) for line, text in self._skipped if line >= self._next]
        while self._skipped and self._skipped[0][0] == self._next:
            gone.append(self._skipped.pop(0))
            self._next += 1
        sieve.bad += [BadRow(sieve.file, line, reason, text[:80]) for line, text in gone]
        return len(gone)


def _header(file: Path) -> tuple[str, list[str]]:
    """What separates the fields, and the names in the first line. Raises InputError when one comes twice."""
    with _readable(file), arrow.input_stream(str(file), compression="detect") as stream:
        begin = stream.read(1 << 16)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{file} is UTF-16, which is not read in pieces.", hint="Write it as UTF-8.")
    first = as_utf8(begin.split(b"\n", 1)[0]).decode().rstrip("\r")
    separator = max(SEPARATORS, key=first.count)
    names = [free_of_line(name.strip()) for name in next(csv.reader([first or " "], delimiter=separator))]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(f"{file} names the column {twice[0]!r} twice.", hint="The first line has to name the columns.")
    return separator, names
