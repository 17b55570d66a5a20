"""The built-in ranker: agreement of the tools, then the balance of one attribute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.tools.protocol import Context, Refused
from tools.small_world import N_ITEMS, brought, context


def _order(moment: Context, attribute: str | None = None, balance: float = 0.2) -> list[int]:
    ordered = BuiltinRanker(balance).order(list(moment.candidates.values()), attribute, moment)
    assert not isinstance(ordered, Refused)
    return [int(name) - 100 for name, _ in ordered]


def test_without_an_attribute_by_evidence_alone() -> None:
    moment = context([1, 2, 3])
    moment.candidates[3].marks.extend(brought(3, 1, "genre").marks)
    assert _order(moment) == [3, 1, 2]
    ordered = BuiltinRanker().order(list(moment.candidates.values()), None, moment)
    assert ordered == [("103", round(1 / 63 + 1 / 61, 6)), ("101", round(1 / 61, 6)), ("102", round(1 / 62, 6))]


def test_what_the_list_lacks_of_the_history_is_raised_until_it_is_there() -> None:
    """History: comedies. Items 1 and 5 are drama, 3 and 4 comedy: 1.2 / 63 > 1.1 / 64 > 1 / 61."""
    moment = context([1, 5, 3, 4], history=[10, 14], n=2)
    assert _order(moment, "genre") == [3, 4, 1, 5]
    assert _order(moment, "genre", balance=0.0) == [1, 5, 3, 4]


def test_a_label_that_is_there_in_full_is_raised_no_more() -> None:
    """Half the history is comedy: after one of two places the share is there, and evidence decides."""
    moment = context([1, 5, 3, 4], history=[8, 10], n=2)
    assert _order(moment, "genre") == [3, 1, 5, 4]


def test_items_below_three_lists_stay_where_they_are() -> None:
    moment = context([1, 5, 9, 3], history=[10, 14], n=1)
    assert _order(moment, "genre") == [1, 5, 9, 3]
    assert _order(context([1, 5, 3, 9], history=[10, 14], n=1), "genre") == [3, 1, 5, 9]


def test_an_item_without_a_label_keeps_its_evidence() -> None:
    assert _order(context([12, 3], history=[10], n=1), "genre") == [3, 12]
    assert _order(context([12, 1], history=[10], n=1), "genre") == [12, 1]


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("gener", "There is no attribute to rank by 'gener'. Did you mean 'genre'?"),
        ("plot", "There is no attribute to rank by 'plot'. There is: genre, year, price."),
        ("", "There is no attribute to rank by ''. There is: genre, year, price."),
    ],
)
def test_an_attribute_that_has_no_labels_is_refused(attribute: str, said: str) -> None:
    moment = context([1])
    assert BuiltinRanker().order(list(moment.candidates.values()), attribute, moment) == Refused(
        said, "Use one of: genre, year, price."
    )


@given(
    st.lists(st.integers(1, N_ITEMS), unique=True),
    st.lists(st.integers(1, N_ITEMS), max_size=6),
    st.integers(1, 12),
    st.sampled_from([None, "genre", "year", "price"]),
)
def test_ranking_only_ever_reorders(shown: list[int], history: list[int], n: int, attribute: str | None) -> None:
    assert sorted(_order(context(shown, history=history, n=n), attribute)) == sorted(shown)
