"""What an evaluation says: a row a method, every figure with its interval, all users in the denominator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.metrics import score
from toolrec_cli.evaluation.significance import Interval, Paired, intervals, paired
from toolrec_cli.seeds import stream

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Row:
    """One method. `versus` compares it with the baseline on the same users; None for the baseline itself."""

    name: str
    metrics: dict[str, Interval]
    versus: dict[str, Paired] | None


@dataclass(frozen=True)
class Failure:
    """A user without a full list of the surrogate's own; the list, if any, counts as it is, else as a miss."""

    user_id: str
    status: str
    reason: str


@dataclass(frozen=True)
class Report:
    """report.json. `candidate_recall` is the share of users whose held-out item was in any list retrieved for them."""

    dataset: str
    split: str
    n_users: int
    n: int
    baseline: str
    surrogate: str
    rows: tuple[Row, ...]
    candidate_recall: Interval
    mean_rounds: float
    statuses: dict[str, int]
    failures: tuple[Failure, ...]
    out_of_reach: int = 0
    """Users whose held-out item is in their history already: masked like the rest of it, a miss in every row."""
    schema_version: int = SCHEMA_VERSION


def compare(
    lists: Mapping[str, IntArray], targets: IntArray, ks: Sequence[int], baseline: str, seed: int
) -> tuple[tuple[Row, ...], dict[str, dict[str, FloatArray]]]:
    """Score every method's lists ([n_users, n] item_index, 0 = none) against the same targets.

    Returns the rows, and the per-user values by method and metric.
    """
    values = {name: score(found, targets, ks) for name, found in lists.items()}
    names = list(values)
    metrics = list(values[baseline])
    columns = np.stack([values[name][metric] for name in names for metric in metrics], axis=1)
    means = intervals(columns, stream(seed, "bootstrap"))
    base = np.stack([values[baseline][metric] for _ in names for metric in metrics], axis=1)
    differences = paired(columns - base, stream(seed, "paired"))
    rows: list[Row] = []
    for place, name in enumerate(names):
        part = slice(place * len(metrics), (place + 1) * len(metrics))
        versus = None if name == baseline else dict(zip(metrics, differences[part], strict=True))
        rows.append(Row(name, dict(zip(metrics, means[part], strict=True)), versus))
    return tuple(rows), values


def hit_interval(hits: npt.NDArray[np.bool_], seed: int) -> Interval:
    """The share of users with a hit, with its interval."""
    return intervals(hits.astype(np.float64)[:, None], stream(seed, "bootstrap"))[0]
