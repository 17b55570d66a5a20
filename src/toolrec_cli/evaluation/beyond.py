"""What accuracy does not say of lists: coverage, novelty, diversity, popularity bias, calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.calibration import miscalibration
from toolrec_cli.evaluation.coverage import coverage
from toolrec_cli.evaluation.diversity import diversity
from toolrec_cli.evaluation.labels import LabelTable
from toolrec_cli.evaluation.popularity_bias import head_share, novelty, popularity
from toolrec_cli.evaluation.significance import Interval, intervals_where_known
from toolrec_cli.seeds import stream

IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What lists are held against besides held-out items; all of it was known when they were made.

    `counts` [N + 1] interactions of each item up to the cut, over everybody (`n_users`); `labels` by attribute; the histories
    of those who were asked, in the lists' order, as `items` and `offsets`.
    """

    counts: IntArray
    n_users: int
    labels: Mapping[str, LabelTable]
    items: ItemArray
    offsets: IntArray


def beyond(lists: Mapping[str, IntArray], world: World, seed: int) -> dict[str, dict[str, Interval]]:
    """Row -> measure -> figure. Lists [n_users, n] (0 = none). A measure that nobody's list has is left out."""
    found: dict[str, dict[str, Interval]] = {}
    for name, row in lists.items():
        values = by_user(row, world)
        spread = intervals_where_known(np.stack(list(values.values()), axis=1), stream(seed, "bootstrap"))
        known = {measure: each for measure, each in zip(values, spread, strict=True) if each is not None}
        found[name] = {"coverage": coverage(row, len(world.counts) - 1), **known}
    return found


def by_user(lists: IntArray, world: World) -> dict[str, FloatArray]:
    """Every measure of every user's list, [n_users]; NaN where it has none, as for an empty list."""
    return {
        "novelty": novelty(lists, world.counts, world.n_users),
        "diversity": diversity(lists, world.labels),
        "popularity": popularity(lists, world.counts),
        "head_share": head_share(lists, world.counts),
        "miscalibration": miscalibration(lists, world.items, world.offsets, world.labels),
    }
