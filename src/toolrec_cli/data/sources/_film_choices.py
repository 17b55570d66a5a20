"""Which film comes next: taste, fame and what is new, a mood for a genre and for a decade, and the last films' directors.

Whoever sees only fame misses most of it; the attributes of the last films tell the moods.
"""

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.sources._film_calendar import Calendar
from toolrec_cli.data.sources._film_catalog import FIRST_YEAR, Films, FloatArray, IntArray, drawn
from toolrec_cli.data.sources._film_tastes import N_DECADES, Viewers

_LAST_DIRECTOR, _DIRECTOR_BEFORE = 9.0, 2.5
_GENRE_MOOD = 20.0
_DECADE_MOOD = (14.0, 2.5, 1.0)
"""How much likelier films of the decade one is in the mood for, of its neighbours, and of all others are."""
_GENRE_SHIFTS, _DECADE_SHIFTS = 0.1, 0.07
"""How often a mood gives way to another before the next film."""
_ALMOST_ONE = np.float32(1 - 1e-6)


class _Pull:
    """How strongly each film is called for, by what calls for it: tables [..., N] that are multiplied with one another."""

    def __init__(self, films: Films, viewers: Viewers, years: IntArray) -> None:
        decade = films.years // 10 - FIRST_YEAR // 10
        liked = viewers.decades[:, decade] * films.popularity
        self.early = _single(liking(viewers.early, films) * liked)
        self.late = _single(liking(viewers.late, films) * liked)
        self.genre = _single(np.where(films.genres.T, _GENRE_MOOD, 1))
        away = np.abs(np.arange(N_DECADES)[:, None] - decade[None, :])
        self.decade = _single(np.array(_DECADE_MOOD)[np.minimum(away, 2)])
        same = np.arange(len(films.names))[:, None] == films.directors[None, :]
        self.director = _single(np.where(same, _LAST_DIRECTOR, 1))
        self.director_before = _single(np.where(same, _DIRECTOR_BEFORE, 1))
        self.first_year = int(years.min())
        age = np.arange(self.first_year, int(years.max()) + 1)[:, None] - films.years[None, :]
        self.year = _single(np.select([age < 0, age < 2, age < 5], [0.0, 3.0, 1.6], 1.0))


def _single(table: FloatArray) -> npt.NDArray[np.float32]:
    return table.astype(np.float32)


def liking(tastes: FloatArray, films: Films) -> FloatArray:
    """A user's mean liking of each film's genres, [U, N]; added up by genre, since matrix products differ by machine."""
    total = np.zeros((len(tastes), len(films.years)))
    for genre in range(tastes.shape[1]):
        total += tastes[:, genre, None] * films.genres[None, :, genre]
    return total / films.genres.sum(axis=1)


def choose(films: Films, viewers: Viewers, calendar: Calendar, rng: np.random.Generator) -> IntArray:
    """The films everybody watches, in order. Shape [U, T]; -1 after a history's end."""
    order = np.argsort(-calendar.lengths, kind="stable")
    choosing = _Choosing(films, viewers, calendar, order)
    chosen = np.full(calendar.years.shape, -1, dtype=np.int64)
    for step in range(int(calendar.lengths.max())):
        uniform = rng.random(
            (len(order), 5)
        )  # for all, also those who are done: nobody's luck hangs on others' lengths
        active = int(np.count_nonzero(calendar.lengths > step))
        chosen[order[:active], step] = choosing.next(step, uniform[order[:active]])
    return chosen


class _Choosing:
    """Everybody's mood and last directors, film by film; rows stand by falling length of history."""

    def __init__(self, films: Films, viewers: Viewers, calendar: Calendar, order: IntArray) -> None:
        self._pull = _Pull(films, viewers, calendar.years)
        self._pull.early, self._pull.late = self._pull.early[order], self._pull.late[order]
        self._early, self._late, self._decades = viewers.early[order], viewers.late[order], viewers.decades[order]
        self._years, self._lengths = calendar.years[order], calendar.lengths[order]
        self._directors = films.directors
        self._genre, self._decade, self._last, self._before = np.zeros((4, len(order)), dtype=np.int64)

    def next(self, step: int, uniform: FloatArray) -> IntArray:
        """The film that each of the first `len(uniform)` rows watches now. uniform [B, 5] -> [B]."""
        n = len(uniform)
        drift = (step / self._lengths[:n])[:, None]
        self._shift_moods(step, drift, uniform)
        film = _pick(self._weights(step, drift.astype(np.float32)), uniform[:, 4].astype(np.float32))
        rows = np.arange(n)
        self._pull.early[rows, film] = self._pull.late[rows, film] = 0  # nobody watches a film twice
        self._before[:n], self._last[:n] = self._last[:n], self._directors[film]
        return film

    def _shift_moods(self, step: int, drift: FloatArray, uniform: FloatArray) -> None:
        n = len(uniform)
        tastes = self._early[:n] * (1 - drift) + self._late[:n] * drift
        shifts = (uniform[:, 0] < _GENRE_SHIFTS) | (step == 0)
        self._genre[:n] = np.where(shifts, drawn(tastes, uniform[:, 1]), self._genre[:n])
        shifts = (uniform[:, 2] < _DECADE_SHIFTS) | (step == 0)
        self._decade[:n] = np.where(shifts, drawn(self._decades[:n], uniform[:, 3]), self._decade[:n])

    def _weights(self, step: int, drift: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        pull, n = self._pull, len(drift)
        weights = pull.early[:n] * (1 - drift)
        weights += pull.late[:n] * drift
        weights *= pull.genre[self._genre[:n]]
        weights *= pull.decade[self._decade[:n]]
        weights *= pull.year[self._years[:n, step] - pull.first_year]
        if step > 0:
            weights *= pull.director[self._last[:n]]
        if step > 1:
            weights *= pull.director_before[self._before[:n]]
        return weights


def _pick(weights: npt.NDArray[np.float32], uniform: npt.NDArray[np.float32]) -> IntArray:
    """One film a row in proportion to its weight, never one without; in single precision, where 1 - 1e-9 would be 1."""
    summed = np.cumsum(weights, axis=1)
    return np.argmax(summed > (np.minimum(uniform, _ALMOST_ONE) * summed[:, -1])[:, None], axis=1)
