"""The lists that are compared: each tool's own, and their reciprocal-rank fusion against a literal computation."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.evaluation.rows import DEPTH, row_name, tool_lists
from tools.small_world import WrittenScores

TOOLS: tuple[str | None, ...] = (None, "genre", "year")


def _lists(
    scores: dict[str | None, list[float]], history: Sequence[int], n: int, tools: Sequence[str | None] = TOOLS
) -> tuple[list[list[int]], list[int]]:
    alone, fused = tool_lists(WrittenScores(scores), 0, np.array(history, dtype=np.int32), n, tools)
    return [found.tolist() for found in alone], fused.tolist()


def _naive(
    scores: dict[str | None, list[float]], history: Sequence[int], n: int, tools: Sequence[str | None] = TOOLS
) -> tuple[list[list[int]], dict[int, float]]:
    """Sort, cut at 100, and Σ 1 / (60 + place) of every item, in plain Python."""
    alone: list[list[int]] = []
    evidence: dict[int, float] = {}
    for name in tools:
        items = [item for item in range(1, len(scores[name]) + 1) if item not in history]
        best = sorted(items, key=lambda item: (-scores[name][item - 1], item))
        alone.append(best[:n])
        for place, item in enumerate(best[:DEPTH], start=1):
            evidence[item] = evidence.get(item, 0.0) + 1 / (60 + place)
    return alone, evidence


def test_a_row_of_a_tool_is_named_after_its_attribute() -> None:
    assert row_name("genre") == "retrieve:genre"


def test_lists_and_fusion_of_a_small_table() -> None:
    """Item 2 is second, second and first, and wins; item 4 belongs to the user."""
    scores: dict[str | None, list[float]] = {None: [9, 8, 1, 99], "genre": [1, 8, 9, 99], "year": [5, 9, 4, 99]}
    assert _lists(scores, [4], 2) == ([[1, 2], [3, 2], [2, 1]], [2, 1])


def test_ties_go_to_the_smaller_item_index() -> None:
    scores: dict[str | None, list[float]] = {None: [1, 1, 1], "genre": [3, 2, 1], "year": [1, 2, 3]}
    assert _lists(scores, [], 3) == ([[1, 2, 3], [1, 2, 3], [3, 2, 1]], [1, 2, 3])
    assert _lists(scores, [], 3, ("genre", "year"))[1] == [1, 3, 2]


columns = st.lists(st.tuples(*[st.integers(-20, 20)] * 3), min_size=1, max_size=25)


@given(columns, st.sets(st.integers(1, 25)), st.integers(1, 12))
def test_as_a_literal_computation_has_it(table: list[tuple[int, int, int]], history: set[int], n: int) -> None:
    scores = {name: [float(row[place]) for row in table] for place, name in enumerate(TOOLS)}
    own = sorted(item for item in history if item <= len(table))
    alone, fused = _lists(scores, own, n)
    naive, evidence = _naive(scores, own, n)
    assert alone == naive
    assert len(set(fused)) == len(fused)
    best = sorted(evidence.values(), reverse=True)[:n]
    assert [evidence[item] for item in fused] == pytest.approx(best, abs=1e-7)


def test_fusion_looks_a_hundred_places_down() -> None:
    """Item 101 is first with one tool and a hundred and first with the other: that last place counts for nothing."""
    down = [float(-item) for item in range(1, 151)]
    front = [1000.0 if item == 101 else -float(item) for item in range(1, 151)]
    scores: dict[str | None, list[float]] = {None: down, "genre": front}
    _, fused = _lists(scores, [], 100, (None, "genre"))
    _, evidence = _naive(scores, [], 100, (None, "genre"))
    assert evidence[101] == 1 / 61
    assert fused == sorted(evidence, key=lambda item: -evidence[item])[:100]


@pytest.mark.parametrize("n", [100, 101, 150])
def test_a_list_is_as_long_as_it_is_asked_for(n: int) -> None:
    """`eval --k 150` scores a baseline at 150 only if its list has 150 items."""
    scores: dict[str | None, list[float]] = {None: [float(-item) for item in range(1, 201)]}
    alone, fused = _lists(scores, [], n, (None,))
    assert len(alone[0]) == n
    assert len(fused) == n


def test_no_tool_no_list() -> None:
    assert _lists({None: [1.0]}, [], 5, ()) == ([], [])


def test_a_user_who_has_everything_gets_empty_lists() -> None:
    scores: dict[str | None, list[float]] = {name: [1.0, 2.0] for name in TOOLS}
    assert _lists(scores, [1, 2], 5) == ([[], [], []], [])
