"""The states of a frozen backbone at everything there is to learn: computed once, shared by all that is trained on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.models.encoding import FloatArray, block_size, device_of
from toolrec_cli.models.targets import Lessons, TargetWindows

PREFIXES = 8

VERSION = 2
"""Raised when the same backbone, histories and seed come to other states: those that were kept count no longer then."""


@dataclass(frozen=True)
class FrozenStates:
    """`states` [n_targets, D] (float32, on the CPU): of every target of every window, what stood before it."""

    cut: TargetWindows
    states: Tensor
    validation: FloatArray | None = None
    """The backbone's vectors of the validation users, [n_users, D], undisturbed; None: they are not at hand."""

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
    """
    cut, read = within_reach(backbone, cut)
    states = torch.empty((cut.n_targets, backbone.config.embedding_size))
    done = 0
    backbone.train()
    for found in _states(backbone, read):
        states[done : done + len(found)] = found.cpu()
        done += len(found)
    backbone.eval()
    return FrozenStates(cut, states)


def within_reach(backbone: Any, cut: TargetWindows) -> tuple[TargetWindows, TargetWindows]:
    """(what is learnt, the windows in which it is read, in the same order): the same for a causal backbone.

    One that sees both sides has to read the items before a target once more for every target (or its states would know what
    comes next), so that only the PREFIXES newest targets of each window are taken.
    """
    if backbone.causal:
        return cut, cut
    few = cut.newest(PREFIXES)
    return few, few.one_by_one()


def _states(backbone: Any, cut: TargetWindows) -> Iterator[Tensor]:
    """The states of all targets of a window in one pass, a block of windows at a time."""
    device = device_of(backbone)
    size = block_size(device, backbone.config.max_length)
    for begin in range(0, len(cut), size):
        lessons = cut.lessons(np.arange(begin, min(begin + size, len(cut)))).to(device)
        items, lengths, targets = lessons.next_items()
        with torch.no_grad():
            yield backbone(items, lengths, lessons.input_times)[targets > 0]
