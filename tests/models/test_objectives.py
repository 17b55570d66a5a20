"""What backbones are asked to find: every next item, or gaps of which the newest is always one."""

from typing import Any

import numpy as np
import torch

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import store
from toolrec_cli.models.objectives import cloze, next_item
from toolrec_cli.models.targets import Lessons, target_windows

N_ITEMS = 30
SHAPE = {"n_items": N_ITEMS, "embedding_size": 8, "n_heads": 2, "max_length": 10, "dropout": 0.0}


def lessons(lengths: list[int], context: float = 0.5) -> Lessons:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = (np.arange(offsets[-1]) % N_ITEMS + 1).astype(np.int32)
    cut = target_windows(Interactions(offsets, items, None, None), 10, context=context)
    return cut.lessons(np.arange(len(cut)))


def bert() -> Any:
    torch.manual_seed(1)
    return store.build_backbone("bert4rec", SHAPE).eval()


def test_the_next_item_of_every_position() -> None:
    model = store.build_backbone("sasrec", SHAPE).eval()
    states, targets = next_item(model, lessons([4, 2]))
    assert targets.tolist() == [2, 3, 4, 6]
    expected = model(torch.tensor([[1, 2, 3], [5, 0, 0]]), torch.tensor([3, 1]))
    torch.testing.assert_close(states, torch.cat([expected[0], expected[1, :1]]))


def test_the_newest_item_is_always_a_gap() -> None:
    states, targets = cloze(bert(), lessons([4, 2, 7]), 0.0)
    assert targets.tolist() == [4, 6, 13]
    assert states.shape == (3, 8)


def test_everything_but_the_context_can_be_a_gap() -> None:
    _, targets = cloze(bert(), lessons([13]), 1.0)
    assert sorted(targets.tolist()) == list(range(2, 14))


def test_gaps_are_drawn_at_the_ratio() -> None:
    many = lessons([9] * 2000)
    torch.manual_seed(0)
    _, targets = cloze(bert(), many, 0.25)
    assert abs((len(targets) - 2000) / (2000 * 7) - 0.25) < 0.015


def test_what_is_hidden_is_not_read() -> None:
    """The state of a gap is the same whatever stands behind it."""
    one, other = lessons([4]), lessons([4])
    other.items[0, -1] = 17
    found, _ = cloze(bert(), one, 0.0)
    again, targets = cloze(bert(), other, 0.0)
    assert targets.tolist() == [17]
    assert torch.equal(found, again)


def test_a_gap_at_the_end_is_how_the_next_item_is_asked_for() -> None:
    """Trained and scored alike: the history, then a gap."""
    model = bert()
    found, _ = cloze(model, lessons([4]), 0.0)
    torch.testing.assert_close(found[0], model(torch.tensor([[1, 2, 3]]), torch.tensor([3]))[0, -1])
