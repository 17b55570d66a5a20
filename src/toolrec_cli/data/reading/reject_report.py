"""`prep --report`: every rejected row, as Parquet."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from toolrec_cli.data.source import BadRow
from toolrec_cli.errors import UsageError
from toolrec_cli.storage.tables import REJECTS, write_table


def check_place(report: Path) -> None:
    """Raise UsageError where a report cannot go: there is no such folder, or something there that is not a report."""
    if not report.parent.is_dir():
        raise UsageError(f"The folder of --report {report} does not exist.", hint="Make it, or choose another place.")
    if not report.exists():
        return
    try:
        schema = None if report.is_dir() else pl.read_parquet_schema(report)
    except pl.exceptions.PolarsError:
        schema = None
    if schema != dict(REJECTS):
        raise UsageError(f"--report {report} is there already, and is no report.", hint="Choose another name.")


def write_report(report: Path, rows: Sequence[BadRow]) -> None:
    """Write every rejected row, by file and line, as Parquet. Replaces an earlier report."""
    ordered = sorted(rows, key=lambda row: (row.file, row.line))
    write_table(report, REJECTS, {name: [getattr(row, name) for row in ordered] for name in REJECTS})
