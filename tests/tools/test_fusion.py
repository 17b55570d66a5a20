"""Reciprocal-rank fusion: each retrieval tool counts once, at its best place; a ranking is no evidence of its own."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.tools.fusion import FUSIONS, evidence, fused
from toolrec_cli.tools.protocol import Candidate, Mark

MarkRow = tuple[str, str | None, str | None, int]


def _candidate(item: int, marks: Sequence[MarkRow]) -> Candidate:
    return Candidate(item, [Mark(tool, attribute, value, rank, None, 1) for tool, attribute, value, rank in marks])


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([("retrieve", None, None, 1)], 1 / 61),
        ([("retrieve", None, None, 1), ("retrieve", "genre", None, 3)], 1 / 61 + 1 / 63),
        ([("retrieve", "genre", None, 9), ("retrieve", "genre", None, 2)], 1 / 62),
        ([("retrieve", "genre", None, 4), ("retrieve", "genre", "Drama", 4)], 1 / 64),
        ([("retrieve", None, None, 1), ("rank", None, None, 1)], 1 / 61),
        ([("rank", "genre", None, 1)], 0.0),
        ([], 0.0),
    ],
)
def test_evidence_of_marks(marks: list[MarkRow], expected: float) -> None:
    assert evidence(_candidate(7, marks)) == pytest.approx(expected, abs=1e-15)


def test_most_evidence_first_and_ties_by_who_came_first() -> None:
    third = ("retrieve", "genre", None, 3)
    candidates = [_candidate(9, [third]), _candidate(4, [third]), _candidate(5, [("retrieve", None, None, 1)])]
    assert [item for item, _ in fused(candidates)] == [5, 9, 4]


retrievals = st.tuples(
    st.just("retrieve"), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "v"]), st.integers(1, 50)
)


@given(st.lists(retrievals, max_size=6), st.lists(st.tuples(st.just("rank"), st.none(), st.none(), st.integers(1, 50))))
def test_ranking_adds_nothing_and_the_order_of_marks_does_not_matter(
    marks: list[MarkRow], rankings: list[MarkRow]
) -> None:
    plain = evidence(_candidate(1, marks))
    assert evidence(_candidate(1, [*rankings, *marks[::-1]])) == pytest.approx(plain, abs=1e-15)


@given(st.lists(retrievals, max_size=6), retrievals)
def test_another_mark_never_takes_evidence_away(marks: list[MarkRow], another: MarkRow) -> None:
    assert evidence(_candidate(1, [*marks, another])) >= evidence(_candidate(1, marks)) - 1e-15


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [("rrf", 1 / 61 + 1 / 64), ("borda", 200 + 197), ("isr", 2 * (1 + 1 / 16)), ("best", 1.0)],
)
def test_a_fusion_by_name_weighs_the_best_place_with_each_tool(fusion: str, expected: float) -> None:
    marks = _candidate(7, [("retrieve", None, None, 1), ("retrieve", "genre", None, 4), ("rank", None, None, 1)]).marks
    found = FUSIONS[fusion](7, list(marks))
    assert found.evidence == pytest.approx(expected)
    found.marks.append(Mark("retrieve", "genre", "War", 400, None, 2))
    assert found.evidence == pytest.approx(expected)
    assert FUSIONS[fusion](7, []).evidence == 0.0


def test_fusions_part_over_company_and_first_places() -> None:
    """One item is first with one tool; the other third with both."""
    first = [Mark("retrieve", None, None, 1, None, 1)]
    both = [Mark("retrieve", name, None, 3, None, 1) for name in (None, "genre")]
    orders = {name: [item for item, _ in fused([kind(1, first), kind(2, both)])] for name, kind in FUSIONS.items()}
    assert orders == {"rrf": [2, 1], "borda": [2, 1], "isr": [1, 2], "best": [1, 2]}
