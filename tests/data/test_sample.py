"""The built-in sample: the same everywhere, of the promised shape, and with more in it than popularity."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.source import RawData, ReadOptions
from toolrec_cli.data.sources.sample import SOURCE, make

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def _digest(made: RawData) -> str:
    assert made.users is not None
    text = "".join(frame.write_ndjson() for frame in (made.interactions, made.items, made.users))
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def sample() -> RawData:
    return make()


@pytest.fixture(scope="module")
def histories(sample: RawData) -> list[IntArray]:
    """Rows of `items` by user, in the order of the log."""
    log = sample.interactions
    rows = log["item_id"].cast(pl.Int64).to_numpy() - 1
    starts = np.flatnonzero(np.diff(log["user_id"].cast(pl.Int64).to_numpy())) + 1
    return np.split(rows, starts)


@pytest.fixture(scope="module")
def features(sample: RawData) -> dict[str, BoolArray]:
    """Attribute -> which of its values a film has. Shape [N, values]; the year counts by decade."""
    return {
        "genre": _indicators(sample.items["genre"].to_list()),
        "director": _indicators([[name] for name in sample.items["director"]]),
        "release_year": _indicators([[year // 10] for year in sample.items["release_year"]]),
    }


def _indicators(values: list[list[Any]]) -> BoolArray:
    labels = sorted({label for several in values for label in several})
    return np.array([[label in several for label in labels] for several in values])


def _share_of_the_commonest(films: list[list[str]]) -> float:
    """The share of one director's films that have the genre most of them have."""
    return Counter(chain.from_iterable(films)).most_common(1)[0][1] / len(films)


def _alike(feature: BoolArray, left: IntArray, right: IntArray) -> float:
    """How often the films in `left` share a value with those beside them in `right`."""
    return float((feature[left] & feature[right]).any(axis=1).mean())


def test_the_same_seed_makes_the_same_sample() -> None:
    assert _digest(make(50, 60, 7)) == _digest(make(50, 60, 7))
    assert _digest(make(50, 60, 7)) != _digest(make(50, 60, 8))


def test_no_hash_order_and_no_vector_unit_shows() -> None:
    """Another process, other string hashes, and NumPy without the wider vector units this machine may have."""
    code = "import sys, test_sample as t; sys.stdout.write(t._digest(t.make(50, 60, 7)))"
    changed = {"PYTHONHASHSEED": "1", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"}
    environment = {**os.environ, **changed, "PYTHONPATH": os.path.dirname(__file__)}  # noqa: PTH120
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == _digest(make(50, 60, 7))


def test_sizes(sample: RawData) -> None:
    assert sample.users is not None
    assert sample.items["item_id"].to_list() == [str(k) for k in range(1, 1001)]
    assert sample.users["user_id"].to_list() == [str(k) for k in range(1, 2001)]
    assert 80_000 <= len(sample.interactions) <= 100_000
    lengths = sample.interactions["user_id"].value_counts()["count"]
    assert (len(lengths), lengths.min()) == (2000, 12)
    assert lengths.max() == pytest.approx(150, abs=10)


@pytest.mark.parametrize(("n_users", "n_items"), [(1, 40), (20, 30), (300, 60)])
def test_small_ones_keep_their_promises(n_users: int, n_items: int) -> None:
    made = make(n_users, n_items, 3)
    assert made.users is not None
    assert (len(made.users), len(made.items)) == (n_users, n_items)
    assert made.items["title"].is_unique().all()
    assert not made.interactions.select("user_id", "item_id").is_duplicated().any()


def test_the_source_reads_it_without_any_file(sample: RawData) -> None:
    heard: list[tuple[int, int]] = []
    made = SOURCE.read(ReadOptions(), lambda task, done, total, note="": heard.append((done, total)))
    assert _digest(made) == _digest(sample)
    assert (made.files, made.bad_rows, SOURCE.home) == ({}, [], None)
    assert heard[-1] == (1, 1)


def test_the_log_has_the_types_of_the_contract(sample: RawData) -> None:
    expected = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64, "rating": pl.Float32}
    assert dict(sample.interactions.schema) == expected
    assert sample.interactions["item_id"].is_in(sample.items["item_id"].to_list()).all()


def test_nobody_repeats_a_film(histories: list[IntArray]) -> None:
    assert all(len(set(films.tolist())) == len(films) for films in histories)


