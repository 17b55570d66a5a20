"""The same figures by kind of user: how long a history is, how popular and how old the held-out item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.significance import Interval, Paired, holm_corrected, intervals, paired
from toolrec_cli.seeds import stream

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

UNMET = "met by nobody before"


@dataclass(frozen=True)
class Group:
    """One kind of user: `metric` of every row, and its difference to the baseline, Holm-corrected over all groups and rows."""

    by: str
    name: str
    n_users: int
    metric: str
    rows: dict[str, Interval]
    versus: dict[str, Paired]


@dataclass(frozen=True)
class Traits:
    """What users are told apart by, each [n_users]. `age` is how long before the end of the user's history the held-out item
    was first met by anybody, in the log's unit of time; NaN where nobody had; None where the log has no times.
    """

    history: IntArray
    popularity: IntArray
    age: FloatArray | None


def members(traits: Traits) -> dict[tuple[str, str], BoolArray]:
    """(by, name) -> who is in the group. Thirds of the users, fewer where many are alike; empty groups are left out."""
    found = {("history length", name): who for name, who in _thirds(traits.history).items()}
    found |= {("held-out item's popularity", name): who for name, who in _thirds(traits.popularity).items()}
    if traits.age is not None:
        known = ~np.isnan(traits.age)
        parts = _thirds(traits.age[known].astype(np.int64))
        for name, each in zip(("newest third", "middle third", "oldest third"), parts.values(), strict=False):
            who = np.zeros(len(known), np.bool_)
            who[np.flatnonzero(known)[each]] = True
            found["held-out item's age", name] = who
        found["held-out item's age", UNMET] = ~known
    return {key: who for key, who in found.items() if who.any()}


def _thirds(values: IntArray) -> dict[str, BoolArray]:
    if not len(values):
        return {}
    low, high = (int(edge) for edge in np.quantile(values, [1 / 3, 2 / 3], method="lower"))
    parts = {f"up to {low:,}": values <= low}
    if high > low:
        parts[f"{low + 1:,} to {high:,}"] = (values > low) & (values <= high)
    parts[f"above {high:,}"] = values > high
    return parts


def grouped(
    values: Mapping[str, FloatArray], metric: str, traits: Traits, baseline: str, seed: int
) -> tuple[Group, ...]:
    """`values` are by row, each [n_users], the metric's."""
    names = list(values)
    others = [name for name in names if name != baseline]
    columns = np.stack(list(values.values()), axis=1)
    base = values[baseline][:, None]
    differences = np.stack([values[name] for name in others], axis=1) - base if others else np.zeros((len(base), 0))
    found: list[Group] = []
    for (by, name), who in members(traits).items():
        means = intervals(columns[who], stream(seed, "bootstrap"))
        versus = paired(differences[who], stream(seed, "paired")) if others else []
        rows, against = dict(zip(names, means, strict=True)), dict(zip(others, versus, strict=True))
        found.append(Group(by, name, int(who.sum()), metric, rows, against))
    return _corrected(found)


def _corrected(groups: Sequence[Group]) -> tuple[Group, ...]:
    every = holm_corrected([each for group in groups for each in group.versus.values()])
    left = iter(every)
    return tuple(
        Group(g.by, g.name, g.n_users, g.metric, g.rows, {name: next(left) for name in g.versus}) for g in groups
    )
