"""Memory: only what the catalogue knows and the user does not have gets in, with a mark for every tool that brought it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.agent.memory import Admission, Memory
from toolrec_cli.agent.trajectory import Matched, Rejected
from toolrec_cli.tools.protocol import Mark, Named, Proposal
from tools.small_world import HISTORY, N_ITEMS, catalog


def _memory() -> Memory:
    return Memory(catalog(), np.array(HISTORY, dtype=np.int32))


def _bring(
    memory: Memory, *names: str, attribute: str | None = None, value: str | None = None, step: int = 1
) -> Admission:
    named = tuple(Named(name, place, 0.5) for place, name in enumerate(names, start=1))
    return memory.admit(Proposal(named), "retrieve", attribute, value, step)


def test_what_is_known_gets_in_with_its_place_and_is_new() -> None:
    memory = _memory()
    admission = _bring(memory, "103", "Alpha")
    assert admission == Admission(
        ((3, Named("103", 1, 0.5), True), (1, Named("Alpha", 2, 0.5), True)), (), (Matched("Alpha", "101", "title"),)
    )
    assert list(memory.candidates) == [3, 1]
    assert memory.candidates[1].marks == [Mark("retrieve", None, None, 2, 0.5, 1)]


def test_what_is_not_in_the_catalogue_in_the_history_or_named_twice_is_turned_away_with_the_reason() -> None:
    memory = _memory()
    admission = _bring(memory, "101", "999", "115", "Alpha", "Twin", "102")
    assert admission.rejected == (
        Rejected("999", "not in the catalogue"),
        Rejected("115", "already in the history"),
        Rejected("Alpha", "named twice"),
        Rejected("Twin", "not in the catalogue"),
    )
    assert [item for item, _, _ in admission.items] == [1, 2]
    assert memory.candidates.keys() == {1, 2}


def test_nothing_that_was_turned_away_gets_a_mark() -> None:
    memory = _memory()
    _bring(memory, "101", "101", "101")
    assert len(memory.candidates[1].marks) == 1


def test_marks_accumulate_oldest_first_and_an_item_is_new_once() -> None:
    memory = _memory()
    _bring(memory, "101", "102")
    second = _bring(memory, "104", "101", attribute="genre", value="Comedy", step=2)
    assert [(item, new) for item, _, new in second.items] == [(4, True), (1, False)]
    assert [(mark.text, mark.rank, mark.step) for mark in memory.candidates[1].marks] == [
        ("retrieve:none", 1, 1),
        ("retrieve:genre=Comedy", 2, 2),
    ]


def test_it_is_recorded_how_a_name_that_is_no_id_was_matched() -> None:
    admission = _bring(_memory(), "101", "Bravo", "the charlie", "Foxtort", "Juliet T")
    assert admission.matched == (
        Matched("Bravo", "102", "title"),
        Matched("the charlie", "103", "normalised"),
        Matched("Juliet T", "110", "fuzzy", 93.3),
    )
    assert [rejected.name for rejected in admission.rejected] == ["Foxtort"]


def test_an_empty_proposal_changes_nothing() -> None:
    memory = _memory()
    assert _bring(memory) == Admission((), ())
    assert memory.candidates == {}


names = st.integers(1, N_ITEMS + 3).map(lambda item: str(100 + item)) | st.sampled_from(["Alpha", "Twin", "", "[rec]"])


@given(st.lists(st.lists(names, max_size=12), max_size=4))
def test_every_name_is_admitted_or_turned_away_and_only_items_of_the_pool_get_in(rounds: list[list[str]]) -> None:
    memory = _memory()
    for step, brought in enumerate(rounds, start=1):
        before = set(memory.candidates)
        admission = _bring(memory, *brought, step=step)
        assert len(admission.items) + len(admission.rejected) == len(brought)
        items = [item for item, _, _ in admission.items]
        assert len(set(items)) == len(items)
        assert {item for item, _, new in admission.items if new} == set(items) - before
        assert all(rejected.reason for rejected in admission.rejected)
        assert set(memory.candidates) == before | set(items)
    assert set(memory.candidates) <= set(range(1, N_ITEMS + 1)) - set(HISTORY)
