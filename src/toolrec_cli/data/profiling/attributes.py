"""What an attribute of the items looks like: how many have it, its most frequent values, its quartiles."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from toolrec_cli.data.catalog import Attribute, Kind
from toolrec_cli.data.profiling.figures import Bin, Spread, few_or_even, spread_of

_SIZES = {
    Kind.NUMERIC: pl.col("value"),
    Kind.DATE: pl.col("value").str.slice(0, 4),
    Kind.TEXT: pl.col("value").str.len_chars(),
}


@dataclass(frozen=True)
class ValueShare:
    """How many items have `value`, and their share of the items that have any (several labels of one item: above 1 in sum)."""

    value: str
    items: int
    share: float


@dataclass(frozen=True)
class AttributeProfile:
    """One attribute. `coverage` is the share of items that have a value, `n_values` counts distinct ones.

    Labels have `top`, the most frequent ones. Numbers have `spread` and `bins`; dates have them of their years, texts of their
    lengths in characters.
    """

    name: str
    kind: Kind
    coverage: float
    n_values: int
    top: tuple[ValueShare, ...] = ()
    spread: Spread | None = None
    bins: tuple[Bin, ...] = ()


def attribute_profile(items: pl.LazyFrame, attribute: Attribute, n_top: int) -> AttributeProfile:
    """The profile of one column of the table of items, with the `n_top` most frequent values."""
    known = items.select(value=pl.col(attribute.name)).drop_nulls()
    about = (attribute.name, attribute.kind, attribute.coverage, attribute.n_values)
    if attribute.kind in (Kind.CATEGORICAL, Kind.MULTI):
        return AttributeProfile(*about, top=_top(known, n_top))
    numbers = (
        known.select(_SIZES[attribute.kind].cast(pl.Float64))
        .collect(engine="streaming")["value"]
        .drop_nans()
        .to_numpy()
    )
    if not len(numbers):
        return AttributeProfile(*about)
    return AttributeProfile(*about, spread=spread_of(numbers), bins=few_or_even(*np.unique_counts(numbers)))


def _top(known: pl.LazyFrame, n_top: int) -> tuple[ValueShare, ...]:
    """The most frequent values, of equally frequent ones those that sort first."""
    n_known = known.select(pl.len()).collect(engine="streaming").item()
    labels = known
    if isinstance(known.collect_schema()["value"], pl.List):
        labels = known.select(pl.col("value").list.unique()).explode("value").drop_nulls()
    counted = labels.group_by(pl.col("value").cast(pl.String)).len()
    best = counted.sort(["len", "value"], descending=[True, False]).head(n_top).collect(engine="streaming")
    return tuple(ValueShare(value, count, count / n_known) for value, count in best.iter_rows())
