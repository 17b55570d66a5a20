"""A history that ends in many places at once: who sees whom, and what a gap between two blocks has to go by."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.models import ends, objectives, store
from toolrec_cli.models.ends import View, drawn_view, view
from toolrec_cli.models.objectives import cloze_at_ends
from toolrec_cli.models.targets import Lessons

CPU = torch.device("cpu")
SHAPE = {"n_items": 30, "embedding_size": 8, "n_heads": 2, "max_length": 10, "dropout": 0.0}
TIMES = torch.tensor([[0, 1, 2, 40, 41, 42, 90]])
ITEMS = torch.tensor([[1, 2, 3, 4, 5, 6, 7]])


def lessons(items: torch.Tensor = ITEMS, times: torch.Tensor | None = TIMES) -> Lessons:
    learnt = torch.ones_like(items, dtype=torch.bool)
    learnt[:, 0] = False
    return Lessons(items, torch.tensor([7]), learnt, torch.arange(1).numpy(), times)


def bert(**shape: Any) -> Any:
    torch.manual_seed(1)
    every = {"time_aware": True, "relative_positions": True, "ends": True}
    model = store.build_backbone("bert4rec", {**SHAPE, **every, **shape})
    return model.eval()


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> View:
    """Blocks of three, the first of two: items 3 and 6 come next."""
    fixed = view(7, 3, 1, CPU)
    monkeypatch.setattr(objectives, "drawn_view", lambda n, device: fixed)
    return fixed


def test_blocks_see_themselves_and_what_came_before_and_gaps_are_seen_by_nobody() -> None:
    found = view(4, 2, 1, CPU)
    assert (found.places.tolist(), found.added.tolist()) == (
        [0, 1, 1, 2, 3, 3],
        [False, True, False, False, True, False],
    )
    assert found.seen.int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [1, 0, 1, 1, 1, 0],
        [1, 0, 1, 1, 0, 1],
    ]
    assert found.known.tolist() == [0, 0, 1, 2, 2, 3]


@given(n=st.integers(1, 40), seed=st.integers(0, 100))
def test_whatever_is_drawn_no_position_sees_what_a_gap_before_it_hides(n: int, seed: int) -> None:
    torch.manual_seed(seed)
    found = drawn_view(n, CPU)
    assert found.places[~found.added].tolist() == list(range(n))
    for gap in torch.nonzero(found.added)[:, 0].tolist():
        place = found.places[gap]
        assert found.seen[gap].tolist() == [
            index == gap or bool(~found.added[index] & (found.places[index] < place))
            for index in range(len(found.places))
        ]
        earlier = found.places < place
        assert not (
            found.seen[earlier] & (found.places >= place)[None] & ~torch.eye(len(earlier), dtype=torch.bool)[earlier]
        ).any()


def test_what_comes_next_is_asked_between_blocks_and_at_the_end(cut: View) -> None:
    states, targets = cloze_at_ends(bert(), lessons(), 0.0)
    assert targets.tolist() == [3, 6, 7]
    assert states.shape == (3, 8)


def test_what_is_no_lesson_is_not_asked(cut: View) -> None:
    told = lessons()
    told.learnt[:, :4] = False
    assert cloze_at_ends(bert(), told, 0.0)[1].tolist() == [6, 7]


def test_beyond_a_history_nothing_is_asked(cut: View) -> None:
    short = Lessons(torch.tensor([[1, 2, 3, 4, 0, 0, 0]]), torch.tensor([4]), lessons().learnt, lessons().rows, TIMES)
    short.learnt[:, 4:] = False
    assert cloze_at_ends(bert(), short, 0.0)[1].tolist() == [3, 4]


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_nothing_that_comes_later_is_told(cut: View, ratio: float) -> None:
    """Neither the item that is asked for, nor any later one, nor when they were."""
    model, found = bert(), []
    for items, times in ((ITEMS, TIMES), (ITEMS + 10 * (torch.arange(7) >= 5), TIMES + 1000 * (torch.arange(7) >= 5))):
        torch.manual_seed(3)
        states, targets = cloze_at_ends(model, lessons(items, times), ratio)
        found.append(states[: targets.tolist().index(int(items[0, 5])) + 1])
    assert torch.equal(found[0][: len(found[1])], found[1])
    assert len(found[0]) == len(found[1]) >= 2


def test_it_is_asked_as_if_the_history_ended_there(cut: View) -> None:
    """But for the places, which are counted from the end of the whole; and of items that saw no later ones in between."""
    model = bert(n_layers=1)
    with torch.no_grad():
        model.transformer.positions.weight.zero_()
    states, _ = cloze_at_ends(model, lessons(), 0.0)
    for state, length in zip(states, (2, 5, 6), strict=True):
        asked = model(ITEMS[:, :length], torch.tensor([length]), TIMES[:, :length])[0, -1]
        torch.testing.assert_close(state, asked)


def test_a_size_of_none_cuts_a_history_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "SIZES", (0,))
    assert all(drawn_view(50, CPU).added.sum() <= 1 for _ in range(50))
    assert any(drawn_view(50, CPU).added.sum() == 1 for _ in range(50))


def test_the_published_objective_is_the_cloze_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectives, "drawn_view", None)
    states, targets = bert(ends=False, mask_ratio=0.0).examples(lessons())
    assert targets.tolist() == [7]
    assert states.shape == (1, 8)
