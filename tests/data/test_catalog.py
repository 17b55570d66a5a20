"""The item pool: what a name means, what an item has, and the near miss for an attribute that does not exist."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.data.catalog import PADDING, Attribute, Catalog, Kind, Match
from toolrec_cli.errors import UsageError

FRAME = pl.DataFrame(
    {
        "item_id": ["10", "20", "30", "40", "50"],
        "title": ["Alpha", "Twin", "Twin", "10", "alpha "],
        "genre": [["Drama", "Crime"], None, [], ["War"], ["Drama"]],
        "release_year": [1994, None, 0, 1995, 1996],
        "country": ["FR", None, "", "US", "US"],
    }
)
ATTRIBUTES = (
    Attribute("genre", Kind.MULTI, 0.6, 3),
    Attribute("release_year", Kind.NUMERIC, 0.8, 4),
    Attribute("country", Kind.CATEGORICAL, 0.8, 3),
)
CATALOG = Catalog(FRAME, ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("20", Match(2, "id")),
        ("Alpha", Match(1, "title")),
        ("alpha ", Match(5, "title")),
        ("10", Match(1, "id")),
        ("Twin", None),
        ("alpha", None),
        ("ALPHA", None),
        (" 20", None),
        ("20 ", None),
        ("020", None),
        ("0", None),
        ("", None),
        ("1", None),
    ],
)
def test_a_name_is_an_id_or_else_a_title_that_only_one_item_bears(name: str, match: Match | None) -> None:
    assert CATALOG.resolve(name) == match


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("the great escape", Match(1, "normalised")),
        ("Great Escape, The (1963)", Match(1, "normalised")),
        ("The Great Escpae", Match(1, "fuzzy", 91.7)),
        ("The Grate Escape", Match(1, "fuzzy", 91.7)),
        ("Solaris", None),
        ("Solaris (1972)", Match(2, "normalised")),
        ("solaris (2002)", Match(3, "normalised")),
        ("B000123457", None),
        ("b000123456", None),
        ("B000123456", Match(4, "id")),
    ],
)
def test_after_ids_and_titles_a_title_in_another_dress_or_nearly_written(name: str, match: Match | None) -> None:
    """An id that stands for a title is no title: one letter makes another item."""
    frame = pl.DataFrame(
        {
            "item_id": ["1", "2", "3", "B000123456"],
            "title": ["The Great Escape", "Solaris", "Solaris", "B000123456"],
            "release_year": [1963, 1972, 2002, None],
        }
    )
    items = Catalog(frame, [Attribute("release_year", Kind.NUMERIC, 0.75, 3)])
    assert items.resolve(name) == match


def test_ids_and_titles_are_found_without_comparing_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in path looks up hundreds of ids a user."""
    items = Catalog(FRAME, ATTRIBUTES)
    monkeypatch.setattr("toolrec_cli.data.catalog.TitleIndex", None)
    assert items.resolve("20") == Match(2, "id")
    assert items.resolve("Alpha") == Match(1, "title")


def test_of_a_long_list_only_the_first_names_are_compared_with_all_titles() -> None:
    """A model that makes up three hundred titles must not hold everybody up; what is exact is found all the same."""
    titles = ["The Great Escape", "Casablanca", "Solaris"]
    items = Catalog(pl.DataFrame({"item_id": ["1", "2", "3"], "title": titles}), [])
    names = [
        "The Grate Escape",
        *[f"No Such Film at All {n}" for n in range(30)],
        "The Grate Escape",
        "casablanca",
        "3",
    ]
    found = list(items.resolve_all(names))
    assert found[0] == Match(1, "fuzzy", 91.7)
    assert found[-3:] == [None, Match(2, "normalised"), Match(3, "id")]


def test_three_items_of_one_title_are_as_ambiguous_as_two() -> None:
    triple = Catalog(pl.DataFrame({"item_id": ["1", "2", "3"], "title": ["Same"] * 3}), [])
    assert triple.resolve("Same") is None


@given(st.text(max_size=4) | st.sampled_from([*FRAME["item_id"], *FRAME["title"]]))
def test_whatever_is_named_the_item_found_bears_that_name(name: str) -> None:
    match = CATALOG.resolve(name)
    if match is None:
        assert name not in FRAME["item_id"].to_list()
        assert FRAME["title"].to_list().count(name) != 1
    elif match.how in ("id", "title"):
        named = CATALOG.item_id(match.item_index) if match.how == "id" else CATALOG.title(match.item_index)
        assert (named, match.item_index != PADDING) == (name, True)


def test_ids_and_titles_by_item_index_from_1() -> None:
    assert len(CATALOG) == 5
    assert [CATALOG.item_id(item) for item in range(1, 6)] == FRAME["item_id"].to_list()
    assert [CATALOG.title(item) for item in range(1, 6)] == FRAME["title"].to_list()


def test_values_by_item_index_with_nothing_at_the_padding() -> None:
    assert CATALOG.values("release_year") == [None, 1994, None, 0, 1995, 1996]
    assert CATALOG.values("genre") == [None, ["Drama", "Crime"], None, [], ["War"], ["Drama"]]


def test_an_item_is_described_by_what_it_has_and_zero_is_a_value() -> None:
    assert CATALOG.described(1) == {"genre": ["Drama", "Crime"], "release_year": 1994, "country": "FR"}
    assert CATALOG.described(2) == {}
    assert CATALOG.described(3) == {"release_year": 0, "country": ""}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gener", "There is no attribute 'gener'. Did you mean 'genre'?"),
        ("realease year", "There is no attribute 'realease year'. Did you mean 'release_year'?"),
        ("actors", "There is no attribute 'actors'. There is: genre, release_year, country."),
    ],
)
def test_a_misspelt_attribute_gets_the_near_miss(name: str, said: str) -> None:
    for ask in (CATALOG.attribute, CATALOG.values):
        with pytest.raises(UsageError) as caught:
            ask(name)
        assert caught.value.message == said


def test_an_attribute_without_any_beside_it() -> None:
    with pytest.raises(UsageError, match=r"There is no attribute 'genre'\. There is no attribute at all\."):
        Catalog(FRAME, []).attribute("genre")


def test_what_is_read_is_what_was_stored(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "items.parquet")
    found = Catalog.read(tmp_path / "items.parquet", ATTRIBUTES)
    assert found.frame.equals(FRAME)
    assert list(found.attributes) == ["genre", "release_year", "country"]


def test_an_empty_pool_knows_nobody() -> None:
    empty = Catalog(FRAME.clear(), ATTRIBUTES)
    assert (len(empty), empty.resolve("10"), empty.values("genre")) == (0, None, [None])
