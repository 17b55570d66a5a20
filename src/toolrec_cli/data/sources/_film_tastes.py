"""Two thousand people who watch films: who they are, and what they like at first and later on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.sources._film_catalog import FIRST_YEAR, GENRES, LAST_YEAR, FloatArray, IntArray, drawn, named

N_DECADES = LAST_YEAR // 10 - FIRST_YEAR // 10 + 1

AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65 or over")
_AGE_SHARES = np.array([22.0, 28, 20, 14, 10, 6])
_YOUTH = np.array([2020, 2010, 2000, 1990, 1980, 1970])
"""When people of that age saw their first films, which they go back to."""

_WORK = (
    "teacher", "nurse", "engineer", "shop assistant", "artist", "lawyer", "carpenter", "civil servant", "scientist",
    "driver", "cook", "writer", "office clerk", "farmer", "musician", "doctor",
)  # fmt: skip


@dataclass(frozen=True)
class Viewers:
    """The users as arrays, user u in row u."""

    ages: IntArray
    occupations: list[str]
    early: FloatArray
    """Liking of each genre at the beginning, mean 1. Shape [U, len(GENRES)]."""
    late: FloatArray
    """The same at the end: tastes drift from `early` to `late`."""
    decades: FloatArray
    """Liking of each decade, mean 1. Shape [U, N_DECADES]."""

    def frame(self) -> pl.DataFrame:
        """user_id, age, occupation."""
        return pl.DataFrame(
            {
                "user_id": [str(k + 1) for k in range(len(self.ages))],
                "age": named(AGES, self.ages),
                "occupation": self.occupations,
            }
        )


def make_viewers(n: int, rng: np.random.Generator) -> Viewers:
    """`n` people whose age shows in the decades they like."""
    ages = drawn(np.broadcast_to(_AGE_SHARES, (n, len(AGES))), rng.random(n))
    early, other = _likings(n, rng), _likings(n, rng)
    return Viewers(
        ages=ages,
        occupations=[_occupation(int(age), rng) for age in ages],
        early=early,
        late=0.35 * early + 0.65 * other,
        decades=_decades(ages, rng),
    )


def _occupation(age: int, rng: np.random.Generator) -> str:
    if age == 0 and rng.random() < 0.6:
        return "student"
    if age == len(AGES) - 1 and rng.random() < 0.8:
        return "retired"
    return _WORK[int(rng.integers(len(_WORK)))]


def _likings(n: int, rng: np.random.Generator) -> FloatArray:
    """A few genres liked a lot, most a little. Shape [n, len(GENRES)]."""
    draw = rng.random((n, len(GENRES)))
    liking = 0.1 + draw * draw * draw * draw * draw
    return liking / _row_mean(liking)


def _decades(ages: IntArray, rng: np.random.Generator) -> FloatArray:
    """Everybody has a decade to go back to, near his youth, and some liking of the present."""
    home = (_YOUTH[ages] - FIRST_YEAR // 10 * 10) // 10 + rng.integers(-2, 2, len(ages))
    distance = np.abs(np.arange(N_DECADES)[None, :] - np.clip(home, 0, N_DECADES - 1)[:, None])
    liking = 0.25 + 2 / (1 + distance * distance) + 0.15 * np.arange(N_DECADES)[None, :] / N_DECADES
    return liking / _row_mean(liking)


def _row_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # cumsum adds from left to right everywhere; sum does not.
    return np.cumsum(values, axis=1)[:, -1:] / values.shape[1]
