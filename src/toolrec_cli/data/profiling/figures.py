"""Numbers that describe many numbers: quartiles, and how often each range occurs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_FEW = 20
"""So many different values are counted one by one; more in ranges."""


@dataclass(frozen=True)
class Spread:
    """Least, quartiles (linearly interpolated), greatest, and mean of some numbers."""

    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    mean: float


@dataclass(frozen=True)
class Bin:
    """How many numbers lie from `low` to `high`; these are the same where a single value is counted."""

    low: float
    high: float
    count: int


def spread_of(numbers: npt.NDArray[Any]) -> Spread:
    """The spread of at least one number. Shape [n]."""
    at = np.quantile(numbers, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist()
    return Spread(*at, mean=float(numbers.mean()))


def ladder(numbers: npt.NDArray[Any]) -> tuple[Bin, ...]:
    """Whole numbers from 1, counted in 1, 2–4, 5–9, 10–19, 20–49, … (both ends included). Shape [n].

    The first bin holds the least number, the last one the greatest.
    """
    edges = [1]
    while edges[-1] <= numbers.max():
        edges.append(edges[-1] * 5 // 2 if str(edges[-1])[0] == "2" else edges[-1] * 2)
    counts = np.histogram(numbers, edges)[0].tolist()
    bins = [Bin(low, after - 1, n) for low, after, n in zip(edges, edges[1:], counts, strict=False)]
    return tuple(found for found in bins if found.high >= numbers.min())


def few_or_even(values: npt.NDArray[Any], counts: npt.NDArray[Any]) -> tuple[Bin, ...]:
    """A bin a value where there are at most 20 values; else 20 bins of the same width, the upper one taking what is on an edge.

    `values` are distinct and ascending, `counts` says how often each occurs. Shapes [n].
    """
    if len(values) <= _FEW:
        return tuple(Bin(value, value, n) for value, n in zip(values.tolist(), counts.tolist(), strict=True))
    found, edges = np.histogram(values, _FEW, weights=counts)
    edges = [float(values[0]), *edges.tolist()[1:-1], float(values[-1])]
    return tuple(Bin(low, high, int(n)) for low, high, n in zip(edges, edges[1:], found, strict=False))
