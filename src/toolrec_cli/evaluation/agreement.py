"""How alike two lists for the same user are, without asking which is right."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from toolrec_cli.evaluation.significance import Interval, intervals
from toolrec_cli.seeds import stream

PERSISTENCE = 0.9
"""p of rank-biased overlap: the first ten places have 86 % of the weight (Webber et al. 2010)."""

NAMED = 20
"""Items that are told by name."""


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of the longer list's items that both hold, whatever their places; two empty lists are alike."""
    longest = max(len(set(one)), len(set(other)))
    return len(set(one) & set(other)) / longest if longest else 1.0


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], p: float = PERSISTENCE) -> float:
    """RBO, extrapolated, of two lists without repetitions: 1 for the same list, 0 for two without a common item.

    Webber, Moffat and Zobel, ACM TOIS 28 (2010), equation 32: how much the first d places have in common, weighted by p to the d,
    going on below the end as it was there. Lists may be of different lengths.
    """
    short, long = sorted((one, other), key=len)
    s, n = len(short), len(long)
    if not s:
        return float(not n)
    seen_short, seen_long, common, total = set[str](), set[str](), np.zeros(n + 1), 0.0
    for depth in range(1, n + 1):
        seen_long.add(long[depth - 1])
        seen_short.update(short[depth - 1 : depth])
        common[depth] = len(seen_short & seen_long)
        beyond = common[s] * (depth - s) / (s * depth) if depth > s else 0.0
        total += (common[depth] / depth + beyond) * p**depth
    end = ((common[n] - common[s]) / n + common[s] / s) * p**n
    return float((1 - p) / p * total + end)


@dataclass(frozen=True)
class Alike:
    """How alike two runs' lists are over the same users; `came_in` and `went_out` count users by item, the 20 with most."""

    n_users: int
    n_same: int
    """Users whose list is the same, place by place."""
    overlap: Interval | None
    rank_biased_overlap: Interval | None
    came_in: tuple[tuple[str, int], ...]
    went_out: tuple[tuple[str, int], ...]
    n_came_in: int
    """Places in all lists that hold an item which was not in that user's list before."""
    n_went_out: int


@dataclass
class Comparing:
    """Pairs of lists, taken one at a time; holds two numbers a user and a count an item."""

    overlaps: list[float] = field(default_factory=list[float])
    biased: list[float] = field(default_factory=list[float])
    same: int = 0
    came_in: Counter[str] = field(default_factory=Counter[str])
    went_out: Counter[str] = field(default_factory=Counter[str])

    def add(self, then: Sequence[str], now: Sequence[str]) -> None:
        """One user's lists, before and after."""
        then, now = list(dict.fromkeys(then)), list(dict.fromkeys(now))
        self.overlaps.append(overlap(then, now))
        self.biased.append(rank_biased_overlap(then, now))
        self.same += then == now
        self.came_in.update(_only(now, then))
        self.went_out.update(_only(then, now))

    def found(self, seed: int) -> Alike:
        """What it comes to, with 95 % bootstrap intervals over the users."""
        both: list[Interval | None] = [None, None]
        if self.overlaps:
            both = [*intervals(np.array([self.overlaps, self.biased]).T, stream(seed, "bootstrap"))]
        return Alike(
            n_users=len(self.overlaps),
            n_same=self.same,
            overlap=both[0],
            rank_biased_overlap=both[1],
            came_in=tuple(_most(self.came_in)),
            went_out=tuple(_most(self.went_out)),
            n_came_in=self.came_in.total(),
            n_went_out=self.went_out.total(),
        )


def _only(one: Sequence[str], other: Iterable[str]) -> list[str]:
    known = set(other)
    return [item for item in one if item not in known]


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:NAMED]
