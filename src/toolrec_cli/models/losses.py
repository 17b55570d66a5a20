"""What a next-item model is trained to do. Each loss: states [P, D], item table [N + 1, D], targets [P] -> a scalar.

`P` counts training targets, `N` items; row 0 of the table is padding and never scored.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.models.precision import TINY, product_type, targets_at_once
from toolrec_cli.models.sampled import gbce, sampled

Loss = Callable[..., Tensor]


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Full-softmax cross-entropy that never holds the whole [P, N] logit matrix.

    The gradients are formed while the logits of a chunk are at hand, so that they are computed once, not twice. Products are
    taken in `product_type`; the softmax and every sum over targets stay in single precision.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        state_gradient = torch.empty_like(states)
        table_gradient = torch.zeros_like(table)
        total = states.new_zeros(())
        dtype = product_type(states)
        rows, columns = table.to(dtype), table.to(dtype).T.contiguous()
        size = targets_at_once(states, len(table))
        for start in range(0, len(states), size):
            here = slice(start, start + size)
            part, wanted = states[here].to(dtype), targets[here, None]
            logits = (part @ columns).to(states.dtype)
            logits[:, 0] = -torch.inf
            error = torch.softmax(logits, dim=1)
            total -= error.gather(1, wanted).clamp_(min=TINY).log_().sum()
            error.scatter_add_(1, wanted, error.new_full(wanted.shape, -1.0))
            error = error.to(dtype)
            state_gradient[here] = error @ rows
            table_gradient += error.T @ part
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


LOSSES: dict[str, Loss] = {"cross-entropy": cross_entropy, "sampled": sampled, "gbce": gbce, "bpr": bpr}
SHARED = ("sampled", "gbce")
"""Those whose number of negatives can be chosen."""

AUTO = "auto"
MANY_ITEMS = 30_000
"""Above so many items "auto" is the sampled softmax: the full one would take nearly all of a step."""


def chosen_loss(name: str, n_items: int) -> str:
    """What "auto" is for a catalogue of `n_items`; any other name is itself. Raises UsageError with the near miss."""
    if name == AUTO:
        return "sampled" if n_items > MANY_ITEMS else "cross-entropy"
    if name not in LOSSES:
        raise UsageError(unknown("loss", name, [AUTO, *LOSSES]))
    return name


def loss_of(name: str, negatives: int | None = None) -> Loss:
    """The loss called `name`. `negatives` (None: the loss's own number) is for those that draw some and share them."""
    return partial(LOSSES[name], negatives=negatives) if name in SHARED else LOSSES[name]


def precision_of(name: str, states: Tensor) -> str:
    """In which precision the loss called `name` takes its large products of such `states`: "bfloat16" or "float32"."""
    in_chunks = name in ("cross-entropy", "sampled")
    return str(product_type(states) if in_chunks else states.dtype).removeprefix("torch.")
