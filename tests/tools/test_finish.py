"""The rule of a final list, as a truth table and as a property (defects 1, 5 and 6 of the released code)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.tools.finish import check_list
from toolrec_cli.tools.protocol import Accepted, Context, Refused
from tools.small_world import HISTORY, N_ITEMS, catalog, context, ids

SHOWN = range(1, 13)
TEN = ids(range(1, 11))


def _refusal(names: list[str], moment: Context | None = None) -> Refused:
    verdict = check_list(names, moment or context(SHOWN))
    assert isinstance(verdict, Refused)
    return verdict


def test_an_exact_valid_ten_of_ten_is_accepted_as_it_stands() -> None:
    assert check_list(TEN, context(SHOWN)) == Accepted(tuple(range(1, 11)))


def test_the_order_of_the_list_is_kept() -> None:
    assert check_list(TEN[::-1], context(SHOWN)) == Accepted(tuple(range(10, 0, -1)))


def test_seven_valid_of_ten_are_refused() -> None:
    assert _refusal(TEN[:7]) == Refused(
        "The list has 7 valid items of 10.", "Name 10 different items among those shown."
    )


@pytest.mark.parametrize("times", [7, 10])
def test_one_item_many_times_is_one_item(times: int) -> None:
    refusal = _refusal(["101"] * times)
    assert refusal.reason.startswith("The list has 1 valid items of 10. '101' stands there twice")
    assert refusal.instead == "Name 10 different items among those shown."


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("115", "'115' is already in the history"),
        ("113", "'113' was never shown"),
        ("999", "'999' is not in the catalogue"),
        ("", "'' is not in the catalogue"),
        ("101", "'101' stands there twice"),
        ("Alpha", "'Alpha' stands there twice"),
        ("Twin", "'Twin' is not in the catalogue"),
    ],
)
def test_a_bad_name_is_named_and_refused_in_place_of_a_good_one(name: str, fault: str) -> None:
    assert _refusal([*TEN[:9], name]).reason == f"The list has 9 valid items of 10. {fault}."


@pytest.mark.parametrize("name", ["115", "113", "999", "101"])
def test_a_bad_name_beside_ten_good_ones_is_dropped_with_a_note(name: str) -> None:
    verdict = check_list([*TEN[:5], name, *TEN[5:]], context(SHOWN))
    assert isinstance(verdict, Accepted)
    assert verdict.items == tuple(range(1, 11))
    assert len(verdict.notes) == 1
    assert verdict.notes[0].startswith(f"'{name}' ")


def test_an_exact_title_names_its_item() -> None:
    assert check_list(["Bravo", *TEN[2:], "Alpha"], context(SHOWN)) == Accepted((2, *range(3, 11), 1))


def test_an_id_goes_before_a_title_that_reads_like_it() -> None:
    """Item 16 is called "101", which is the id of item 1."""
    assert check_list(["101"], context([1, 2], history=[], n=1)) == Accepted((1,))
    assert _refusal(["101"], context([16], history=[], n=1)).reason.endswith("'101' was never shown.")


def test_more_than_n_is_cut_and_said() -> None:
    verdict = check_list(ids(SHOWN), context(SHOWN))
    assert verdict == Accepted(tuple(range(1, 11)), ("only the first 10 of 12 are kept",))


def test_with_fewer_candidates_than_n_all_of_them_are_wanted() -> None:
    moment = context([1, 2, 3])
    assert check_list(ids([3, 1, 2]), moment) == Accepted((3, 1, 2))
    assert _refusal(ids([3, 1]), moment).instead == "Name 3 different items among those shown."


def test_an_empty_list_is_refused() -> None:
    assert _refusal([]) == Refused("The list has 0 valid items of 10.", "Name 10 different items among those shown.")


LAST = context(SHOWN, step=7)


def test_in_the_last_round_a_short_list_is_filled_up_by_what_the_tools_agree_on_and_says_so() -> None:
    assert check_list(ids([5, 2]), LAST) == Accepted(
        (5, 2, 1, 3, 4, 6, 7, 8, 9, 10), ("the list had 2 valid items of 10: the last 8 were added from memory",),
        (1, 3, 4, 6, 7, 8, 9, 10),
    )  # fmt: skip


def test_before_the_last_round_it_is_refused_and_can_be_mended() -> None:
    assert isinstance(check_list(ids([5, 2]), context(SHOWN, step=6)), Refused)


def test_what_was_wrong_with_a_padded_list_is_said_too_and_no_item_of_the_history_is_added() -> None:
    verdict = check_list(["115", "999", "101"], LAST)
    assert isinstance(verdict, Accepted)
    assert verdict.items == tuple(range(1, 11))
    assert verdict.padded == tuple(range(2, 11))
    assert verdict.notes[:2] == ("'115' is already in the history", "'999' is not in the catalogue")


@pytest.mark.parametrize("names", [[], ["999"], ["115", "113"]])
def test_a_list_without_one_valid_item_is_refused_even_then(names: list[str]) -> None:
    assert isinstance(check_list(names, LAST), Refused)


def test_a_full_list_in_the_last_round_is_the_surrogates_own() -> None:
    assert check_list(TEN[::-1], LAST) == Accepted(tuple(range(10, 0, -1)))


def test_a_title_in_another_dress_is_taken_and_it_is_said_how() -> None:
    verdict = check_list(["alpha", "The Bravo", *TEN[2:]], context(SHOWN))
    assert verdict == Accepted(
        tuple(range(1, 11)),
        ("'alpha' was taken for '101' (normalised)", "'The Bravo' was taken for '102' (normalised)"),
    )


def test_a_hundred_faults_are_not_all_named() -> None:
    reason = _refusal([f"x{number}" for number in range(100)]).reason
    assert "'x4' is not in the catalogue and 95 more." in reason
    assert "x5" not in reason


def test_a_long_name_is_cut_where_it_is_blamed() -> None:
    assert len(_refusal(["x" * 10_000]).reason) < 200


names = st.one_of(
    st.integers(1, N_ITEMS + 2).map(lambda item: str(100 + item)),
    st.sampled_from(catalog().frame["title"].to_list()),
    st.text(max_size=5),
)


@given(st.lists(names, max_size=40), st.sets(st.integers(1, 14)), st.integers(1, 12))
def test_a_list_is_accepted_just_when_enough_of_it_is_valid(listed: list[str], shown: set[int], n: int) -> None:
    moment = context(sorted(shown), n=n)
    found = [match.item_index for name in listed if (match := moment.catalog.resolve(name))]
    valid = list(dict.fromkeys(item for item in found if item in shown and item not in HISTORY))
    verdict = check_list(listed, moment)
    if len(valid) >= min(n, len(shown)):
        assert isinstance(verdict, Accepted)
        assert list(verdict.items) == valid[:n]
    else:
        assert isinstance(verdict, Refused)
        assert verdict.reason.startswith(f"The list has {len(valid)} valid items of {min(n, len(shown))}.")
