"""Make-ups: shares of labels, and how far a list is from a history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.agent.makeup import gap, history_shares, shares
from tools.small_world import N_ITEMS, context


def test_an_items_weight_is_split_among_its_labels() -> None:
    assert shares([(("Drama", "Crime"), 1.0), (("Drama",), 2.0), ((), 5.0)]) == {"Drama": 2.5 / 3, "Crime": 0.5 / 3}


@pytest.mark.parametrize("labelled", [[], [((), 1.0)]])
def test_nothing_labelled_has_no_make_up(labelled: list[tuple[tuple[str, ...], float]]) -> None:
    assert shares(labelled) == {}


def test_an_item_twenty_places_back_counts_half() -> None:
    moment = context(history=[3] + [12] * 19 + [8])
    assert history_shares(moment, "genre") == pytest.approx({"Western": 1 / 1.5, "Comedy": 0.5 / 1.5})


def test_only_the_newest_fifty_count() -> None:
    assert history_shares(context(history=[3] + [8] * 50), "genre") == {"Western": 1.0}


def test_what_is_missing_and_what_is_too_much_worst_first() -> None:
    found = gap(context(history=[3, 3, 3, 8]), "genre", [1, 6, 6, 8])
    assert found.wanted["Western"] == pytest.approx(0.263, abs=0.001)
    assert found.missing() == ["Comedy"]
    assert found.excessive() == ["Crime", "Drama"]
    assert found.divergence == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(("listed", "divergence"), [([3, 4], 0.0), ([1, 9], 1.0), ([3, 1], 0.5)])
def test_divergence_from_the_same_to_nothing_in_common(listed: list[int], divergence: float) -> None:
    assert gap(context(history=[10, 14]), "genre", listed).divergence == pytest.approx(divergence)


items = st.lists(st.integers(1, N_ITEMS), max_size=8)


@given(items, items, st.sampled_from(["genre", "year", "price"]))
def test_divergence_is_a_distance_of_shares_that_sum_to_one(
    history: list[int], listed: list[int], attribute: str
) -> None:
    found = gap(context(history=history), attribute, listed)
    assert 0 <= found.divergence <= 1 + 1e-9
    for made_of in (found.wanted, found.present):
        assert sum(made_of.values()) == pytest.approx(1.0 if made_of else 0.0)
    assert not set(found.missing()) & set(found.excessive())
