"""What a backbone is trained to find: a backbone declares its objective, and the training loop asks no further.

An objective turns one batch into (states [P, D], targets [P]): the states that should lie near the vectors of the targets.
"""

from typing import Any

from torch import Tensor

from toolrec_cli.models.targets import Lessons


def next_item(model: Any, lessons: Lessons) -> tuple[Tensor, Tensor]:
    """Every position finds the item after it, in one pass (causal models alone: others would read it off)."""
    items, lengths, targets = lessons.next_items()
    real = targets > 0
    return model(items, lengths)[real], targets[real]
