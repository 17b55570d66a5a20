"""Losses for catalogues too large to score whole at every step: negatives are drawn evenly and shared by the batch.

Shared, they are one small table that all states are multiplied with; of one's own for every target they would have to be
gathered, which costs more than scoring a few thousand items. A drawn item that is a target's own is no negative of that target.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from toolrec_cli.models.precision import TINY, product_type, targets_at_once

N_SAMPLED = 3000
"""Negatives of the sampled softmax, as in published results that equal the full one."""

N_GBCE = 256
"""Negatives of gBCE (gSASRec's own)."""

CALIBRATION = 0.75
"""t of gBCE: 0 is plain binary cross-entropy, 1 corrects all of what sampling overstates."""


def sampled(states: Tensor, table: Tensor, targets: Tensor, negatives: int | None = None) -> Tensor:
    """Mean of −log softmax over the target and K drawn items, corrected for how likely each was drawn (logQ).

    With q = 1/N the logit of a drawn item is s − log(K q), so that the sum over the K drawn ones is on average the sum over
    all items but the target (Bengio and Senécal, 2008; Jean et al., arXiv 1412.2007). From K = N on every item is taken once.
    """
    drawn, shift = _drawn(len(table) - 1, negatives or N_SAMPLED, table.device)
    return _SharedSoftmax.apply(states, table[targets], table[drawn], targets, drawn, shift)  # pyright: ignore[reportReturnType, reportUnknownVariableType]


def gbce(states: Tensor, table: Tensor, targets: Tensor, negatives: int | None = None) -> Tensor:
    """Generalised binary cross-entropy, −(β log σ(s⁺) + Σ log(1 − σ(s⁻))) / (K + 1) (gSASRec, arXiv 2308.07192).

    β = α (t (1 − 1/α) + 1/α) with the sampling rate α = K / (N − 1) and t = CALIBRATION.
    """
    n_items = len(table) - 1
    drawn, _ = _drawn(n_items, negatives or N_GBCE, table.device)
    alpha = min(1.0, len(drawn) / max(1, n_items - 1))
    beta = alpha * (CALIBRATION * (1 - 1 / alpha) + 1 / alpha)
    positive = functional.softplus(-(states * table[targets]).sum(dim=-1))
    own = targets[:, None] == drawn
    negative = functional.softplus((states @ table[drawn].T).masked_fill(own, -torch.inf)).sum(dim=-1)
    return ((beta * positive + negative) / (len(drawn) + 1)).mean()


def _drawn(n_items: int, n: int, device: torch.device) -> tuple[Tensor, float]:
    """(item_index of the negatives [K], −log(K q)): even draws, or every item once where there are no more."""
    if n >= n_items:
        return torch.arange(1, n_items + 1, device=device), 0.0
    return torch.randint(1, n_items + 1, (n,), device=device), math.log(n_items / n)


class _SharedSoftmax(torch.autograd.Function):
    """Cross-entropy of each target against shared negatives, some targets at a time, gradients formed in the forward pass.

    states [P, D], positives [P, D] (the vectors of `targets` [P]), others [K, D] (the vectors of `drawn` [K]) -> a scalar.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, positives: Tensor, others: Tensor, targets: Tensor, drawn: Tensor, shift: float
    ) -> Tensor:
        dtype = product_type(states)
        of_states, of_positives = torch.empty_like(states), torch.empty_like(positives)
        of_others, total = torch.zeros_like(others), states.new_zeros(())
        rows, columns = others.to(dtype), others.to(dtype).T.contiguous()
        met = torch.isin(targets, drawn)
        size = targets_at_once(states, len(drawn))
        for at in range(0, len(states), size):
            here = slice(at, at + size)
            part, own = states[here], positives[here]
            share = _shares(part, own, columns, shift, (met[here], targets[here], drawn))
            total -= share[:, 0].clamp(min=TINY).log().sum()
            error, left = share[:, 1:].to(dtype), share[:, :1] - 1
            of_states[here] = (error @ rows).to(states.dtype) + left * own
            of_positives[here] = left * part
            of_others += error.T @ part.to(dtype)
        ctx.save_for_backward(of_states, of_positives, of_others)
        ctx.n = len(states)
        return total / len(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradients[0] / ctx.n
        return (*(found * scale for found in ctx.saved_tensors), None, None, None)


def _shares(states: Tensor, own: Tensor, columns: Tensor, shift: float, met: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The softmax over a target and the negatives, [P, 1 + K]. `met`: (which targets were drawn, the targets, the drawn)."""
    logits = states.new_empty((len(states), 1 + columns.shape[1]))
    logits[:, 0] = (states * own).sum(dim=-1)
    logits[:, 1:] = (states.to(columns.dtype) @ columns).to(states.dtype) + shift
    which, targets, drawn = met
    if which.any():
        rows = which.nonzero()[:, 0]
        twice = targets[rows, None] == drawn
        logits[rows, 1:] = logits[rows, 1:].masked_fill(twice, -torch.inf)
    return torch.softmax(logits, dim=1)
