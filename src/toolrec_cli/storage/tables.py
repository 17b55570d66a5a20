"""Derived tables of a run as Parquet, with declared schemas: nothing is inferred from what happens to be there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.storage.atomic import replacing, unhidden

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
}
"""variants.parquet: one line a variant of an ablation or a stress test, and figure."""

REJECTS: Schema = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}
"""`prep --report`: one line a row that was left out; `line` counts from 1, `text` is the row, shortened."""


def write_table(path: Path, schema: Schema, columns: Mapping[str, Sequence[Any] | pl.Series]) -> None:
    """Write columns under a declared schema, whole or not at all."""
    table = pl.DataFrame({name: columns[name] for name in schema}, schema=dict(schema))
    with replacing(path) as temporary:
        write_parquet(table, temporary)


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Write a table. The same table gives the same bytes. Raises OSError when the disk is full."""
    with unhidden(pl.exceptions.PolarsError):
        table.write_parquet(path, compression="zstd")
