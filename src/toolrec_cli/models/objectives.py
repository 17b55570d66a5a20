"""What a backbone is trained to find: a backbone declares its objective, and the training loop asks no further.

An objective turns one batch into (states [P, D], targets [P]): the states that should lie near the vectors of the targets.
"""

from typing import Any

import torch
from torch import Tensor

from toolrec_cli.models.ends import drawn_view
from toolrec_cli.models.targets import Lessons


def next_item(model: Any, lessons: Lessons) -> tuple[Tensor, Tensor]:
    """Every position finds the item after it, in one pass (causal models alone: others would read it off)."""
    items, lengths, targets = lessons.next_items()
    real = targets > 0
    return model(items, lengths, lessons.input_times)[real], targets[real]


def cloze(model: Any, lessons: Lessons, ratio: float) -> tuple[Tensor, Tensor]:
    """A share `ratio` of what is to be learnt is hidden, and found from both sides; the newest item is hidden always.

    That one stands where a list is asked for; all others are easier (BERT4Rec, section 3.6; ToolRec's code does the same).
    Context is not hidden, so that every interaction is drawn as often.
    """
    gaps, times = _hidden(lessons, ratio)
    return model.filled(lessons.items, lessons.lengths, gaps, times)[gaps], lessons.items[gaps]


def cloze_at_ends(model: Any, lessons: Lessons, ratio: float) -> tuple[Tensor, Tensor]:
    """`cloze`, and in many places of a history also what comes next, by nothing but what came before: see `ends.py`."""
    view = drawn_view(lessons.items.shape[1], lessons.items.device)
    gaps, times = _hidden(lessons, ratio)
    items, gaps = lessons.items[:, view.places], gaps[:, view.places] | view.added
    times = None if times is None else times[:, view.known]
    asked = gaps & lessons.learnt[:, view.places]
    return model.filled(items, lessons.lengths, gaps, times, view)[asked], items[asked]


def _hidden(lessons: Lessons, ratio: float) -> tuple[Tensor, Tensor | None]:
    """Which items are gaps [B, T], and when all were, [B, T], as far as may be known."""
    position = torch.arange(lessons.items.shape[1], device=lessons.items.device)
    newest = position == lessons.lengths[:, None] - 1
    drawn = torch.rand(lessons.items.shape, device=lessons.items.device) < ratio
    gaps = lessons.learnt & (drawn | newest)
    # Where a list is asked for, the newest gap is as old as what stands before it: it must not be told its time here either.
    times = None if lessons.times is None else lessons.times.clone()
    if times is not None and times.shape[1] > 1:
        rows, last = torch.arange(len(times), device=times.device), (lessons.lengths - 1).clamp(min=1)
        times[rows, last] = times[rows, last - 1]
    return gaps, times
