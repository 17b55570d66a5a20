"""What a next-item model is trained to do. Each loss: states [P, D], item table [N + 1, D], targets [P] -> a scalar.

`P` counts training targets, `N` items; row 0 of the table is padding and never scored.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

CHUNK = 128
"""Targets whose logits are held at once: 128 × 4,000 items are 2 MB and stay near the processor."""

TINY = 1e-38
"""The smallest probability whose logarithm is taken."""


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Full-softmax cross-entropy that never holds the whole [P, N] logit matrix.

    The gradients are formed while the logits of a chunk are at hand, so that they are computed once, not twice.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        state_gradient = torch.empty_like(states)
        table_gradient = torch.zeros_like(table)
        total = states.new_zeros(())
        for start in range(0, len(states), CHUNK):
            part, wanted = states[start : start + CHUNK], targets[start : start + CHUNK, None]
            logits = part @ table.T
            logits[:, 0] = -torch.inf
            error = logits.softmax(dim=1)
            total -= error.gather(1, wanted).clamp_(min=TINY).log_().sum()
            error.scatter_add_(1, wanted, error.new_full(wanted.shape, -1.0))
            state_gradient[start : start + CHUNK] = error @ table
            table_gradient.addmm_(error.T, part)
        ctx.save_for_backward(state_gradient, table_gradient)
        ctx.n = len(states)
        return total / len(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        state_gradient, table_gradient = ctx.saved_tensors
        scale = gradients[0] / ctx.n
        return state_gradient * scale, table_gradient * scale, None


def cross_entropy(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Mean of −log softmax(states · tableᵀ)[target] over all items of the pool."""
    return _ChunkedCrossEntropy.apply(states, table, targets)  # pyright: ignore[reportReturnType, reportUnknownVariableType]


def bpr(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Mean of −log σ(u·v − u·w), one uniform negative w a target (BPR; ToolRec's L_BPR)."""
    negatives = torch.randint(1, len(table), targets.shape, device=targets.device)
    difference: Tensor = (states * (table[targets] - table[negatives])).sum(dim=-1)
    return -functional.logsigmoid(difference).mean()


LOSSES: dict[str, Loss] = {"cross-entropy": cross_entropy, "bpr": bpr}
