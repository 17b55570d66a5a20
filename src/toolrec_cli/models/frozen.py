"""The states of a frozen backbone at everything there is to learn: computed once, shared by all that is trained on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.models.encoding import BLOCK, device_of
from toolrec_cli.models.targets import Lessons, TargetWindows
from toolrec_cli.models.windows import IntArray, Windows

PREFIXES = 8


@dataclass(frozen=True)
class FrozenStates:
    """`states` [n_targets, D] (float32, on the CPU): of every target of every window, what stood before it."""

    cut: TargetWindows
    states: Tensor

    def of(self, lessons: Lessons) -> Tensor:
        """The states of a batch, [B, T − 1, D]; zero at positions where nothing is learnt."""
        stops = np.cumsum(self.cut.fresh)
        rows = [self.states[stops[row] - self.cut.fresh[row] : stops[row]] for row in lessons.rows]
        found = torch.zeros((len(rows), lessons.items.shape[1] - 1, self.states.shape[1]), device=lessons.items.device)
        found[lessons.learnt[:, 1:]] = torch.cat(rows).to(found.device)
        return found


def freeze(backbone: Any, cut: TargetWindows) -> FrozenStates:
    """With the backbone's dropout, drawn from torch's generator.

    Undisturbed, it knows its training items by heart, and an encoder trained on such states learns to rely on them more than
    they bear out on items that are new.

    A backbone that is not causal has to read the items before a target once more for every target (or its states would know
    what comes next), so that only the PREFIXES newest targets of each window are taken.
    """
    if not backbone.causal:
        cut = TargetWindows(cut.windows, np.minimum(cut.fresh, PREFIXES))
    states = torch.empty((cut.n_targets, backbone.config.embedding_size))
    done = 0
    backbone.train()
    for found in _at_once(backbone, cut) if backbone.causal else _one_by_one(backbone, cut):
        states[done : done + len(found)] = found.cpu()
        done += len(found)
    backbone.eval()
    return FrozenStates(cut, states)


def _at_once(backbone: Any, cut: TargetWindows) -> Iterator[Tensor]:
    """The states of all targets of a window in one pass, a block of windows at a time."""
    for rows in _blocks(len(cut)):
        lessons = cut.lessons(rows).to(device_of(backbone))
        items, lengths, targets = lessons.next_items()
        with torch.no_grad():
            yield backbone(items, lengths, lessons.input_times)[targets > 0]


def _one_by_one(backbone: Any, cut: TargetWindows) -> Iterator[Tensor]:
    """The same from a pass for each target over the items before it: exactly what is read where a list is asked for."""
    stops = cut.windows.stops.repeat(cut.fresh)
    back = np.repeat(np.cumsum(cut.fresh), cut.fresh) - np.arange(len(stops))
    starts = cut.windows.starts.repeat(cut.fresh)
    before = Windows(cut.windows.items, starts, stops - back, cut.windows.times)
    for rows in _blocks(len(before)):
        batch = before.padded(rows)
        lengths = batch.lengths.to(device_of(backbone))
        with torch.no_grad():
            times = None if batch.times is None else batch.times.to(lengths.device)
            states = backbone(batch.items.to(lengths.device), lengths, times)
            yield states[torch.arange(len(rows), device=lengths.device), lengths - 1]


def _blocks(n: int) -> Iterator[IntArray]:
    return (np.arange(begin, min(begin + BLOCK, n)) for begin in range(0, n, BLOCK))
