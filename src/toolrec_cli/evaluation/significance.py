"""How sure a mean, or a difference of means over the same users, is.

All columns share one draw of resamples: cheaper, and right for comparisons, since rows are over the same users.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.tail import tail

FloatArray = npt.NDArray[np.float64]

RESAMPLES = 2_000
FLIPS = 10_000
LEVEL = 0.95
POWER = 0.8
_FEW = 10
"""With fewer flips than this as extreme, their share is no figure, and the tail is computed instead."""
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_HELD = 4_000_000
"""Numbers drawn at once: memory stays flat at a million users."""


@dataclass(frozen=True)
class Interval:
    """A mean over `n` users with its 95 % percentile bootstrap interval (Efron 1979)."""

    mean: float
    low: float
    high: float
    n: int = 0


@dataclass(frozen=True)
class Paired:
    """A difference of means over the same users, its 95 % bootstrap interval, and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float | None = None
    """The p-value corrected for the number of rows compared; None where it stands alone."""
    detectable: float | None = None
    """The minimum detectable difference, for as many comparisons as `p_holm` is corrected for; None below two users."""
    p_tail: float | None = None
    """The p-value beyond what the flips can tell, by `tail`; None where they can. Holm's correction starts from it."""


def intervals(values: FloatArray, rng: np.random.Generator) -> list[Interval]:
    """One interval a column. values [n_users, m], n_users at least 1, in the metric's unit; the bounds are in the same."""
    low, high = _bounds(values, rng)
    means = values.mean(axis=0)
    return [Interval(float(m), float(a), float(b), len(values)) for m, a, b in zip(means, low, high, strict=True)]


def intervals_where_known(values: FloatArray, rng: np.random.Generator) -> list[Interval | None]:
    """The same for columns with NaN, each over the users for whom it is known; None where it is known for nobody."""
    known = ~np.isnan(values)
    sums = _resampled(np.concatenate([np.nan_to_num(values), known], axis=1), rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[:, : values.shape[1]] / sums[:, values.shape[1] :]
    found: list[Interval | None] = []
    for column, there, resampled in zip(values.T, known.T, means.T, strict=True):
        if not there.any():
            found.append(None)
            continue
        low, high = np.nanquantile(resampled, _TAILS)
        found.append(Interval(float(column[there].mean()), float(low), float(high), int(there.sum())))
    return found


def paired(differences: FloatArray, rng: np.random.Generator) -> list[Paired]:
    """One comparison a column. differences [n_users, m], n_users at least 1: a method's value minus the baseline's.

    p by Fisher's randomisation test: were the two alike, each user's difference could as well have the other sign. It is never
    below 1 / (1 + FLIPS); where flips are too few to tell, `p_tail` says how far out the difference lies.
    """
    low, high = _bounds(differences, rng)
    means, p_values = differences.mean(axis=0), _p_values(differences, rng)
    least = [minimum_detectable_difference(column) for column in differences.T]
    far = [tail(column) if p * (1 + FLIPS) < _FEW else None for column, p in zip(differences.T, p_values, strict=True)]
    columns = zip(means, low, high, p_values, least, far, strict=True)
    return [
        Paired(float(m), float(a), float(b), float(p), None, d if np.isfinite(d) else None, t)
        for m, a, b, p, d, t in columns
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 1979): each p times the number of hypotheses not yet rejected."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate((len(order) - np.arange(len(order))) * np.asarray(p_values, np.float64)[order])
    found = np.empty(len(order))
    found[order] = np.minimum(stepped, 1.0)
    return found.tolist()


def holm_corrected(found: Sequence[Paired]) -> list[Paired]:
    """The same comparisons, each with its p-value corrected for their number, and so its detectable difference.

    The corrected p starts from the tail where the flips end, and is no smaller than the p that is not corrected.
    """
    corrected = holm([each.p_value if each.p_tail is None else each.p_tail for each in found])
    wider = _errors(len(found)) / _errors(1)
    return [
        replace(each, p_holm=max(p, each.p_value), detectable=each.detectable and each.detectable * wider)
        for each, p in zip(found, corrected, strict=True)
    ]


def minimum_detectable_difference(differences: FloatArray) -> float:
    """The true difference that this many users would show with 80 % power at a two-sided 5 % level: 2.80 standard errors.

    differences [n_users], paired; one comparison, by the normal approximation. Infinite below two users.
    """
    if len(differences) < 2:
        return float("inf")
    return float(_errors(1) * differences.std(ddof=1) / np.sqrt(len(differences)))


def _errors(comparisons: int) -> float:
    """How many standard errors are seen with 80 % power in one of so many comparisons: z(1 − 0.025 / m) + z(0.8).

    The level is that of Holm's first step, which is the hardest: what is seen there is seen whatever else is in the table.
    """
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * max(1, comparisons))) + NormalDist().inv_cdf(POWER)


def _bounds(values: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The 2.5 % and 97.5 % points of the resampled means, [m] each; a resample is how often it holds each user."""
    low, high = np.quantile(_resampled(values, rng), _TAILS, axis=0)
    return low, high


def _resampled(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The mean of every column in every resample. [RESAMPLES, m]."""
    n = len(values)
    means = [
        np.stack([np.bincount(row, minlength=n) for row in rng.integers(0, n, (size, n))]) @ values / n
        for size in _chunks(RESAMPLES, n)
    ]
    return np.concatenate(means)


def _p_values(differences: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(1 + flips at least as extreme) / (1 + flips), [m]: the observed signs are one of the flips, so never 0."""
    n = len(differences)
    total = differences.sum(axis=0)
    # Equal sums must count as equal however they were rounded, at whatever scale the differences are.
    threshold = np.abs(total) - 1e-12 * np.abs(differences).sum(axis=0)
    extreme = np.zeros(differences.shape[1])
    for size in _chunks(FLIPS, n):
        flipped = 2 * (_coins(size, n, rng) @ differences) - total
        extreme += (np.abs(flipped) >= threshold).sum(axis=0)
    return (1 + extreme) / (1 + FLIPS)


def _coins(size: int, n: int, rng: np.random.Generator) -> FloatArray:
    """Fair 0s and 1s, [size, n]. Whole words a row, so that the draws are the same however they are cut into chunks."""
    words = rng.integers(0, 2**64, (size, -(-n // 64)), dtype=np.uint64).astype("<u8", copy=False)
    return np.unpackbits(words.view(np.uint8), axis=1, count=n).astype(np.float64)


def _chunks(total: int, n: int) -> Iterator[int]:
    """`total` draws of n numbers, cut so that about _HELD numbers are held at once."""
    size = max(1, _HELD // max(1, n))
    for start in range(0, total, size):
        yield min(size, total - start)
