"""The built-in sample: invented films and people, generated from a seed, for trying everything without a download."""

import numpy as np
import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._film_calendar import Calendar, make_calendar
from toolrec_cli.data.sources._film_catalog import Films, FloatArray, IntArray, make_films
from toolrec_cli.data.sources._film_choices import choose, liking
from toolrec_cli.data.sources._film_tastes import Viewers, make_viewers
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream

N_USERS, N_ITEMS, SEED = 2000, 1000, 2024

KINDS = {"genre": Kind.MULTI, "release_year": Kind.NUMERIC, "director": Kind.CATEGORICAL}

_NOTE = "Invented: these films, people and ratings were generated; nobody made or watched them."


def make(n_users: int = N_USERS, n_items: int = N_ITEMS, seed: int = SEED) -> RawData:
    """The sample with other sizes or another seed; the same everywhere for the same three numbers."""
    films = make_films(n_items, stream(seed, "sample", "films"))
    viewers = make_viewers(n_users, stream(seed, "sample", "viewers"))
    calendar = make_calendar(n_users, n_items, stream(seed, "sample", "calendar"))
    chosen = choose(films, viewers, calendar, stream(seed, "sample", "choices"))
    log = _log(chosen, films, viewers, calendar, stream(seed, "sample", "ratings"))
    return RawData(log, films.frame(), viewers.frame(), dict(KINDS), files={}, notes=[_NOTE])


def _log(
    chosen: IntArray, films: Films, viewers: Viewers, calendar: Calendar, rng: np.random.Generator
) -> pl.DataFrame:
    """user_id, item_id, timestamp, rating; users in order, oldest first."""
    users, steps = np.nonzero(chosen >= 0)
    items = chosen[users, steps]
    drift = steps / calendar.lengths[users]
    liked = (1 - drift) * liking(viewers.early, films)[users, items] + drift * liking(viewers.late, films)[users, items]
    return pl.DataFrame(
        {
            "user_id": (users + 1).astype(str),
            "item_id": (items + 1).astype(str),
            "timestamp": calendar.seconds[users, steps],
            "rating": _ratings(liked, films.quality[items], rng),
        },
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64, "rating": pl.Float32},
    )


def _ratings(liked: FloatArray, quality: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One to five, higher for good films and for genres the user likes (`liked` is about 1 for a middling one)."""
    taste = 1.6 * liked / (1 + liked)
    return np.clip(np.round(2.5 + taste + 0.9 * quality + rng.normal(0, 0.7, len(liked))), 1, 5)


def _read(options: ReadOptions, progress: Progress) -> RawData:
    progress("making the sample", 0, 1)
    made = make()
    progress("making the sample", 1, 1)
    return made


SOURCE = Source(
    about="A built-in, invented film catalogue with its viewers; nothing to download.", home=None, read=_read
)
