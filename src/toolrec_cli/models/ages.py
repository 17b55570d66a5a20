"""How long ago: differences of times in classes that double, which a time-aware transformer learns a number or a vector for.

After the relative time bias of HSTU (Zhai et al., arXiv 2402.17152), but from the history's times alone: when the next item
will be is told to nobody.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

N_AGES = 32
"""Class 0: at the same time or later. Class c: 2^(c - 1) units of time or more, and less than 2^c; the last has no end."""


def classes(ages: Tensor) -> Tensor:
    """Differences (int64, any shape) -> their classes (int32). Exact: a class depends on nothing beside it.

    It is read off the exponent as a float has it, three times as fast as a search. The bit below the leading one is cleared
    before, so that nothing is rounded up to the next power of two.
    """
    near = ages.clamp(0, 2 ** (N_AGES - 2)).int()
    near &= ~(near >> 1)
    return (near.float().view(torch.int32) >> 23).sub_(126).clamp_(min=0)


def ages_between(times: Tensor) -> Tensor:
    """times [B, T] -> [B, T, T]: the class of how long before i (the first T) j (the second) was."""
    return classes(times[:, :, None] - times[:, None, :])


def gaps_before(times: Tensor) -> Tensor:
    """times [B, T] -> [B, T]: 1 + the class of the time since the position before; 0 at the first, before which is nothing."""
    gaps = torch.zeros_like(times)
    gaps[:, 1:] = classes(times[:, 1:] - times[:, :-1]) + 1
    return gaps


def by_class(table: Tensor, ages: Tensor) -> Tensor:
    """What a table [N, H] has for each class: ages [B, T, T] -> [B, H, T, T]."""
    if table.device.type == "cpu":
        return cast("Tensor", _ByClass.apply(table, ages))
    return functional.embedding(ages, table).permute(0, 3, 1, 2)


class _ByClass(torch.autograd.Function):
    """The look-up with a gradient that is counted: an embedding's own adds row by row, twelve times as slowly."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ages: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(ages)
        ctx.n_classes = len(table)
        flat = ages.flatten()
        return torch.stack([column.index_select(0, flat).view(ages.shape) for column in table.unbind(1)], dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        flat = ctx.saved_tensors[0].flatten()
        of_heads = [each.flatten().double() for each in gradients[0].unbind(1)]
        counted = [torch.bincount(flat, weights=each, minlength=ctx.n_classes) for each in of_heads]
        return torch.stack(counted, dim=1).to(gradients[0].dtype), None
