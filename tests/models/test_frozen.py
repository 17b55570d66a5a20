"""Frozen states: one a target, in the order of the windows, from what stood before it."""

from typing import Any

import numpy as np
import pytest
import torch

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import store
from toolrec_cli.models.frozen import PREFIXES, freeze
from toolrec_cli.models.targets import TargetWindows, target_windows
from toolrec_cli.seeds import stream

N_ITEMS, N_USERS, WIDTH = 40, 70, 24


def build_backbone(name: str, dropout: float, max_length: int = 7) -> Any:
    torch.manual_seed(1)
    shape = {"embedding_size": WIDTH, "n_layers": 2, "n_heads": 2, "max_length": max_length, "dropout": dropout}
    return store.build_backbone(name, {"n_items": N_ITEMS, **shape}).eval()


@pytest.fixture(params=store.BACKBONES.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def cut() -> TargetWindows:
    """Over histories of every length from none to longer than is read."""
    rng = stream(3, "histories")
    lengths = np.array([0, *rng.integers(0, 20, N_USERS - 1)])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = rng.integers(1, N_ITEMS + 1, int(offsets[-1])).astype(np.int32)
    histories = Interactions(offsets, items, None, None)
    return target_windows(histories, 7)


@torch.no_grad()
def test_they_are_those_of_one_pass_over_each_window(cut: TargetWindows) -> None:
    backbone = build_backbone("sasrec", dropout=0.0)
    frozen = freeze(backbone, cut)
    expected: list[torch.Tensor] = []
    for row in range(len(cut)):
        items = cut.lessons(np.array([row])).items[:, :-1]
        expected.append(backbone(items, torch.tensor([items.shape[1]]))[0, -int(cut.fresh[row]) :])
    torch.testing.assert_close(frozen.states, torch.cat(expected), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_those_of_a_backbone_that_sees_both_sides_know_nothing_of_what_comes(cut: TargetWindows) -> None:
    """Each is that of the items before its target, read by themselves; of a few targets a window."""
    wide = target_windows(Interactions(np.array([0, 12, 15]), cut.windows.items, None, None), 12)
    frozen = freeze(backbone := build_backbone("bert4rec", dropout=0.0, max_length=12), wide)
    assert frozen.cut.fresh.tolist() == [PREFIXES, 2]
    read = [wide.windows.items[begin:stop] for begin, stop in [*((0, n) for n in range(4, 12)), (12, 13), (12, 14)]]
    expected = [backbone(torch.tensor([*map(int, items)])[None], torch.tensor([len(items)]))[0, -1] for items in read]
    torch.testing.assert_close(frozen.states, torch.stack(expected), rtol=1e-5, atol=1e-6)


def test_a_batch_finds_its_states_at_its_targets(name: str, cut: TargetWindows) -> None:
    frozen = freeze(build_backbone(name, dropout=0.0), cut)
    rows = np.array([5, 0, 11])
    lessons = frozen.cut.lessons(rows)
    found = frozen.of(lessons)
    stops = np.cumsum(frozen.cut.fresh)
    expected = [frozen.states[stops[row] - frozen.cut.fresh[row] : stops[row]] for row in rows]
    assert torch.equal(found[lessons.learnt[:, 1:]], torch.cat(expected))
    assert not found[~lessons.learnt[:, 1:]].any()


def test_dropout_is_drawn_from_torchs_generator(name: str, cut: TargetWindows) -> None:
    backbone = build_backbone(name, dropout=0.2)
    torch.manual_seed(8)
    one, other = freeze(backbone, cut).states, freeze(backbone, cut).states
    torch.manual_seed(8)
    assert torch.equal(freeze(backbone, cut).states, one)
    assert not torch.allclose(one, other, atol=1e-3)
    assert not backbone.training
