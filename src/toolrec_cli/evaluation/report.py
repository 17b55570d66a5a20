"""What an evaluation says: a row a method, every figure with its interval, all users in the denominator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.groups import Group
from toolrec_cli.evaluation.metrics import score
from toolrec_cli.evaluation.significance import Interval, Paired, holm_corrected, intervals, paired
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
    beyond: dict[str, Interval] = field(default_factory=dict[str, Interval])
    """Coverage, novelty, diversity, popularity, head_share, miscalibration, of the first `n` places."""


@dataclass(frozen=True)
class Failure:
    """A user without a full list of the surrogate's own: padded (some places from memory), forced (all) or failed (no list).

    The list, if any, counts as it is, else as a miss.
    """

    user_id: str
    status: str
    reason: str


ORDERED, FILLED, REFUSED, REJECTED, UNHEARD = "ordered", "filled", "refused", "rejected", "unheard"
"""Whose a list is: the model's; its first places only, the others the tools'. Or why there is none: the answer named no
candidate, the server gave none to this question, or it failed to, and may be asked again."""


@dataclass(frozen=True)
class LLMRow:
    """`ends`: how many lists ended how; every user is in one of them. `usage`: what the row took, apart from all others."""

    ends: dict[str, int]
    usage: dict[str, Any]


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
    n_possible: int = 0
    """How many users could have been asked: above `n_users` when they were sampled."""
    groups: tuple[Group, ...] = ()
    untuned: str = ""
    """Why the surrogate did without what `toolrec tune` learns; empty when it did not."""
    usage: dict[str, Any] | None = None
    """What a language model was asked: calls, cache_hits, tokens, dollars (None: not known); None where none was."""
    earned: dict[str, Paired] | None = None
    """What the language model's lists are better by than the built-in surrogate's, which cost nothing, by metric."""
    llm_rows: dict[str, LLMRow] = field(default_factory=dict[str, LLMRow])
    """The rows in which a language model made the lists without exploring, by name; `usage` is the sum with theirs."""
    schema_version: int = SCHEMA_VERSION


Values = dict[str, dict[str, FloatArray]]
"""Row -> metric -> everybody's value, [n_users]."""


def scored(
    lists: Mapping[str, IntArray], targets: IntArray, ks: Sequence[int], seed: int
) -> tuple[dict[str, dict[str, Interval]], Values]:
    """Score every method's lists ([n_users, n] item_index, 0 = none) against the same targets: means by method and metric, and
    the per-user values behind them.
    """
    values = {name: score(found, targets, ks) for name, found in lists.items()}
    cells = [(name, metric) for name, found in values.items() for metric in found]
    found = intervals(np.stack([values[name][metric] for name, metric in cells], axis=1), stream(seed, "bootstrap"))
    means: dict[str, dict[str, Interval]] = {name: {} for name in values}
    for (name, metric), each in zip(cells, found, strict=True):
        means[name][metric] = each
    return means, values


def compare(
    lists: Mapping[str, IntArray], targets: IntArray, ks: Sequence[int], baseline: str, seed: int
) -> tuple[tuple[Row, ...], Values]:
    """Every method's row, each compared with the baseline, and the per-user values by method and metric."""
    means, values = scored(lists, targets, ks, seed)
    versus = paired_differences(values, [(name, baseline) for name in values if name != baseline], seed)
    return tuple(Row(name, found, versus.get((name, baseline))) for name, found in means.items()), values


def difference(values: Mapping[str, Mapping[str, FloatArray]], name: str, other: str, seed: int) -> dict[str, Paired]:
    """By metric, what one row is better by than another, on the same users."""
    return paired_differences(values, [(name, other)], seed)[name, other]


def paired_differences(
    values: Mapping[str, Mapping[str, FloatArray]], pairs: Sequence[tuple[str, str]], seed: int
) -> dict[tuple[str, str], dict[str, Paired]]:
    """(row, another) -> metric -> what the first is better by; the p-values of a metric are corrected for the number of pairs."""
    if not pairs:
        return {}
    metrics = list(values[pairs[0][0]])
    columns = [values[name][metric] - values[other][metric] for metric in metrics for name, other in pairs]
    found = paired(np.stack(columns, axis=1), stream(seed, "paired"))
    versus: dict[tuple[str, str], dict[str, Paired]] = {pair: {} for pair in pairs}
    for place, metric in enumerate(metrics):
        corrected = holm_corrected(found[place * len(pairs) : (place + 1) * len(pairs)])
        for pair, each in zip(pairs, corrected, strict=True):
            versus[pair][metric] = each
    return versus


def hit_interval(hits: npt.NDArray[np.bool_], seed: int) -> Interval:
    """The share of users with a hit, with its interval."""
    return intervals(hits.astype(np.float64)[:, None], stream(seed, "bootstrap"))[0]
