"""Derived tables of a run as Parquet, with declared schemas: nothing is inferred from what happens to be there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.storage.atomic import replacing, unhidden

BATCH = 50_000
"""Rows that are held before they are written."""

Schema = Mapping[str, type[pl.DataType]]

RANKINGS: Schema = {"row": pl.String, "user_id": pl.String, "rank": pl.Int32, "item_id": pl.String}
"""rankings.parquet: one line an item of a list; `row` names the method."""

PER_USER: Schema = {"row": pl.String, "user_id": pl.String, "metric": pl.String, "value": pl.Float64}
"""per_user.parquet: one line a method, user and metric."""

VARIANTS: Schema = {
    "variant": pl.String,
    "figure": pl.String,
    "n_users": pl.Int64,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "p_value": pl.Float64,
    "p_holm": pl.Float64,
    "against": pl.String,
}
"""variants.parquet: one line a variant of an ablation or a stress test, and figure; `against` is what it is compared with."""
ASKED: Schema = {"user_id": pl.String}
"""asked.parquet: whom a run is to ask, in order; written before anybody is."""

STEPS: Schema = {
    "user_id": pl.String,
    "step": pl.Int32,
    "thought": pl.String,
    "tool": pl.String,
    "arguments": pl.String,
    "observation": pl.String,
    "n_shown": pl.Int32,
    "n_rejected": pl.Int32,
    "reason": pl.String,
}
"""steps.parquet: one line a step. `step` counts from 1, `arguments` is JSON, `observation` one of shown, refused, finished;
`n_shown` counts verified items, or those of the final list, `n_rejected` names that were turned away; `reason` is a refusal's."""

USAGE: Schema = {
    "user_id": pl.String,
    "calls": pl.Int64,
    "cache_hits": pl.Int64,
    "failures": pl.Int64,
    "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "dollars": pl.Float64,
    "seconds": pl.Float64,
}
"""usage.parquet: one line a user for whom a language model was asked; `dollars` is null where a price is not known; cached tokens
are among the input's, reasoning tokens among the output's; `seconds` were waited for the server."""

REJECTS: Schema = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}
"""`prep --report`: one line a row that was left out; `line` counts from 1, `text` is the row, shortened."""


def write_table(path: Path, schema: Schema, columns: Mapping[str, Sequence[Any] | pl.Series]) -> None:
    """Write columns under a declared schema, whole or not at all."""
    table = pl.DataFrame({name: columns[name] for name in schema}, schema=dict(schema))
    with replacing(path) as temporary:
        write_parquet(table, temporary)


class TableWriter:
    """A table that is written a batch at a time, whole or not at all, in memory that does not grow with it."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._schema, self._whole = dict(schema), replacing(path)
        self._rows: list[Sequence[Any]] = []
        self._writer: Any = None
        self._path = path

    def __enter__(self) -> "TableWriter":
        self._path = self._whole.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            if error is None:
                self._close()
        except BaseException as failed:
            self._whole.__exit__(type(failed), failed, failed.__traceback__)
            raise
        self._whole.__exit__(kind, error, trace)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """The next rows, values in the schema's order."""
        self._rows += rows
        if len(self._rows) >= BATCH:
            self._write()

    def _frame(self) -> pl.DataFrame:
        frame = pl.DataFrame(self._rows, schema=self._schema, orient="row")
        self._rows = []
        return frame

    def _write(self) -> None:
        import pyarrow.parquet

        parquet: Any = pyarrow.parquet  # pyarrow comes without types
        frame: Any = self._frame()
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema, compression="zstd", store_schema=False)
        self._writer.write_table(table)

    def _close(self) -> None:
        if self._writer is None:
            return write_parquet(self._frame(), self._path)
        if self._rows:
            self._write()
        self._writer.close()


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Write a table. The same table gives the same bytes. Raises OSError when the disk is full."""
    with unhidden(pl.exceptions.PolarsError):
        table.write_parquet(path, compression="zstd")
