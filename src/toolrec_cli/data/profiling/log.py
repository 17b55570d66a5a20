"""What an interaction log looks like: history lengths, popularity, times, ratings. Read as a stream, never row by row.

Every function takes the lazy table of interactions as `data.dataset` describes it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from toolrec_cli.data.profiling.figures import Bin, FloatArray, Spread, few_or_even, ladder, spread_of

TOP = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of the items, the most popular ones, whose part of all interactions is told."""


@dataclass(frozen=True)
class Lengths:
    """How many interactions a user has, the held-out ones included; each bin counts users."""

    spread: Spread
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class TopShare:
    """The most popular `items` (a share of all items, at least one item) hold `interactions` (a share of them all)."""

    items: float
    interactions: float


@dataclass(frozen=True)
class Popularity:
    """How unevenly the interactions fall on the items.

    `gini` is 0 where every item has as many, and near 1 where one has them all. `curve` holds, for 0, 1, …, 100 % of the
    items, the most popular first, their share of all interactions. `spread` is of the interactions an item has.
    """

    spread: Spread
    gini: float
    top: tuple[TopShare, ...]
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Ratings:
    """How often each rating was given, or each range where there are more than 20; `unrated` counts those without."""

    mean: float
    unrated: int
    bins: tuple[Bin, ...]


def lengths(log: pl.LazyFrame) -> Lengths:
    """The lengths of the histories of all users who have one."""
    counts = log.group_by("user_index").len().select("len").collect(engine="streaming")["len"].to_numpy()
    return Lengths(spread_of(counts), ladder(counts))


def popularity(log: pl.LazyFrame, n_items: int) -> Popularity:
    """How the interactions fall on the `n_items` items; one that nobody met counts as 0."""
    met = log.group_by("item_index").len().select("len").collect(engine="streaming")["len"].to_numpy()
    counts = np.zeros(n_items)
    counts[: len(met)] = np.sort(met)[::-1]
    held = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    top = tuple(TopShare(share, _held_by(held, share)) for share in TOP)
    curve = tuple(_held_by(held, percent / 100) if percent else 0.0 for percent in range(101))
    return Popularity(spread_of(counts), gini(counts), top, curve)


def _held_by(held: FloatArray, share: float) -> float:
    """What the top `share` of the items hold, rounded up to a whole item. `held[n]` is the share of the first n."""
    n_items = len(held) - 1
    return float(held[max(1, int(np.ceil(round(share * n_items, 9))))])


def gini(descending: FloatArray) -> float:
    """The Gini coefficient of counts in descending order: half their mean absolute difference over their mean. Shape [n]."""
    n = len(descending)
    rank = np.arange(n, 0, -1)
    return float(2 * (rank * descending).sum() / (n * descending.sum()) - (n + 1) / n)


def ratings(log: pl.LazyFrame) -> Ratings | None:
    """The distribution of the ratings; None where there is none."""
    if "rating" not in log.collect_schema().names():
        return None
    counted = log.group_by(pl.col("rating").fill_nan(None)).len().collect(engine="streaming").sort("rating")
    rated = counted.drop_nulls()
    if not rated.height:
        return None
    values, counts = rated["rating"].to_numpy().astype(np.float64), rated["len"].to_numpy()
    mean = float(np.average(values, weights=counts))
    unrated = int(counted.filter(pl.col("rating").is_null())["len"].sum())
    return Ratings(mean, unrated, few_or_even(values, counts))
