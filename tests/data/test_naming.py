"""What a name means: titles in another dress, then titles that are nearly it, and nobody where two could be meant."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.data.naming import Found, TitleIndex, normalised

TITLES = [
    "",
    "The Godfather",
    "The Godfather: Part II",
    "Toy Story",
    "Toy Story 2",
    "Sabrina",
    "Sabrina",
    "Amélie",
    "Casablanca",
    "L'Avventura",
    "Alien",
    "Rocky II",
    "Dr. Strangelove or: How I Learned to Stop Worrying & Love the Bomb",
    "Se7en",
    "The Silence of the Lambs",
    "Twelve Monkeys (1995)",
    "七人の侍",
    "???",
    "Grand Budapest Hotel",
    "Grand Budapest Motel",
]
YEARS = [None, 1972, 1974, 1995, 1999, 1954, 1995, *[None] * 13]
INDEX = TitleIndex(TITLES, YEARS)


@pytest.mark.parametrize(
    ("title", "key", "year"),
    [
        ("Godfather, The: Part II (1974)", "godfather part 2", 1974),
        ("The Godfather: Part II", "godfather part 2", None),
        ("Matrix, The (1999)", "matrix", 1999),
        ("Avventura, L'", "avventura", None),
        ("L’Avventura", "avventura", None),
        ("AMÉLIE", "amelie", None),
        ("Ocean's Eleven", "oceans eleven", None),
        ("Wallace & Gromit", "wallace and gromit", None),
        ("V for Vendetta", "v for vendetta", None),
        ("Malcolm X", "malcolm 10", None),
        ("A", "a", None),
        ("The", "the", None),
        ("2001", "2001", None),
        ("???", "", None),
        ("", "", None),
    ],
)
def test_what_people_write_differently_is_taken_off(title: str, key: str, year: int | None) -> None:
    named = normalised(title)
    assert (named.key, named.year) == (key, year)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("godfather, the", Found(1, "normalised")),
        ("Godfather (1972)", Found(1, "normalised")),
        ("Godfather Part 2", Found(2, "normalised")),
        ("toy story", Found(3, "normalised")),
        ("Toy Story (1995)", Found(3, "normalised")),
        ("Toy Story (1996)", Found(3, "normalised")),
        ("Toy Story (2010)", None),
        ("Toy Story 3", None),
        ("Sabrina", None),
        ("Sabrina (1954)", Found(5, "normalised")),
        ("sabrina [1995]", Found(6, "normalised")),
        ("amelie", Found(7, "normalised")),
        ("Casablance", Found(8, "fuzzy", 90.0)),
        ("Casablance (1942)", Found(8, "fuzzy", 90.0)),
        ("Aliens", None),
        ("Rocky 2", Found(11, "normalised")),
        ("Rocky III", None),
        ("Doctor Strangelove or How I Learned to Stop Worrying and Love the Bomb", Found(12, "fuzzy", 97.1)),
        ("Silense of the Lambs, The", Found(14, "fuzzy", 95.0)),
        ("Twelve Monkeys", Found(15, "normalised")),
        ("Twelve Monkeys (1995)", Found(15, "normalised")),
        ("Twelve Monkeys (1975)", None),
        ("七人の侍", Found(16, "normalised")),
        ("Grand Budapest Hotle", None),
        ("???", None),
        ("", None),
        ("The Great Nothing, Part 3", None),
        ("x" * 1_000_000, None),
    ],
)
def test_a_name_means_one_title_or_none(name: str, found: Found | None) -> None:
    assert INDEX.find(name) == found


@pytest.mark.parametrize("name", ["", "a", "The", "(1995)", "0", "II", "\ud83d", "\x00", "'"])
def test_the_oddest_names_mean_nothing(name: str) -> None:
    assert INDEX.find(name) is None


@given(st.text(max_size=12) | st.sampled_from(TITLES))
def test_what_is_found_is_like_the_name(name: str) -> None:
    found = INDEX.find(name)
    if found and found.how == "normalised":
        assert normalised(TITLES[found.place]).key == normalised(name).key


def test_an_index_of_many_titles_answers_fast_and_the_same_question_at_once() -> None:
    many = TitleIndex([f"A Film about Number {n} and {n * 7}" for n in range(50_000)], [None] * 50_000)
    start = time.process_time()
    for n in range(50):
        assert many.find(f"Film on Numbers {n} and so on") is None
    assert time.process_time() - start < 5
