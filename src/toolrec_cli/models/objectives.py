"""What a backbone is trained to find: a backbone declares its objective, and the training loop asks no further.

An objective turns one batch into (states [P, D], targets [P]): the states that should lie near the vectors of the targets.
"""

from typing import Any

import torch
from torch import Tensor

from toolrec_cli.models.targets import Lessons


def next_item(model: Any, lessons: Lessons) -> tuple[Tensor, Tensor]:
    """Every position finds the item after it, in one pass (causal models alone: others would read it off)."""
    items, lengths, targets = lessons.next_items()
    real = targets > 0
    return model(items, lengths)[real], targets[real]


def cloze(model: Any, lessons: Lessons, ratio: float) -> tuple[Tensor, Tensor]:
    """A share `ratio` of what is to be learnt is hidden, and found from both sides; the newest item is hidden always.

    That one stands where a list is asked for; all others are easier (BERT4Rec, section 3.6; ToolRec's code does the same).
    Context is not hidden, so that every interaction is drawn as often.
    """
    position = torch.arange(lessons.items.shape[1], device=lessons.items.device)
    newest = position == lessons.lengths[:, None] - 1
    drawn = torch.rand(lessons.items.shape, device=lessons.items.device) < ratio
    gaps = lessons.learnt & (drawn | newest)
    return model.filled(lessons.items, lessons.lengths, gaps)[gaps], lessons.items[gaps]
