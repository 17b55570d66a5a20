"""Derived tables of a run as Parquet, with declared schemas: nothing is inferred from what happens to be there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.storage.atomic import replacing

Schema = Mapping[str, type[pl.DataType]]

RANKINGS: Schema = {"row": pl.String, "user_id": pl.String, "rank": pl.Int32, "item_id": pl.String}
"""rankings.parquet: one line an item of a list; `row` names the method."""

PER_USER: Schema = {"row": pl.String, "user_id": pl.String, "metric": pl.String, "value": pl.Float64}
"""per_user.parquet: one line a method, user and metric."""


def write_table(path: Path, schema: Schema, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns under a declared schema, whole or not at all."""
    table = pl.DataFrame({name: columns[name] for name in schema}, schema=dict(schema))
    with replacing(path) as temporary:
        table.write_parquet(temporary)
