"""A thousand invented films: directors with an era and a leaning come first, so that director, year and genre cohere.

Arithmetic here and beside keeps to what is exact on every machine, or is rounded, so that one seed makes one sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.sources._film_titles import people, titles

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FIRST_YEAR, LAST_YEAR = 1950, 2024
FILMS_PER_DIRECTOR = 20 / 3

# Genre -> how common it is for careers that begin by 1965, by 1995 and later; then what it is crossed with.
_GENRES: dict[str, tuple[tuple[float, float, float], tuple[str, ...]]] = {
    "Action": ((2, 8, 10), ("Adventure", "Thriller", "Crime", "Sci-Fi")),
    "Adventure": ((6, 5, 6), ("Action", "Fantasy", "Family", "Western")),
    "Animation": ((2, 3, 7), ("Family", "Comedy", "Adventure", "Fantasy")),
    "Comedy": ((9, 13, 12), ("Romance", "Drama", "Family", "Crime")),
    "Crime": ((5, 8, 7), ("Drama", "Thriller", "Film-Noir", "Action")),
    "Documentary": ((1, 3, 7), ("Drama", "Musical", "Adventure")),
    "Drama": ((14, 15, 15), ("Romance", "Crime", "Comedy", "Thriller")),
    "Family": ((4, 5, 5), ("Comedy", "Animation", "Adventure", "Fantasy")),
    "Fantasy": ((2, 4, 7), ("Adventure", "Family", "Animation", "Romance")),
    "Film-Noir": ((10, 2, 1), ("Crime", "Drama", "Thriller")),
    "Horror": ((4, 8, 8), ("Thriller", "Sci-Fi", "Fantasy", "Comedy")),
    "Musical": ((9, 3, 3), ("Romance", "Comedy", "Drama", "Family")),
    "Romance": ((8, 7, 7), ("Drama", "Comedy", "Musical", "Fantasy")),
    "Sci-Fi": ((3, 7, 9), ("Action", "Thriller", "Adventure", "Horror")),
    "Thriller": ((4, 8, 9), ("Crime", "Drama", "Horror", "Action")),
    "Western": ((13, 4, 1), ("Adventure", "Action", "Drama", "Romance")),
}
GENRES = tuple(_GENRES)
_COMMON = np.array([shares for shares, _ in _GENRES.values()], dtype=np.float64)
_RELATED = [[GENRES.index(other) for other in related] for _, related in _GENRES.values()]
_FAVOURITES = np.array([0.6, 0.3, 0.1])
_LABELS_PER_FILM = np.array([0.3, 0.48, 0.22])
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Films:
    """The films as arrays, film f in row f."""

    titles: list[str]
    genres: npt.NDArray[np.bool_]
    """Which of `GENRES` a film has. Shape [N, len(GENRES)]."""
    years: IntArray
    directors: IntArray
    """Row of `names`. Shape [N]."""
    names: list[str]
    quality: FloatArray
    """How good, about -1.5 to 1.5; also what reviewers would agree on."""
    popularity: FloatArray
    """Weight of being chosen by somebody without any taste."""

    def frame(self) -> pl.DataFrame:
        """item_id, title, genre, release_year, director."""
        return pl.DataFrame(
            {
                "item_id": [str(k + 1) for k in range(len(self.titles))],
                "title": self.titles,
                "genre": [named(GENRES, np.flatnonzero(row)) for row in self.genres],
                "release_year": self.years,
                "director": named(self.names, self.directors),
            }
        )


def make_films(n: int, rng: np.random.Generator) -> Films:
    """`n` films by about n / 7 directors."""
    n_directors = max(3, round(n / FILMS_PER_DIRECTOR))
    begun, ended = _eras(n_directors, rng)
    favourites = np.stack([_leaning(int(year), rng) for year in begun])
    directors = _spread(n, n_directors, rng)
    years = begun[directors] + (rng.random(n) * (ended - begun + 1)[directors]).astype(np.int64)
    primary = favourites[directors, drawn(np.broadcast_to(_FAVOURITES, (n, 3)), rng.random(n))]
    quality = np.round(rng.normal(0, 0.5, n) + rng.normal(0, 0.35, n_directors)[directors], 4)
    return Films(
        titles=titles(named(GENRES, primary), rng),
        genres=_crossed(primary, rng),
        years=years,
        directors=directors,
        names=people(n_directors, rng),
        quality=quality,
        popularity=_popularity(quality, rng),
    )


def named(names: Sequence[str], indices: IntArray) -> list[str]:
    """The names at `indices`."""
    return [names[int(index)] for index in indices]


def drawn(weights: FloatArray, uniform: FloatArray) -> IntArray:
    """One column a row, in proportion to its weight. weights [B, K], uniform [B] -> [B]."""
    summed = np.cumsum(weights, axis=1)
    return np.argmax(summed > (uniform * summed[:, -1])[:, None], axis=1)


def _eras(n: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """First and last year of each director's career; more careers are recent.

    Multiples of the golden section fall evenly, so that no decade is empty because a busy director is not of it.
    """
    draw = (rng.random() + np.arange(n) * _GOLDEN) % 1
    latest = LAST_YEAR - 8
    begun = latest - ((latest - FIRST_YEAR) * draw * np.sqrt(draw)).astype(np.int64)
    return begun, np.minimum(begun + rng.integers(10, 32, n), LAST_YEAR)


def _leaning(begun: int, rng: np.random.Generator) -> IntArray:
    """A director's three genres: one that was made in those days, then two that go with it."""
    period = 0 if begun <= 1965 else 1 if begun <= 1995 else 2
    first = int(drawn(_COMMON[None, :, period], rng.random(1))[0])
    others = rng.permutation(_RELATED[first])[:2]
    return np.array([first, *others], dtype=np.int64)


def _spread(n: int, n_directors: int, rng: np.random.Generator) -> IntArray:
    """Who directed what: everybody something, a few a lot."""
    shares = 1 / (np.arange(n_directors) + 24.0)
    more = drawn(np.broadcast_to(shares, (n, n_directors)), rng.random(n))
    more[: min(n, n_directors)] = np.arange(n_directors)[:n]
    return rng.permutation(more)


def _crossed(primary: IntArray, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The film's first genre and none to two that it is commonly crossed with. Shape [N, len(GENRES)]."""
    has = np.zeros((len(primary), len(GENRES)), dtype=np.bool_)
    more = drawn(np.broadcast_to(_LABELS_PER_FILM, (len(primary), 3)), rng.random(len(primary)))
    for film, genre in enumerate(primary):
        has[film, [genre, *rng.permutation(_RELATED[int(genre)])[: more[film]]]] = True
    return has


def _popularity(quality: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A long tail by rank, where good films rank high more often than not."""
    fame = np.round(quality + rng.normal(0, 0.7, len(quality)), 6)
    rank = np.argsort(np.argsort(-fame, kind="stable"), kind="stable")
    return 1 / (rank + len(quality) * 0.02)
