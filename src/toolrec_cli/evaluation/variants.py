"""Variants of one system on the same users: what an ablation or a stress test says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.report import paired_differences, scored
from toolrec_cli.evaluation.significance import Interval, Paired
from toolrec_cli.wording import counted

IntArray = npt.NDArray[np.int64]
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Variant:
    """One variant's lists, [n_users, n] item_index (0 = none), and what else was measured: rounds, time, what failed."""

    name: str
    lists: IntArray
    measured: Mapping[str, float] = field(default_factory=dict[str, float])
    against: str = ""
    """The variant that it is compared with, where that is not the reference."""
    also: str = ""
    """Another one that it is compared with besides."""
    counts: Mapping[str, float] = field(default_factory=dict[str, float])
    """Sums over all users, from which `measured` is worked out."""


@dataclass(frozen=True)
class VariantRow:
    """A variant's figures. `versus` compares it with `against` on the same users; None for the reference itself."""

    name: str
    metrics: dict[str, Interval]
    versus: dict[str, Paired] | None
    measured: dict[str, float]
    against: str = ""
    also: str = ""
    versus_also: dict[str, Paired] | None = None
    """The same with `also`, where it is compared with a second one."""

    def comparisons(self) -> list[tuple[str, dict[str, Paired]]]:
        """With which it is compared, and what came out."""
        both = [(self.against, self.versus), (self.also, self.versus_also)]
        return [(name, versus) for name, versus in both if versus is not None]


@dataclass(frozen=True)
class Comparison:
    """What was asked ("kind", "question"), of whom, and what came out; `reading` says it in two lines."""

    verb: str
    kind: str
    question: str
    dataset: str
    split: str
    n_users: int
    n_possible: int
    n: int
    reference: str
    rows: tuple[VariantRow, ...]
    reading: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


Reading = Callable[[Sequence[VariantRow], str, int], tuple[str, ...]]
"""Says in two lines what the rows show, given the reference and the cut-off."""


def rows_of(
    variants: Sequence[Variant], targets: IntArray, k: int, reference: str, seed: int
) -> tuple[VariantRow, ...]:
    """Every variant against the same held-out items, [n_users]; p-values corrected over all comparisons."""
    means, values = scored({variant.name: variant.lists for variant in variants}, targets, (k,), seed)
    first = {each.name: each.against or reference for each in variants if each.name != reference}
    second = {each.name: each.also for each in variants if each.also}
    found = paired_differences(values, [*first.items(), *second.items()], seed)
    return tuple(
        VariantRow(
            name=each.name,
            metrics=means[each.name],
            versus=found.get((each.name, first.get(each.name, ""))),
            measured={name: float(value) for name, value in each.measured.items()},
            against=first.get(each.name, ""),
            also=each.also,
            versus_also=found.get((each.name, each.also)),
        )
        for each in variants
    )


def reading(rows: Sequence[VariantRow], reference: str, k: int) -> tuple[str, str]:
    """Which variant is best and worst, and which of them can be told from what they are compared with at all."""
    metric = f"ndcg@{k}"
    mean = {row.name: row.metrics[metric].mean for row in rows}
    best, worst = max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__)
    others = {row.name: row.versus[metric] for row in rows if row.versus is not None}
    sure = {name: each for name, each in others.items() if each.p_holm is not None and each.p_holm < 0.05}
    n_users = rows[0].metrics[metric].n
    if mean[best] == mean[worst] and all(each.low == each.high == 0 for each in others.values()):
        alike = f"NDCG@{k} is {mean[reference]:.4f} by each of them, over {counted(n_users, 'user')}."
        return (
            alike,
            f"For no user it differs: nothing is told of the {len(others)} but that these users do not part them.",
        )
    first = (
        f"NDCG@{k} runs from {mean[worst]:.4f} ({worst}) to {mean[best]:.4f} ({best}); the reference, {reference}, has "
        f"{mean[reference]:.4f} over {counted(n_users, 'user')}."
    )
    if not sure:
        least = max((each.detectable or 0.0 for each in others.values()), default=0.0)
        return (
            first,
            f"None of the {len(others)} can be told from the reference; one of {least:.4f} would have been four times of five.",
        )
    beside = {row.name: "" if row.against == reference else f" against {row.against}" for row in rows}
    said = ", ".join(f"{name} {each.difference:+.4f}{beside[name]}" for name, each in sure.items())
    rest = len(others) - len(sure)
    return first, f"Told from the reference (p < 0.05, Holm): {said}." + (
        f" Not told: the other {rest}." if rest else ""
    )
