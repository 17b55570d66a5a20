"""Retrieval: the k best by a literal ordering, what is never among them, and items that have a value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.tools.protocol import Context, Named, Proposal, Refused
from toolrec_cli.tools.retrieve import RetrievalTool, RetrieveArguments, masked, rounded, top_k
from tools.small_world import N_ITEMS, WrittenScores, context, ids

NEVER = float("-inf")


def _best(scores: list[float], k: int) -> list[int]:
    return top_k(np.array([NEVER, *scores], dtype=np.float32), k).tolist()


def _retrieve(
    attribute: str | None,
    k: int,
    value: str | None = None,
    moment: Context | None = None,
    scorer: WrittenScores | None = None,
) -> Proposal | Refused:
    arguments = RetrieveArguments(attribute=attribute, k=k, value=value)
    return RetrievalTool(scorer or WrittenScores())(arguments, moment or context())


def _names(found: Proposal | Refused) -> list[str]:
    assert isinstance(found, Proposal), found
    return [named.name for named in found.items]


def _places(found: Proposal | Refused) -> list[int]:
    assert isinstance(found, Proposal), found
    return [named.rank for named in found.items]


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        ([1, 3, 2], 2, [2, 3]),
        ([1, 3, 2], 3, [2, 3, 1]),
        ([1, 3, 2], 99, [2, 3, 1]),
        ([1, 3, 2], 1, [2]),
        ([1, 3, 2], 0, []),
        ([5, 5, 5, 5], 2, [1, 2]),
        ([1, 5, 5, 9, 5], 3, [4, 2, 3]),
        ([NEVER, 1, NEVER], 3, [2]),
        ([NEVER, NEVER], 2, []),
        ([-1, -2, NEVER], 3, [1, 2]),
        ([], 5, []),
    ],
)
def test_the_k_best_with_ties_by_item_index(scores: list[float], k: int, expected: list[int]) -> None:
    assert _best(scores, k) == expected


@given(st.lists(st.floats(-50, 50, width=32)), st.lists(st.integers(-20_000, 20_000)))
def test_scores_are_rounded_as_one_by_one(drawn: list[float], halves: list[int]) -> None:
    scores = np.array([*drawn, *(half / 20_000 for half in halves)], dtype=np.float32)
    assert [repr(each) for each in rounded(scores)] == [repr(round(float(score), 4)) for score in scores]


@given(st.lists(st.sampled_from([NEVER, -1.5, 0.0, 1.0, 2.0]), max_size=90), st.integers(0, 15))
def test_the_k_best_are_a_sort_cut_off(scores: list[float], k: int) -> None:
    reachable = [item for item, score in enumerate(scores, start=1) if score > NEVER]
    assert _best(scores, k) == sorted(reachable, key=lambda item: (-scores[item - 1], item))[:k]


def test_padding_and_the_users_own_items_are_out_of_reach() -> None:
    scores = masked(np.arange(5, dtype=np.float32), np.array([2, 4, 2], dtype=np.int32))
    assert scores.tolist() == [NEVER, 1.0, NEVER, 3.0, NEVER]


def test_the_k_best_of_the_backbone_with_places_and_scores() -> None:
    assert _retrieve(None, 3) == Proposal((Named("101", 1, 19.0), Named("102", 2, 18.0), Named("103", 3, 17.0)))


def test_the_attribute_chooses_the_encoder_and_the_history_is_left_out() -> None:
    """The genre tool likes the last items best, and the user has the last two."""
    assert _names(_retrieve("genre", 3)) == ["114", "113", "112"]
    assert _names(_retrieve("year", 3)) == ["108", "109", "107"]


def test_more_than_the_catalogue_brings_all_the_user_does_not_have() -> None:
    assert _names(_retrieve(None, 200)) == ids(range(1, 15))


def test_a_user_without_a_history_may_get_anything() -> None:
    assert _names(_retrieve("genre", 2, moment=context(history=[]))) == ["116", "115"]


def test_a_user_who_has_everything_gets_no_item() -> None:
    found = _retrieve(None, 5, moment=context(history=range(1, N_ITEMS + 1)))
    assert isinstance(found, Refused) or found.items == ()


def test_a_user_who_has_everything_is_told_so() -> None:
    """An empty answer says neither what is wrong nor what to do instead."""
    assert isinstance(_retrieve(None, 5, moment=context(history=range(1, N_ITEMS + 1))), Refused)


def test_a_value_keeps_the_place_among_all_items() -> None:
    """By genre the order is 114, 113, … 101; the crime films 111, 106 and 102 stand at 4, 9 and 13."""
    found = _retrieve("genre", 10, "Crime")
    assert (_names(found), _places(found)) == (["111", "106", "102"], [4, 9, 13])
    assert found.items[0] == Named("111", 4, 11.0)  # pyright: ignore[reportAttributeAccessIssue]


def test_with_ties_a_value_keeps_the_place_too() -> None:
    """Ties stand by item_index: what an item's place is does not depend on how it was asked for."""
    alike = WrittenScores({None: [0.0] * N_ITEMS, "genre": [1.0] * N_ITEMS})
    everything = _retrieve("genre", 200, scorer=alike)
    crime = _retrieve("genre", 200, "Crime", scorer=alike)
    place = dict(zip(_names(everything), _places(everything), strict=True))
    assert _places(crime) == [place[name] for name in _names(crime)] == [2, 6, 11]


