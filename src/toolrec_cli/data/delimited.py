"""CSV and its kin, by pyarrow's reader, because it tells of every row with too many or too few fields."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from toolrec_cli.data.lines import free_of_line
from toolrec_cli.data.rejects import Sieve
from toolrec_cli.data.source import BadRow
from toolrec_cli.errors import InputError

SEPARATORS = ",\t;|"
arrow: Any = pa  # pyarrow comes without types
arrow_csv: Any = pa_csv
_BLOCK = 8 << 20
"""A row has to fit into this many bytes."""


def read_delimited(
    data: bytes, path: Path, pick: Callable[[list[str]], list[str]], sieve: Sieve
) -> tuple[pl.DataFrame, list[str]]:
    """line, then the picked columns as text, and notes. The first line names the columns; the separator is guessed from it.

    Line numbers take a quoted field that runs over several lines for one line.
    Raises InputError when the first line names a column twice, or the quotes cannot be made sense of.
    """
    first = data.split(b"\n", 1)[0].decode("utf-8").rstrip("\r")
    separator = max(SEPARATORS, key=first.count)
    names = _names(first, separator, path)
    wanted = pick([name for name in names if name])
    frame, skipped = _parse(data, path, separator, names, wanted)
    sieve.separator = separator
    reason = f"it does not have {len(names)} fields separated by {separator!r}"
    sieve.bad += [BadRow(sieve.file, line, reason, text[:80]) for line, text in skipped]
    lines = pl.int_range(2, frame.height + len(skipped) + 2, eager=True, dtype=pl.UInt32)
    lines = lines.filter(~lines.is_in([line for line, _ in skipped]))
    numbered = frame.select(lines.alias("line"), *wanted).filter(~pl.all_horizontal(pl.col(wanted).is_null()))
    unnamed = [f"{path.name}: a column without a name is left out."] if "" in names else []
    return numbered, unnamed


def _names(first: str, separator: str, path: Path) -> list[str]:
    names = [free_of_line(name.strip()) for name in next(csv.reader([first], delimiter=separator))]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(f"{path} names the column {twice[0]!r} twice.", hint="The first line has to name the columns.")
    return names


def _parse(
    data: bytes, path: Path, separator: str, names: list[str], wanted: list[str]
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """The wanted columns of all rows, and (line, text) of the rows with another number of fields."""
    skipped: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        skipped.append((row.number, row.text))
        return "skip"

    unique = [name or f"\0{place}" for place, name in enumerate(names)]
    try:
        table: Any = arrow_csv.read_csv(
            io.BytesIO(data),
            arrow_csv.ReadOptions(use_threads=False, column_names=unique, skip_rows=1, block_size=_BLOCK),
            arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, arrow.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except ValueError as error:
        raise InputError(f"{path} cannot be read as a table ({error}).") from error
    columns = {name: pl.Series(name, table.column(name), dtype=pl.String) for name in wanted}
    return pl.DataFrame(columns), skipped