def test_time_rises_and_no_film_is_seen_before_its_year(sample: RawData) -> None:
    log = sample.interactions.join(sample.items.select("item_id", "release_year"), on="item_id")
    seen = pl.from_epoch("timestamp").dt.year()
    assert log.filter(seen < pl.col("release_year")).is_empty()
    steps = sample.interactions.with_columns(wait=pl.col("timestamp").diff().over("user_id"))["wait"].drop_nulls()
    assert (steps > 0).all()
    assert 0.4 < (steps < 86_400 // 2).mean() < 0.8  # evenings of several films


def test_ratings_are_stars_and_follow_the_film(sample: RawData) -> None:
    log = sample.interactions
    assert sorted(log["rating"].unique()) == [1, 2, 3, 4, 5]
    halves = [log[start::2].group_by("item_id").agg(pl.col("rating").mean(), pl.len()) for start in (0, 1)]
    both = halves[0].join(halves[1], on="item_id").filter((pl.col("len") > 20) & (pl.col("len_right") > 20))
    assert np.corrcoef(both["rating"].to_numpy(), both["rating_right"].to_numpy())[0, 1] > 0.6


def test_popularity_has_a_long_tail(sample: RawData, histories: list[IntArray]) -> None:
    counts = np.sort(np.bincount(np.concatenate(histories), minlength=len(sample.items)))[::-1]
    share = np.cumsum(counts) / counts.sum()
    assert 0.25 < share[99] < 0.6  # the top tenth
    assert share[499] < 0.95  # and yet the lower half is seen
    assert counts[0] > 10 * np.median(counts)


def test_titles_are_distinct_and_clean(sample: RawData) -> None:
    titles = sample.items["title"]
    assert titles.str.to_lowercase().is_unique().all()
    assert [title for title in titles if re.search(r"[{}]|\s{2}|^\s|\s$|\d$|\b[Aa] [AEIO]", title)] == []
    assert titles.str.len_chars().max() <= 60


def test_attributes(sample: RawData) -> None:
    kinds = {"genre": Kind.MULTI, "release_year": Kind.NUMERIC, "director": Kind.CATEGORICAL}
    assert sample.kinds == kinds
    assert sample.items.columns == ["item_id", "title", *kinds]
    assert sample.items.null_count().sum_horizontal().item() == 0
    assert sample.items["genre"].list.len().is_between(1, 3).all()
    assert 12 <= sample.items["genre"].explode().n_unique() <= 16
    assert sample.items["release_year"].is_between(1950, 2024).all()
    assert (sample.items["release_year"] >= 1990).mean() > 0.5


def test_directors_have_an_era_and_a_leaning(sample: RawData) -> None:
    films = sample.items.group_by("director").agg(pl.len(), pl.col("release_year"), pl.col("genre"))
    assert 130 <= len(films) <= 170
    assert films["len"].max() >= 15  # some made many
    span = films["release_year"].list.max() - films["release_year"].list.min()
    assert span.max() < 35
    leaning = [_share_of_the_commonest(made) for made in films["genre"].to_list()]
    assert np.mean(leaning) > 0.6


@pytest.mark.parametrize(("attribute", "times"), [("genre", 1.3), ("director", 4.0), ("release_year", 1.2)])
def test_neighbours_are_more_alike_than_the_same_films_shuffled(
    histories: list[IntArray], features: dict[str, BoolArray], attribute: str, times: float
) -> None:
    """So the order tells something, beyond whose history it is."""
    rng = np.random.default_rng(0)
    mixed = [rng.permutation(films) for films in histories]
    real, chance = (
        _alike(features[attribute], np.concatenate([h[:-1] for h in them]), np.concatenate([h[1:] for h in them]))
        for them in (histories, mixed)
    )
    assert real > times * chance


def test_tastes_drift(histories: list[IntArray], features: dict[str, BoolArray]) -> None:
    """Long histories: two thirds that touch are more alike in genre than the first and the last."""
    longer = [films for films in histories if len(films) >= 60]
    thirds = [np.array([features["genre"][part].mean(axis=0) for part in np.array_split(h, 3)]) for h in longer]
    apart = np.array([[np.abs(a - b).sum() for a, b in ((t[0], t[1]), (t[1], t[2]), (t[0], t[2]))] for t in thirds])
    assert apart[:, 2].mean() > 1.1 * apart[:, :2].mean()


def test_attributes_of_the_last_films_beat_popularity(
    histories: list[IntArray], features: dict[str, BoolArray]
) -> None:
    """Leave-one-out, all films ranked, seen ones left out: the point of the sample."""
    fame = np.log(np.bincount(np.concatenate([h[:-1] for h in histories]), minlength=1000) + 0.1)
    genre = features["genre"] / np.sqrt(features["genre"].sum(axis=1, keepdims=True))
    kin = features["director"].astype(float) @ features["director"].T
    same_genre = genre @ genre.T
    hits: dict[str, list[bool]] = {"popularity": [], "genre": [], "director": []}
    for films in histories:
        last, target = films[-2], films[-1]
        scores = {"popularity": fame, "genre": fame + same_genre[last], "director": fame + 2 * kin[last]}
        for name, values in scores.items():
            masked = values.copy()
            masked[films[:-1]] = -np.inf
            hits[name].append(bool((masked > masked[target]).sum() < 10))
    popularity = np.mean(hits["popularity"])
    assert np.mean(hits["genre"]) > 1.15 * popularity
    assert np.mean(hits["director"]) > 1.5 * popularity
