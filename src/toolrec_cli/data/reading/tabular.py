"""Anybody's table as text columns: CSV, TSV, JSON lines (each perhaps gzipped) or Parquet, in one file or many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from toolrec_cli.data.reading.delimited import read_delimited
from toolrec_cli.data.reading.json_lines import read_json_lines
from toolrec_cli.data.reading.lines import LINE, as_utf8, free_of_line, oddly_encoded
from toolrec_cli.data.reading.many_files import named_files
from toolrec_cli.data.reading.rejects import FILE, Sieve
from toolrec_cli.data.reading.unpacking import unpacked
from toolrec_cli.errors import InputError, UsageError

Pick = Callable[[list[str]], list[str]]
"""The columns that are wanted, of those there are."""

DELIMITED = {".csv", ".tsv", ".txt", ".inter", ".item", ".user"}
JSON_LINES = {".jsonl", ".ndjson", ".json"}
PARQUET = {".parquet", ".pq"}

ENDINGS = DELIMITED | JSON_LINES | PARQUET


@dataclass(frozen=True)
class Tabular:
    """What was read of one file, or of several with the same columns.

    `frame` has line (u32), with several files FILE (the name of the row's file), then columns of text or lists of text; empty
    cells are null.
    """

    frame: pl.DataFrame
    sieve: Sieve
    n_rows: dict[str, int]
    """Name -> rows, good and bad, blank lines left out."""
    files: dict[str, Path]
    notes: list[str] = field(default_factory=list[str])

    @property
    def columns(self) -> list[str]:
        """The file's own columns."""
        return [name for name in self.frame.columns if name not in (LINE, FILE)]


def everything(names: list[str]) -> list[str]:
    """A `Pick` of all columns."""
    return names


def read_tabular(path: Path, pick: Pick = everything) -> Tabular:
    """The picked columns of `path`: a file, a folder of files, or a pattern ("logs/*.csv"), one after the other by their names.

    The line of a row counts from 1; in Parquet it is the number of the row. Raises UsageError on a format that is not known,
    InputError when a file is missing, empty, cut off, not of its format, or lacks a column that the first one has.
    """
    files = named_files(path, ENDINGS)
    parts: list[Tabular] = []
    for name, file in files.items():
        parts.append(_read_one(name, file, _as_first(parts[0], file) if parts else pick))
    return parts[0] if len(parts) == 1 else _joined(path, parts, files)


def _as_first(first: Tabular, file: Path) -> Pick:
    """The columns that were picked of the first file."""

    def pick(names: list[str]) -> list[str]:
        for name in first.columns:
            if name not in names:
                raise InputError(f"{file} has no column {name!r}, which {next(iter(first.files.values())).name} has.")
        return first.columns

    return pick


def _joined(path: Path, parts: Sequence[Tabular], files: dict[str, Path]) -> Tabular:
    sieve = Sieve(path.name, parts[0].sieve.separator)
    sieve.bad = [row for part in parts for row in part.sieve.bad]
    try:
        frames = [part.frame.with_columns(pl.lit(part.sieve.file).alias(FILE)) for part in parts]
        frame = pl.concat(frames).with_columns(pl.col(FILE).cast(pl.Categorical))
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The files of {path} do not have columns of the same types ({reason}).") from error
    n_rows = {name: count for part in parts for name, count in part.n_rows.items()}
    notes = [f"{path.name}: {len(parts):,} files, read in the order of their names."]
    return Tabular(frame, sieve, n_rows, files, notes + [note for part in parts for note in part.notes])


def _read_one(name: str, path: Path, pick: Pick) -> Tabular:
    sieve = Sieve(name)
    if not path.is_file():
        raise InputError(f"{path} does not exist." if not path.exists() else f"{path} is not a file.")
    ending = _ending(path)
    if ending in PARQUET:
        frame, notes = _read_parquet(path, pick)
    else:
        data, decoded = _text(path)
        read = read_json_lines if ending in JSON_LINES else read_delimited
        frame, notes = read(data, path, pick, sieve)
        notes = [*decoded, *notes]
    return Tabular(frame, sieve, {name: frame.height + len(sieve.bad)}, {name: path}, notes)


def _ending(path: Path) -> str:
    ending = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if ending not in ENDINGS:
        known = "CSV (.csv), TSV (.tsv, .txt), JSON lines (.jsonl, .json), Parquet (.parquet)"
        raise UsageError(
            f"{path.name} has an ending that toolrec does not know.", hint=f"It reads {known}, and .gz of text."
        )
    return ending


def _text(path: Path) -> tuple[bytes, list[str]]:
    """The bytes of a text file, unpacked, as UTF-8; and a note where they were not."""
    with unpacked(path) as stream:
        data = stream.read()
    if not data.strip():
        raise InputError(f"{path} is empty.")
    odd = oddly_encoded(data)
    return as_utf8(data), [f"{path.name} {odd}."] if odd else []


def _read_parquet(path: Path, pick: Pick) -> tuple[pl.DataFrame, list[str]]:
    try:
        scan = pl.scan_parquet(path, hive_partitioning=False)
        scan = scan.rename({LINE: free_of_line(LINE)}, strict=False)
        schema = scan.collect_schema()
        flat = {name: dtype for name, dtype in schema.items() if not _is_structured(dtype)}
        wanted = pick(list(flat))
        frame = scan.select(wanted).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is cut off or not a Parquet file ({str(error).splitlines()[0]}).") from error
    texts = [_as_text(frame[name]) for name in wanted]
    left = [f"{path.name}: column {name!r} holds structures; it is left out." for name in schema if name not in flat]
    return pl.DataFrame(texts).with_row_index("line", offset=1), left


def _is_structured(dtype: pl.DataType) -> bool:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return isinstance(inner, pl.Struct | pl.List | pl.Array | pl.Binary | pl.Object) or isinstance(dtype, pl.Array)


def _as_text(values: pl.Series) -> pl.Series:
    """NaN is null; whole numbers that are floats only because some are missing (as pandas writes them) have no ".0"."""
    if isinstance(values.dtype, pl.List):
        return values.cast(pl.List(pl.String))
    if values.dtype.is_float():
        values = values.fill_nan(None)
        whole = (values % 1 == 0).all() and (values.abs() < 2**53).all()
        values = values.cast(pl.Int64) if whole else values
    return values.cast(pl.String)
