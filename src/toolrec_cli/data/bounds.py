"""Numbers and dates as people ask for them: "1994", "5..10", "<10", ">=1990", "2014-02 to 2015". Bounds are always included."""

import math
import re
from collections.abc import Callable

import numpy as np

Bounds = tuple[float, float]
"""(lowest, highest) of what is asked for."""

_NUMBER = r"-?[\d.]+"
_DATE = r"\d{4}(?:-\d{2}){0,2}"


def _ranges(one: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*(?:between |from )?\s*({one})\s*(?:-|–|\.\.|…|to|and)\s*({one})\s*$")


def _compared(one: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*(<=|>=|<|>|≤|≥)\s*({one})\s*$")


_NUMBERS, _NUMBER_COMPARED = _ranges(_NUMBER), _compared(_NUMBER)
_DATES, _DATE_COMPARED = _ranges(_DATE), _compared(_DATE)


def number_bounds(value: str) -> Bounds | None:
    """ "1990-1999" -> (1990, 1999); "1994" -> (1994, 1994); "<10" -> all that is less; None when it is neither."""
    try:
        if found := _NUMBERS.match(value):
            return float(found[1]), float(found[2])
        if found := _NUMBER_COMPARED.match(value):
            number = float(found[2])
            return _beside(found[1], number, number, lambda at, to: math.nextafter(at, to))
        return float(value), float(value)
    except ValueError:
        return None


def date_bounds(value: str) -> Bounds | None:
    """In days since 1970: "2014-02" is all of that month, "2014..2015" two years, "<2014" all before; None when it is none."""
    try:
        if found := _DATE_COMPARED.match(value):
            return _beside(found[1], *_days(found[2]), lambda at, to: at + math.copysign(1, to))
        if re.fullmatch(_DATE, value.strip()):
            return _days(value.strip())
        if found := _DATES.match(value):
            return _days(found[1])[0], _days(found[2])[1]
    except ValueError:
        return None
    return None


def _beside(sign: str, first: float, last: float, step: Callable[[float, float], float]) -> Bounds:
    """What compares so with a thing from `first` to `last`; `step` goes the least way from one point towards another."""
    bounds = {
        "<": (-math.inf, step(first, -math.inf)),
        "<=": (-math.inf, last),
        ">": (step(last, math.inf), math.inf),
        ">=": (first, math.inf),
    }
    return bounds[sign.replace("≤", "<=").replace("≥", ">=")]


def _days(date: str) -> Bounds:
    """The first and the last day of a year, a month or a day."""
    period = np.datetime64(date)
    first, behind = period.astype("datetime64[D]"), (period + 1).astype("datetime64[D]")
    return float(first.astype(np.int64)), float(behind.astype(np.int64)) - 1