def test_k_counts_the_items_that_have_the_value() -> None:
    assert _names(_retrieve("genre", 2, "Comedy")) == ["114", "110"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1950s", ["103", "102", "101"]),
        (" 1950S ", ["103", "102", "101"]),
        ("1950-1959", ["103", "102", "101"]),
        ("1950–1959", ["103", "102", "101"]),
        ("1950..1959", ["103", "102", "101"]),
        ("1950 to 1959", ["103", "102", "101"]),
        ("1955-1960", ["104", "103", "102"]),
        ("1994", ["113"]),
        ("1994.0", ["113"]),
    ],
)
def test_a_decade_a_range_or_a_year_is_a_value_of_years(value: str, expected: list[str]) -> None:
    found = _retrieve("year", 10, value)
    assert _names(found) == sorted(expected, reverse=True)


@pytest.mark.parametrize("value", ["drama", "DRAMA", " Drama "])
def test_labels_are_found_in_any_case(value: str) -> None:
    assert _names(_retrieve("genre", 10, value)) == ["109", "107", "105", "102", "101"]


@pytest.mark.parametrize(("typed", "meant"), [("Westren", "Western"), (" comdy", "Comedy"), ("dramma", "Drama")])
def test_a_misspelt_value_is_taken_for_the_nearest_and_that_is_said(typed: str, meant: str) -> None:
    found, right = _retrieve("genre", 5, typed), _retrieve("genre", 5, meant)
    assert isinstance(found, Proposal)
    assert isinstance(right, Proposal)
    assert (found.items, right.note) == (right.items, "")
    assert found.note == f"No item has genre {typed!r}: {meant!r} is meant."


def test_a_value_that_is_only_somewhat_like_one_gets_the_near_misses() -> None:
    assert _retrieve("genre", 5, "West") == Refused("No item has genre 'West'.", "There is, for instance: Western.")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<1960", ["101", "102", "103"]),
        (">=1992", ["112", "113", "114"]),
        ("≤ 1951", ["101"]),
        ("> 1994", ["114"]),
        ("between 1990 and 1994", ["112", "113"]),
    ],
)
def test_a_comparison_is_a_value_of_numbers(value: str, expected: list[str]) -> None:
    assert sorted(_names(_retrieve("year", 10, value))) == expected


@pytest.mark.parametrize("value", ["", "nan", "inf", "Fantasy opera"])
def test_a_value_that_is_like_none_gets_some_that_there_are(value: str) -> None:
    assert _retrieve("year", 5, value) == Refused(
        f"No item has year {value!r}.",
        "There is, for instance: 1950s, 1960s, 1970s, 1980s, 1990s. Ranges are written 5..10, <10 or >=5.",
    )


@pytest.mark.parametrize("value", ["$10", "1999-1990", "10-", "1.2.3"])
def test_a_value_that_is_no_number_gets_some_that_there_are(value: str) -> None:
    """Defect 10 of the released code: it crashes on $10."""
    found = _retrieve("year", 5, value)
    assert isinstance(found, Refused)
    assert found.reason == f"No item has year {value!r}."
    assert found.instead.startswith("There is, for instance: 19")


def test_a_value_of_which_the_user_has_all_is_refused() -> None:
    moment = context(history=[8, 13, 15, 16])
    assert _retrieve("genre", 5, "Western", moment) == Refused(
        "The user already has every item with genre 'Western'.", "Choose another value."
    )


def test_a_value_needs_an_attribute() -> None:
    assert _retrieve(None, 5, "Western") == Refused(
        "A value needs an attribute.", "Name the attribute that the value belongs to."
    )


def test_where_no_attribute_is_trained_the_refusal_says_so_in_a_sentence() -> None:
    found = _retrieve("genre", 5, scorer=WrittenScores({None: [1.0] * N_ITEMS}))
    assert isinstance(found, Refused)
    assert "for at all" not in found.reason
    assert found.instead == "Use one of: null."


@pytest.mark.parametrize("levels", [2, 40, 10**9])
@pytest.mark.parametrize("n", [256 * 40, 256 * 40 + 77, 256 * 39])
def test_the_best_of_many_are_what_sorting_gives(n: int, levels: int) -> None:
    rng = np.random.default_rng(n + levels)
    scores = rng.integers(0, levels, n).astype(np.float32)
    scores[rng.choice(n, n // 3)] = -np.inf
    ordered = np.lexsort((np.arange(n), -scores))
    assert top_k(scores, 20).tolist() == ordered[:20].tolist()
    few = np.full(n, -np.inf, np.float32)
    few[[7, 300, 9000]] = [1.0, 2.0, 1.0]
    assert top_k(few, 20).tolist() == [300, 7, 9000]
