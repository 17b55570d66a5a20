"""CSV and its kin, by pyarrow's reader, because it tells of every row with too many or too few fields."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from toolrec_cli.data.reading.lines import free_of_line
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import BadRow
from toolrec_cli.errors import InputError

SEPARATORS = ",\t;|"
arrow: Any = pa  # pyarrow comes without types
arrow_csv: Any = pa_csv
_BLOCK = 8 << 20
"""What is parsed at a time. A row has to fit into it; where one does not, the whole file is parsed at once."""

_NO_SENSE = "Look at its quotation marks: a cell that begins with one has to end with one."


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
    frame, skipped, as_they_are = _parse(data, path, separator, names, wanted)
    sieve.separator = separator
    reason = f"it does not have {len(names)} fields separated by {separator!r}"
    sieve.bad += [BadRow(sieve.file, line, reason, text[:80]) for line, text in skipped]
    lines = pl.int_range(2, frame.height + len(skipped) + 2, eager=True, dtype=pl.UInt32)
    lines = lines.filter(~lines.is_in([line for line, _ in skipped]))
    numbered = frame.select(lines.alias("line"), *wanted).filter(~pl.all_horizontal(pl.col(wanted).is_null()))
    notes = [f"{path.name}: a column without a name is left out."] if "" in names else []
    if as_they_are:
        notes.append(f"{path.name}: quotation marks are not in pairs; they are taken as part of the text.")
    return numbered, notes


def _names(first: str, separator: str, path: Path) -> list[str]:
    names = [free_of_line(name.strip()) for name in next(csv.reader([first], delimiter=separator))]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(f"{path} names the column {twice[0]!r} twice.", hint="The first line has to name the columns.")
    return names


def _parse(
    data: bytes, path: Path, separator: str, names: list[str], wanted: list[str]
) -> tuple[pl.DataFrame, list[tuple[int, str]], bool]:
    """The wanted columns of all rows, (line, text) of the rows with another number of fields, and whether quotes are text.

    They are when they are not in pairs: a cell that begins with one then swallows lines, or all the rest of the file. Then of
    the two readings the one is taken in which fewer lines are lost or broken.
    """
    n_lines = data.count(b"\n") + (not data.endswith(b"\n")) - 1
    try:
        frame, skipped = _parse_with('"', data, separator, names, wanted)
        lost, error = n_lines - frame.height, None
    except ValueError as caught:
        frame, skipped, lost, error = pl.DataFrame(), [], n_lines, caught
    if lost > len(skipped) and not _in_pairs(data, separator) and _broken(data, separator, len(names)) < lost:
        return *_parse_with(None, data, separator, names, wanted), True
    if error is not None:
        raise InputError(f"{path} cannot be read as a table ({error}).", hint=_NO_SENSE) from error
    return frame, skipped, False


def _in_pairs(data: bytes, separator: str) -> bool:
    """Whether every quote that begins a cell ends it too."""
    limit = csv.field_size_limit(len(data) + 1)
    try:
        for _ in csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error:
        return False
    finally:
        csv.field_size_limit(limit)
    return True


def _broken(data: bytes, separator: str, n_fields: int) -> int:
    """How many lines have another number of fields when quotes mean nothing."""
    lines = pl.Series([data.decode("utf-8")]).str.split("\n").explode()
    counts = lines.filter(lines.str.strip_chars() != "").str.count_matches(separator, literal=True)
    return int((counts != n_fields - 1).sum())


def _parse_with(
    quote: str | None, data: bytes, separator: str, names: list[str], wanted: list[str]
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    skipped: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        skipped.append((row.number, row.text))
        return "skip"

    def parse(block_size: int) -> Any:
        return arrow_csv.read_csv(
            io.BytesIO(data),
            arrow_csv.ReadOptions(use_threads=False, column_names=unique, skip_rows=1, block_size=block_size),
            arrow_csv.ParseOptions(
                delimiter=separator,
                quote_char=quote or False,
                newlines_in_values=quote is not None,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, arrow.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    unique = [name or f"\0{place}" for place, name in enumerate(names)]
    try:
        table = parse(_BLOCK)
    except ValueError:
        if len(data) <= _BLOCK:
            raise
        skipped.clear()
        table = parse(min(len(data) + 1, 2**31 - 1))
    columns = {name: pl.Series(name, table.column(name), dtype=pl.String) for name in wanted}
    return pl.DataFrame(columns), skipped
