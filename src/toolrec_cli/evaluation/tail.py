"""The far tail of Fisher's randomisation test, where no number of flips that one can afford would land.

Under the null hypothesis every difference d could as well have the other sign, so that the cumulant generating function of their
sum is K(t) = Σ log cosh(t · d). From it Lugannani and Rice's saddlepoint approximation gives the tail with a small *relative*
error however far out (Robinson, JRSS B 1982, for permutation tests); a normal tail would not.
"""

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_HALVINGS = 200


def tail(differences: FloatArray) -> float:
    """The two-sided p-value of Σ differences [n] under random signs, from 0 to 1; 1 where all differences are 0."""
    sizes = np.abs(differences[differences != 0])
    if not len(sizes):
        return 1.0
    sizes = sizes / sizes.max()
    total = abs(float((differences[differences != 0] / np.abs(differences).max()).sum()))
    most = float(sizes.sum())
    if total >= most * (1 - 1e-12):  # all of one sign: one of 2 ** n, and its mirror image
        return 2.0 ** (1 - len(sizes))
    if total <= 1e-12 * most:
        return 1.0
    t = _saddlepoint(sizes, total)
    r = math.sqrt(2 * (t * total - float(_log_cosh(t * sizes).sum())))
    u = t * math.sqrt(float((sizes**2 / np.cosh(np.minimum(t * sizes, 300.0)) ** 2).sum()))
    if r < 1e-3 or u < 1e-3:  # the formula's difference of reciprocals is 0 / 0 there
        return math.erfc(r / math.sqrt(2))
    density = math.exp(-r * r / 2) / math.sqrt(2 * math.pi)
    p = math.erfc(r / math.sqrt(2)) + 2 * density * (1 / u - 1 / r)
    return float(min(1.0, max(p, 2.0 ** (1 - len(sizes)))))


def _saddlepoint(sizes: FloatArray, total: float) -> float:
    """t with K'(t) = Σ d tanh(t d) = total, by bisection: K' rises from 0 to Σ d."""
    low, high = 0.0, 1.0
    while float((sizes * np.tanh(high * sizes)).sum()) < total and high < 1e12:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if float((sizes * np.tanh(middle * sizes)).sum()) < total else (low, middle)
    return high


def _log_cosh(x: FloatArray) -> FloatArray:
    """log cosh x, also where cosh x is too large for a number."""
    return np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - math.log(2)
