"""The states of a frozen backbone at everything there is to learn: computed once, shared by all that is trained on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.models.encoding import BLOCK, device_of
from toolrec_cli.models.targets import Lessons, TargetWindows
from toolrec_cli.models.windows import IntArray


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


@torch.no_grad()
def freeze(backbone: Any, cut: TargetWindows) -> FrozenStates:
    """One pass over all windows, with the backbone's dropout, drawn from torch's generator.

    Undisturbed, it knows its training items by heart, and an encoder trained on such states learns to rely on them more than
    they bear out on items that are new.
    """
    states = torch.empty((cut.n_targets, backbone.config.embedding_size))
    done = 0
    backbone.train()
    for begin in range(0, len(cut), BLOCK):
        rows: IntArray = np.arange(begin, min(begin + BLOCK, len(cut)))
        items, lengths, targets = cut.lessons(rows).to(device_of(backbone)).next_items()
        found = backbone(items, lengths)[targets > 0]
        states[done : done + len(found)] = found.cpu()
        done += len(found)
    backbone.eval()
    return FrozenStates(cut, states)
