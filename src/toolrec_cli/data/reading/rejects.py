"""Rows that cannot be used: found, counted, shown, and never in silence."""

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from toolrec_cli.data.source import BadRow
from toolrec_cli.errors import InputError

TOLERATED = 0.01
"""Above this share of a file's rows, the file is refused unless told otherwise."""

FILE = "file of the row"
"""The column that says which file a row is from, where a frame holds the rows of several."""

SHOWN = 5
_LONGEST = 80


class Sieve:
    """Takes the unusable rows of one file out of its frame, check after check, and keeps them with the reason."""

    def __init__(self, file: str, separator: str = ",") -> None:
        self.file = file
        self.separator = separator
        self.bad: list[BadRow] = []

    def drop(self, frame: pl.DataFrame, unusable: pl.Expr, reason: str) -> pl.DataFrame:
        """The rows of `frame` that are not `unusable` (null counts as usable); the others are kept as BadRows.

        `frame` has line (u32), FILE if its rows are of several files, and either text, the whole row, or its fields as columns.
        """
        mask = frame.select(unusable.fill_null(value=False)).to_series()
        if mask.any():
            self.bad += self._rows(frame.filter(mask), reason)
            return frame.filter(~mask)
        return frame

    def _rows(self, frame: pl.DataFrame, reason: str) -> list[BadRow]:
        apart = {"line", FILE}
        fields = [name for name, dtype in frame.schema.items() if name not in apart and not dtype.is_nested()]
        text = pl.concat_str(pl.col(fields).cast(pl.String).fill_null(""), separator=self.separator)
        file = pl.col(FILE).cast(pl.String) if FILE in frame.columns else pl.lit(self.file)
        shown = frame.select(file.alias(FILE), "line", text.str.slice(0, _LONGEST).alias("text"))
        return [BadRow(name, line, reason, content) for name, line, content in shown.iter_rows()]


def reasons_of(rows: Sequence[BadRow]) -> Counter[tuple[str, str]]:
    """How many rows there are of each file and reason."""
    return Counter((row.file, row.reason) for row in rows)


def describe(rows: Sequence[BadRow], counts: Mapping[tuple[str, str], int] | None = None) -> list[str]:
    """A sentence a reason with its count, then the first five rows with file and line.

    `counts` says how many there were by file and reason, where `rows` are only the first of them.
    """
    reasons = reasons_of(rows) if counts is None else counts
    counted = [f"{file}: {count:,} {_rows(count)} left out: {reason}." for (file, reason), count in reasons.items()]
    first = sorted(rows, key=lambda row: (row.file, row.line))[:SHOWN]
    return counted + [f"{row.file}, line {row.line}: {row.reason}: {row.text!r}" for row in first]


def check(
    rows: Sequence[BadRow],
    totals: Mapping[str, int],
    *,
    skip_bad: bool,
    counts: Mapping[tuple[str, str], int] | None = None,
) -> None:
    """Raise InputError when more than 1 % of a file's rows are bad.

    `totals` counts all rows of each file, `counts` the bad ones where `rows` are only the first of them.
    """
    counts = reasons_of(rows) if counts is None else counts
    for file, total in totals.items():
        here = {key: count for key, count in counts.items() if key[0] == file}
        n_bad = sum(here.values())
        if not skip_bad and n_bad > TOLERATED * total:
            details = "\n  ".join(describe([row for row in rows if row.file == file], here))
            raise InputError(
                f"{n_bad:,} of {total:,} {_rows(total)} of {file} cannot be used.\n  {details}",
                hint="Mend the file, or leave these rows out with --skip-bad.",
            )


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
