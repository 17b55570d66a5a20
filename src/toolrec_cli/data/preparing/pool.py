"""The item pool of a preparation: the items that are left, in their order, and their attributes described."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.catalog import Attribute, Kind
from toolrec_cli.data.preparing.numbering import Numbering
from toolrec_cli.data.source import RawData


@dataclass(frozen=True)
class Pool:
    """items.parquet as it is written, its attributes, and what was decided on the way."""

    items: pl.DataFrame
    attributes: tuple[Attribute, ...]
    notes: list[str]


def item_pool(raw: RawData, numbering: Numbering, there: npt.NDArray[np.bool_], n_unmet: int) -> Pool:
    """The items marked `there` by number; `n_unmet` of those known were never met at all."""
    if raw.items is None:
        ids = numbering.ids().filter(pl.Series(there)).alias("item_id")
        return Pool(pl.DataFrame([ids, ids.alias("title")]), (), [])
    items, attributes, notes = _with_attributes(raw.items.filter(pl.Series(there)), raw.kinds)
    return Pool(items, attributes, [*_unmet_note(n_unmet), *_shared_title_note(items), *notes])


def _with_attributes(
    items: pl.DataFrame, kinds: dict[str, Kind]
) -> tuple[pl.DataFrame, tuple[Attribute, ...], list[str]]:
    """item_id, title and the attributes that have a value; each attribute described; notes on those dropped."""
    names = [name for name in items.columns if name not in ("item_id", "title")]
    blank = [_blank_to_null(name, items.schema[name]) for name in names]
    frame = items.select("item_id", "title", *blank)
    kept = [name for name in names if frame[name].null_count() < frame.height]
    notes = [f"Attribute {name!r} has no value at all and is left out." for name in names if name not in kept]
    attributes = tuple(_described(frame[name], kinds[name]) for name in kept)
    return frame.select("item_id", "title", *kept), attributes, notes


def _blank_to_null(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return pl.when(pl.col(name).list.len() > 0).then(pl.col(name)).alias(name)
    return pl.col(name).replace("", None) if dtype == pl.String else pl.col(name)


def _described(column: pl.Series, kind: Kind) -> Attribute:
    known = column.drop_nulls()
    values = known.explode() if isinstance(known.dtype, pl.List) else known
    return Attribute(column.name, kind, coverage=len(known) / len(column), n_values=values.n_unique())


def _unmet_note(n_unmet: int) -> list[str]:
    return [f"Items that nobody interacted with, left out: {n_unmet:,}."] if n_unmet else []


def _shared_title_note(items: pl.DataFrame) -> list[str]:
    shared = items.filter(pl.col("title").is_duplicated())
    if not shared.height:
        return []
    n_titles = shared["title"].n_unique()
    return [
        f"Items that share their title with another, told apart by their ids: {shared.height:,} (titles: {n_titles:,})."
    ]
