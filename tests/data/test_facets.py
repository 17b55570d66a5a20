"""Values as people say them: labels, decades, ranges; and which items have a value that somebody asks for."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.errors import UsageError


def _facets(values: Sequence[Any], kind: Kind, dtype: Any = None) -> Facets:
    ids = [str(number) for number in range(len(values))]
    frame = pl.DataFrame({"item_id": ids, "title": ids, "x": pl.Series(values, dtype=dtype)})
    return Facets(Catalog(frame, [Attribute("x", kind, 1.0, 1)]))


def _labels(values: Sequence[Any], kind: Kind = Kind.NUMERIC, dtype: Any = None) -> list[tuple[str, ...]]:
    labels = _facets(values, kind, dtype).labels("x")
    assert labels[0] == ()
    return labels[1:]


def _having(facets: Facets, value: str) -> list[int] | None:
    found = facets.having("x", value)
    return None if found is None else [int(item) for item in found.nonzero()[0]]


def test_labels_of_categories_of_lists_and_of_nothing() -> None:
    assert _labels(["FR", None, "US"], Kind.CATEGORICAL) == [("FR",), (), ("US",)]
    assert _labels([["Drama", "Crime"], None, [], ["War"]], Kind.MULTI) == [("Drama", "Crime"), (), (), ("War",)]


def test_years_are_spoken_of_in_decades() -> None:
    assert _labels([1950, 1990, 1999, None, 2000]) == [("1950s",), ("1990s",), ("1990s",), (), ("2000s",)]


@pytest.mark.parametrize(
    "values",
    [[1990, 1995, 2005], [1990.5, 2020.0], [900, 1990, 2000], [1990, 2000, 2101]],
    ids=["fifteen years", "halves", "too old", "too new"],
)
def test_numbers_that_are_no_years_are_not(values: list[float]) -> None:
    assert not any(label.endswith("s") for labels in _labels(values) for label in labels)


def test_prices_are_spoken_of_in_five_ranges_of_equally_many_items() -> None:
    labels = _labels([float(price) for price in range(101)])
    counts = Counter(label for (label,) in labels)
    assert list(counts) == ["0–20", "20–40", "40–60", "60–80", "80–100"]
    assert set(counts.values()) <= {19, 20, 21}
    assert labels[20] == ("20–40",)
    assert labels[100] == ("80–100",)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([7.5, 7.5, None], [("7.5",), ("7.5",), ()]),
        ([5.04], [("5.04",)]),
        ([None, None], [(), ()]),
        ([], []),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 9.0], [("1–9",)] * 6),
        ([-5.0, -1.0], [("-5–-4.2",), ("-1.8–-1",)]),
    ],
)
def test_few_or_equal_numbers(values: list[float | None], labels: list[tuple[str, ...]]) -> None:
    assert _labels(values, dtype=pl.Float64) == labels


def test_ranks_in_the_millions_are_written_out() -> None:
    """A sales rank of 1 293 682 is not 1.29368e+06."""
    labels = _labels([1_000_001, 1_293_682, 2_500_000, 3_750_000, 9_999_999, 12_345_678])
    assert not any("e+" in label for found in labels for label in found)


def test_a_range_holds_the_values_it_names() -> None:
    """The bounds are not rounded away from the items: 20 200 101 and 20 200 109 lie in different ranges."""
    labels = _labels([20_200_101, 20_200_103, 20_200_105, 20_200_107, 20_200_109, 20_200_111])
    assert len({label for found in labels for label in found}) == 5


numbers = st.lists(st.none() | st.integers(-1000, 1000).map(lambda n: n / 4), min_size=1, max_size=30)


@given(numbers)
def test_every_number_has_one_label_and_in_the_order_of_the_numbers(values: list[float | None]) -> None:
    labels = _labels(values, dtype=pl.Float64)
    assert [len(found) for found in labels] == [int(value is not None) for value in values]
    ordered = [found[0] for _, found in sorted((v, f) for v, f in zip(values, labels, strict=True) if v is not None)]
    runs = [label for label, _ in groupby(ordered)]
    assert len(runs) == len(set(runs)) <= 5


@given(numbers)
def test_asking_for_a_label_finds_just_the_items_that_bear_it(values: list[float | None]) -> None:
    facets = _facets(values, Kind.NUMERIC, pl.Float64)
    labels = facets.labels("x")
    for name in facets.names("x"):
        assert _having(facets, name) == [item for item, found in enumerate(labels) if name in found]


GENRES = _facets([["Drama", "Film-Noir"], ["drama"], None, ["War"]], Kind.MULTI)


@pytest.mark.parametrize(
    ("value", "items"),
    [("Drama", [1, 2]), (" dRAMA ", [1, 2]), ("film-noir", [1]), ("Dram", None), ("", None), ("1994", None)],
)
def test_a_label_is_found_in_any_case_and_whole(value: str, items: list[int] | None) -> None:
    assert _having(GENRES, value) == items


YEARS = _facets([1950, 1990, None, 1994, 1999, 2000], Kind.NUMERIC)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("1990s", [2, 4, 5]),
        ("1990-1999", [2, 4, 5]),
        ("1990 – 1999", [2, 4, 5]),
        ("1990..1999", [2, 4, 5]),
        ("1990 to 1999", [2, 4, 5]),
        ("1994-1994", [4]),
        ("1994", [4]),
        ("1994.0", [4]),
        ("1960s", None),
        ("1995", None),
        ("1999-1990", None),
        ("1990-", None),
        ("-", None),
        ("$10", None),
        ("nan", None),
        ("inf", None),
        ("1.2.3", None),
        ("1.2.3-4", None),
        ("", None),
    ],
)
def test_a_decade_a_range_or_a_number(value: str, items: list[int] | None) -> None:
    assert _having(YEARS, value) == items


def test_a_range_of_prices_includes_its_ends_and_negative_numbers() -> None:
    prices = _facets([-2.5, -1.0, 0.0, 5.04, 19.99], Kind.NUMERIC)
    assert _having(prices, "-2.5--1") == [1, 2]
    assert _having(prices, "0–5.04") == [3, 4]
    assert _having(prices, "5.04") == [4]


@given(st.text(max_size=12))
def test_no_value_is_too_odd_to_be_asked_for(value: str) -> None:
    assert _having(GENRES, value) != []
    assert _having(YEARS, value) != []


RELEASES = _facets(["1994-02-17", "1994-07-01", None, "1995-01-31", "2014-12-31"], Kind.DATE)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("1990s", [1, 2, 4]),
        ("1994", [1, 2]),
        ("1994-02", [1]),
        ("1994-02-17", [1]),
        ("1994-02-18", None),
        ("1994..1995", [1, 2, 4]),
        ("1994-07 to 1995-01", [2, 4]),
        ("1994-07-01–1995-01-30", [2]),
        ("<1994-07-01", [1]),
        ("<=1994", [1, 2]),
        (">1994", [4, 5]),
        (">=1995-01-31", [4, 5]),
        ("from 1995 to 2014", [4, 5]),
        ("1994-13", None),
        ("1994-02-30", None),
        ("17 Feb 1994", None),
        ("", None),
    ],
)
def test_a_date_is_asked_for_by_decade_year_month_or_day(value: str, items: list[int] | None) -> None:
    assert _having(RELEASES, value) == items


def test_dates_of_few_years_are_spoken_of_by_year() -> None:
    assert _labels(["2013-05-05", None, "2014-05-05"], Kind.DATE) == [("2013",), (), ("2014",)]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("Western", "Western"),
        ("westren", "Western"),
        ("SciFi", "Sci-Fi"),
        ("Wonder", None),
        ("Drama1", None),
        ("", None),
    ],
)
def test_what_a_misspelt_value_means(value: str, meant: str | None) -> None:
    """Of two that are as near, none."""
    assert _facets(["Western", "Sci-Fi", "Drama2", "Drama3", "War"], Kind.CATEGORICAL).meant("x", value) == meant


def test_of_numbers_nothing_is_guessed() -> None:
    assert YEARS.meant("x", "1991s") is None
    assert RELEASES.meant("x", "1991s") is None


def test_however_much_is_asked_no_more_is_kept() -> None:
    facets = _facets([f"c{k % 50}" for k in range(2000)], Kind.CATEGORICAL)
    facets.having("x", "c1")
    before = {name: len(kept) for name, kept in vars(facets).items() if isinstance(kept, dict)}
    for k in range(300):
        facets.having("x", f"c{k}")
    assert {name: len(kept) for name, kept in vars(facets).items() if isinstance(kept, dict)} == before


def test_all_but_free_text_has_labels() -> None:
    frame = pl.DataFrame({"item_id": ["1"], "title": ["t"], "plot": ["Long."], "genre": ["Drama"]})
    attributes = [Attribute("plot", Kind.TEXT, 1.0, 1), Attribute("genre", Kind.CATEGORICAL, 1.0, 1)]
    assert Facets(Catalog(frame, attributes)).attributes == ["genre"]


def test_names_are_all_labels_sorted() -> None:
    assert GENRES.names("x") == ["Drama", "Film-Noir", "War", "drama"]


def test_an_attribute_that_is_not_there_is_a_near_miss() -> None:
    with pytest.raises(UsageError, match="There is no attribute 'y'"):
        GENRES.labels("y")
