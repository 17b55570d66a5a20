"""One step of training after another: gradients, optimiser, learning rate; and what is done when memory runs out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolrec_cli.errors import CheckError, UsageError
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.trimming import trim
from toolrec_cli.models.windows import IntArray

TRIM_EVERY = 10
"""Steps after which memory is trimmed (docs/experiments.md)."""

BatchLoss = Callable[[IntArray], tuple[Tensor, int]]
"""The rows of a batch -> (mean loss, over how many targets)."""


class Stepper:
    """Takes steps on a model. Where a batch does not fit into memory, it and all after it are worked through in two halves.

    The gradient of two halves is that of the whole, so that steps, schedule and what is learnt stay what they were.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: BatchLoss,
        learning_rate: float,
        weight_decay: float,
        rate: Callable[[int], float],
        ranks: Ranks | None = None,
    ) -> None:
        """`rate` gives a step's share (0 to 1) of `learning_rate`; `ranks`: the processes that learn from a batch together."""
        self._ranks = ranks or Ranks()
        self._learnt = [p for p in model.parameters() if p.requires_grad]
        self._loss = loss
        self.optimiser = torch.optim.AdamW(
            self._learnt,
            lr=learning_rate,
            betas=(0.9, 0.98),
            weight_decay=weight_decay,
            fused=all(p.device.type in ("cpu", "cuda") for p in self._learnt),
        )
        self._rate: Callable[[int], float] = lambda step: learning_rate * rate(step)
        self.steps = 0
        """How many were taken."""
        self.parts = 1
        """In how many parts a batch is worked through."""

    def step(self, rows: IntArray, where: str) -> tuple[float, int]:
        """Learn from one batch: (its mean loss, its targets). Raises CheckError when the loss is no number `where` it is."""
        found = self._gradients(rows, where)
        if found is None:
            if self.parts > 1 or len(rows) < 2:
                raise UsageError(
                    f"Out of memory {where}, even for half a batch.",
                    hint="Try a smaller --batch-size, --max-length or --embedding-size.",
                )
            self.parts = 2
            return self.step(rows, where)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(self.steps)
        self.optimiser.step()
        self.steps += 1
        if self.steps % TRIM_EVERY == 0:
            trim()
        return found

    def _gradients(self, rows: IntArray, where: str) -> tuple[float, int] | None:
        """Gradients of the mean loss of a batch; None when memory runs out (what was held for it is let go of)."""
        self.optimiser.zero_grad(set_to_none=True)
        try:
            parts = [part for part in np.array_split(self._ranks.share(rows), self.parts) if len(part)]
            if self._ranks.alone:
                return self._whole(rows, where) if len(parts) == 1 else self._mean(*self._summed(parts), where)
            found = self._summed(parts)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.optimiser.zero_grad(set_to_none=True)
            return None
        return self._mean(*self._ranks.summed(self._learnt, *found), where)

    def _whole(self, rows: IntArray, where: str) -> tuple[float, int]:
        loss, n = self._loss(rows)
        value = _finite(loss.item(), where)
        loss.backward()
        return value, n

    def _summed(self, parts: list[IntArray]) -> tuple[float, int]:
        """Gradients of the sum of the losses: (that sum, over how many targets)."""
        total, targets = 0.0, 0
        for part in parts:
            loss, n = self._loss(part)
            total, targets = total + loss.item() * n, targets + n
            (loss * n).backward()
        return total, targets

    def _mean(self, total: float, targets: int, where: str) -> tuple[float, int]:
        """Gradients of the mean in the place of those of the sum."""
        value = _finite(total / targets, where)
        for parameter in self._learnt:
            if parameter.grad is not None:
                parameter.grad /= targets
        return value, targets


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise CheckError(f"The loss is {value} {where}.", hint="Try a lower --learning-rate.")
    return value


def is_out_of_memory(error: Any) -> bool:
    """Whether an error says that memory ran out: CUDA has a class for it, the processor's and Apple's allocator a sentence."""
    said = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError) or "out of memory" in said or "can't allocate" in said
    )
