"""Anybody's table as text columns: CSV, TSV, JSON lines (each perhaps gzipped) or Parquet, every row with its line."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from toolrec_cli.data.delimited import read_delimited
from toolrec_cli.data.json_lines import read_json_lines
from toolrec_cli.data.lines import LINE, as_utf8, free_of_line
from toolrec_cli.data.rejects import Sieve
from toolrec_cli.errors import InputError, UsageError

Pick = Callable[[list[str]], list[str]]
"""The columns that are wanted, of those there are."""

DELIMITED = {".csv", ".tsv", ".txt", ".inter", ".item"}
JSON_LINES = {".jsonl", ".ndjson", ".json"}
PARQUET = {".parquet", ".pq"}


@dataclass(frozen=True)
class Tabular:
    """What was read of one file. `frame` has line (u32), then columns of text or lists of text; empty cells are null."""

    frame: pl.DataFrame
    sieve: Sieve
    n_rows: int
    """Good and bad, blank lines left out."""
    notes: list[str] = field(default_factory=list[str])


def everything(names: list[str]) -> list[str]:
    """A `Pick` of all columns."""
    return names


def read_tabular(path: Path, pick: Pick = everything) -> Tabular:
    """The picked columns of `path`. The line of a row counts from 1; in Parquet it is the number of the row.

    Raises UsageError on a format that is not known, InputError when the file is missing, empty, cut off or not of its format.
    """
    sieve = Sieve(path.name)
    if not path.is_file():
        raise InputError(f"{path} does not exist." if not path.exists() else f"{path} is not a file.")
    ending = _ending(path)
    if ending in PARQUET:
        frame, notes = _read_parquet(path, pick)
    else:
        data = _text(path)
        read = read_json_lines if ending in JSON_LINES else read_delimited
        frame, notes = read(data, path, pick, sieve)
    return Tabular(frame, sieve, frame.height + len(sieve.bad), notes)


def _ending(path: Path) -> str:
    ending = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if ending not in DELIMITED | JSON_LINES | PARQUET:
        known = "CSV (.csv), TSV (.tsv, .txt), JSON lines (.jsonl, .json), Parquet (.parquet)"
        raise UsageError(
            f"{path.name} has an ending that toolrec does not know.", hint=f"It reads {known}, and .gz of text."
        )
    return ending


def _text(path: Path) -> bytes:
    """The bytes of a text file, unpacked, as UTF-8."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: it is cut off or not gzip ({error}).") from error
    if not data.strip():
        raise InputError(f"{path} is empty.")
    return as_utf8(data)


def _read_parquet(path: Path, pick: Pick) -> tuple[pl.DataFrame, list[str]]:
    try:
        scan = pl.scan_parquet(path)
        scan = scan.rename({LINE: free_of_line(LINE)}, strict=False)
        schema = scan.collect_schema()
        flat = {name: dtype for name, dtype in schema.items() if not _is_structured(dtype)}
        wanted = pick(list(flat))
        frame = scan.select(wanted).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is cut off or not a Parquet file ({str(error).splitlines()[0]}).") from error
    texts = [pl.col(name).cast(pl.List(pl.String) if schema[name].is_nested() else pl.String) for name in wanted]
    left = [f"{path.name}: column {name!r} holds structures; it is left out." for name in schema if name not in flat]
    return frame.select(texts).with_row_index("line", offset=1), left


def _is_structured(dtype: pl.DataType) -> bool:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return isinstance(inner, pl.Struct | pl.List | pl.Array | pl.Binary | pl.Object) or isinstance(dtype, pl.Array)
