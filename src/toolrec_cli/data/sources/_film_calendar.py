"""When the sample's users watch films: evenings of one to six films, days or weeks apart, over some years."""

from dataclasses import dataclass

import numpy as np

from toolrec_cli.data.sources._film_catalog import IntArray

SHORTEST, LONGEST = 12, 150
_DAY = 86_400
_DAY_ONE = 17_532
"""1 January 2018, in days since 1970."""

_JOINING = 1600
"""The days within which everybody watches a first film."""

_EVENING = (17 * 3600, 21 * 3600)
_AT_MOST = 6
"""Films an evening; so many end before the next evening begins, which keeps time in order."""


@dataclass(frozen=True)
class Calendar:
    """How many films each user watches, [U], and when the films 0, 1, ... T - 1, [U, T]; T is the longest history."""

    lengths: IntArray
    seconds: IntArray
    """Since 1970, rising along a row."""
    years: IntArray


def make_calendar(n_users: int, n_items: int, rng: np.random.Generator) -> Calendar:
    """Few users watch a lot, nobody more than half of all there is."""
    draw = rng.random(n_users)
    shortest = min(SHORTEST, max(1, n_items // 2))
    longest = min(LONGEST, max(shortest, n_items // 2))
    lengths = shortest + (draw * draw * draw * (longest - shortest + 1)).astype(np.int64)
    shape = (n_users, longest)
    step = np.arange(longest)[None, :]
    opens = (rng.random(shape) < 0.4) | (step % _AT_MOST == 0)
    joined = rng.integers(0, _JOINING, (n_users, 2)).max(axis=1)  # more and more people join
    wait = rng.random(shape)
    gaps = np.where(opens, 1 + (wait * wait * 45).astype(np.int64), 0)
    days = _DAY_ONE + joined[:, None] + np.cumsum(gaps, axis=1)
    place = step - np.maximum.accumulate(np.where(opens, step, 0), axis=1)
    starts = rng.integers(*_EVENING, (n_users, 1))
    seconds = days * _DAY + starts + place * 9000 + rng.integers(0, 1800, shape)
    return Calendar(lengths, seconds, 1970 + days * 4 // 1461)
