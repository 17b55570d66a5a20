"""How alike two lists are: by hand, by the paper's limits, and for any lists at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.evaluation.agreement import Comparing, overlap, rank_biased_overlap

LISTS = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=8)


def test_by_hand() -> None:
    assert overlap("abcd", "badx") == 0.75
    assert overlap("", "") == 1.0
    assert overlap("ab", "") == 0.0
    # Depths 1 and 2 of "ab" and "ac" have 1 and 1 in common: (1 - p) (1 + p / 2) + p² / 2.
    assert rank_biased_overlap("ab", "ac", 0.5) == pytest.approx(0.5 * (1 + 0.25) + 0.125)
    # "ab" against "abc": at depth 3 two are known to be common, and the unseen third counts as the others did.
    assert rank_biased_overlap("ab", "abc", 0.9) == pytest.approx(1.0)
    # The first place weighs more than the last.
    assert rank_biased_overlap("abc", "xbc") < rank_biased_overlap("abc", "abx")


@given(LISTS, LISTS)
def test_of_any_lists(one: list[str], other: list[str]) -> None:
    found = rank_biased_overlap(one, other)
    assert -1e-9 <= found <= 1 + 1e-9
    assert found == pytest.approx(rank_biased_overlap(other, one))
    assert rank_biased_overlap(one, one) == pytest.approx(1.0)
    if not set(one) & set(other) and (one or other):
        assert found == overlap(one, other) == 0.0


def test_pairs_are_counted() -> None:
    pairs = Comparing()
    pairs.add("abc", "abc")
    pairs.add("abc", "acd")
    pairs.add("abc", "bca")
    pairs.add("abc", "dab")
    found = pairs.found(seed=1)
    assert (found.n_users, found.n_same, found.came_in, found.went_out) == (4, 1, (("d", 2),), (("b", 1), ("c", 1)))
    assert (found.n_came_in, found.n_went_out) == (2, 2)
    assert found.overlap is not None
    assert found.overlap.mean == pytest.approx((1 + 2 / 3 + 1 + 2 / 3) / 4)
    nobody = Comparing().found(seed=1)
    assert (nobody.n_users, nobody.overlap) == (0, None)
