"""Every figure of a profile, against what was worked out by hand."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.five_users import FIRST_DAY, five_users
from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.profiling.attributes import AttributeProfile, ValueShare
from toolrec_cli.data.profiling.figures import Bin, Spread, few_or_even, ladder
from toolrec_cli.data.profiling.log import TopShare, gini, lengths, popularity
from toolrec_cli.data.profiling.times import Period, times
from toolrec_cli.errors import InputError
from toolrec_cli.operations.profiling import Profile, profile


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return five_users(tmp_path_factory.mktemp("five"))


@pytest.fixture(scope="module")
def found(five: Dataset) -> Profile:
    return profile(five)


def test_the_counts_are_the_cards(found: Profile, five: Dataset) -> None:
    assert (found.name, found.source, found.split, found.digest) == ("five", "table", "leave-one-out", five.card.digest)
    assert found.counts == {"users": 5, "items": 5, "interactions": 12, "train": 8, "validation": 2, "test": 2}
    assert found.density == 12 / 25
    assert found.notes == five.card.notes
    assert found.notes[0] == "[note] one"
    assert found.schema_version == 1


def test_history_lengths(found: Profile) -> None:
    """4, 2, 3, 1, 2 interactions."""
    assert found.history_lengths.spread == Spread(1, 2, 2, 3, 4, mean=2.4)
    assert found.history_lengths.bins == (Bin(1, 1, 1), Bin(2, 4, 4))


def test_popularity(found: Profile) -> None:
    """5, 3, 2, 1, 1 interactions; 1, 5, 10 and 20 % of five items are one item, 50 % are three."""
    assert found.popularity.spread == Spread(1, 1, 2, 3, 5, mean=2.4)
    assert found.popularity.gini == pytest.approx(1 / 3)
    assert [top.items for top in found.popularity.top] == [0.01, 0.05, 0.1, 0.2, 0.5]
    assert [top.interactions for top in found.popularity.top] == pytest.approx([5 / 12] * 4 + [10 / 12])
    curve = found.popularity.curve
    assert len(curve) == 101
    assert [curve[percent] for percent in (0, 20, 21, 40, 60, 80, 100)] == pytest.approx(
        [0, 5 / 12, 8 / 12, 8 / 12, 10 / 12, 11 / 12, 1]
    )


def test_times_and_ties(found: Profile) -> None:
    assert found.times is not None
    assert (found.times.first, found.times.last) == (FIRST_DAY, FIRST_DAY + 9 * 86_400)
    assert (found.times.first_time, found.times.last_time) == ("2020-01-01T00:00:00Z", "2020-01-10T00:00:00Z")
    assert found.times.every == "day"
    counts = [3, 4, 1, 0, 1, 0, 0, 0, 0, 3]
    assert found.times.periods == tuple(Period(f"2020-01-{day:02}T00:00:00Z", n) for day, n in enumerate(counts, 1))
    assert (found.times.tied, found.times.tied_users) == (7, 3)


def test_ratings(found: Profile) -> None:
    assert found.ratings is not None
    assert found.ratings.mean == 4.0
    assert found.ratings.unrated == 2
    assert found.ratings.bins == (Bin(1, 1, 1), Bin(3, 3, 1), Bin(4, 4, 4), Bin(5, 5, 4))


def test_attributes(found: Profile) -> None:
    singles = tuple(Bin(n, n, 1) for n in (1, 2, 3, 4))
    assert found.attributes == (
        AttributeProfile(
            "genre",
            Kind.MULTI,
            0.8,
            3,
            (ValueShare("a", 3, 0.75), ValueShare("b", 2, 0.5), ValueShare("c", 1, 0.25)),
        ),
        AttributeProfile(
            "price",
            Kind.NUMERIC,
            0.8,
            4,
            spread=Spread(1, 1.75, 3, 5.25, 9, mean=4.0),
            bins=tuple(Bin(n, n, 1) for n in (1, 2, 4, 9)),
        ),
        AttributeProfile(
            "colour",
            Kind.CATEGORICAL,
            0.8,
            3,
            (ValueShare("red", 2, 0.5), ValueShare("[bold]", 1, 0.25), ValueShare("blue", 1, 0.25)),
        ),
        AttributeProfile("blurb", Kind.TEXT, 0.8, 4, spread=Spread(1, 1.75, 2.5, 3.25, 4, mean=2.5), bins=singles),
    )


def test_only_so_many_values_are_told(five: Dataset) -> None:
    assert [value.value for value in profile(five, n_top=1).attributes[0].top] == ["a"]


def test_without_times_or_ratings_nothing_is_said_of_them(tmp_path: Path) -> None:
    found = profile(five_users(tmp_path, timed=False, rated=False))
    assert (found.times, found.ratings) == (None, None)


def test_positions_have_no_calendar(tmp_path: Path) -> None:
    found = profile(five_users(tmp_path, a_day=1)).times
    assert found is not None
    assert (found.first, found.last, found.first_time, found.every, found.periods) == (0, 9, None, None, ())
    assert (found.tied, found.tied_users) == (7, 3)


@pytest.mark.parametrize("unit", [10**3, 10**6, 10**9])
def test_the_unit_of_the_times_is_seen(tmp_path: Path, unit: int) -> None:
    found = profile(five_users(tmp_path, a_day=86_400 * unit)).times
    assert found is not None
    assert (found.first_time, found.every, len(found.periods)) == ("2020-01-01T00:00:00Z", "day", 10)


def log_of(seconds: list[int]) -> pl.LazyFrame:
    return pl.LazyFrame({"user_index": range(len(seconds)), "timestamp": seconds})


@pytest.mark.parametrize(
    ("span", "every", "first", "n"),
    [
        (0, "hour", "2020-01-01T00:00:00Z", 1),
        (57 * 3600, "hour", "2020-01-01T00:00:00Z", 58),
        (57 * 86_400, "day", "2020-01-01T00:00:00Z", 58),
        (90 * 86_400, "week", "2019-12-30T00:00:00Z", 14),
        (3 * 366 * 86_400, "month", "2020-01-01T00:00:00Z", 37),
        (8 * 366 * 86_400, "quarter", "2020-01-01T00:00:00Z", 33),
        (30 * 366 * 86_400, "year", "2020-01-01T00:00:00Z", 31),
    ],
)
def test_the_period_fits_the_span(span: int, every: str, first: str, n: int) -> None:
    found = times(log_of([FIRST_DAY, FIRST_DAY + span]))
    assert found is not None
    assert (found.every, found.periods[0].start, len(found.periods)) == (every, first, n)
    assert sum(period.count for period in found.periods) == 2


@pytest.mark.parametrize("broken", [10**17, -(10**14), 2**62])
def test_one_broken_time_ends_no_profile(broken: int) -> None:
    found = times(log_of([FIRST_DAY, FIRST_DAY + 5, broken]))
    assert found is not None
    assert (found.every, found.periods) == (None, ())


def test_a_missing_or_broken_table_is_named(tmp_path: Path) -> None:
    dataset = five_users(tmp_path)
    for file in ("items.parquet", "interactions.parquet"):
        (dataset.directory / file).write_bytes(b"PAR1")
        with pytest.raises(InputError, match=file):
            profile(dataset)


def test_progress_ends_where_it_said(five: Dataset) -> None:
    told: list[tuple[str, int, int]] = []
    profile(five, progress=lambda task, done, total, note="": told.append((task, done, total)))
    assert [done for _, done, _ in told] == list(range(9))
    assert {(task, total) for task, _, total in told} == {("profiling", 8)}


def test_the_ladder_has_every_rung_between_the_least_and_the_greatest() -> None:
    assert ladder(np.array([3, 4, 5, 9, 10, 250])) == (
        Bin(2, 4, 2),
        Bin(5, 9, 2),
        Bin(10, 19, 1),
        Bin(20, 49, 0),
        Bin(50, 99, 0),
        Bin(100, 199, 0),
        Bin(200, 499, 1),
    )


def test_more_than_twenty_values_are_counted_in_ranges() -> None:
    bins = few_or_even(np.arange(0.0, 41.0), np.full(41, 2))
    assert len(bins) == 20
    assert (bins[0], bins[1], bins[-1]) == (Bin(0, 2, 4), Bin(2, 4, 4), Bin(38, 40, 6))
    assert sum(each.count for each in bins) == 82


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_gini_is_half_the_mean_absolute_difference_over_the_mean(counts: list[int]) -> None:
    difference = sum(abs(a - b) for a in counts for b in counts) / len(counts) ** 2
    expected = difference / (2 * sum(counts) / len(counts))
    assert math.isclose(gini(np.array(sorted(counts, reverse=True), dtype=float)), expected, abs_tol=1e-12)


def test_items_that_nobody_met_count_as_nothing() -> None:
    found = popularity(pl.LazyFrame({"item_index": [2, 2, 2, 5]}), 10)
    assert found.top[2] == TopShare(0.1, 0.75)
    assert found.top[3] == TopShare(0.2, 1.0)
    assert found.spread.median == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=30))
def test_ties_and_lengths_are_those_of_a_plain_count(rows: list[tuple[int, int]]) -> None:
    rows = sorted(rows)
    log = pl.LazyFrame(rows, schema={"user_index": pl.UInt32, "timestamp": pl.Int64}, orient="row")
    tied = [row for row in rows if rows.count(row) > 1]
    found = times(log)
    assert found is not None
    assert (found.tied, found.tied_users) == (len(tied), len({user for user, _ in tied}))
    assert sum(each.count for each in lengths(log).bins) == len({user for user, _ in rows})
