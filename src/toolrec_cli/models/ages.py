"""How long ago: differences of times in classes that double, which a time-aware transformer learns a number or a vector for.

After the relative time bias of HSTU (Zhai et al., arXiv 2402.17152), but from the history's times alone: when the next item
will be is told to nobody.
"""

from typing import Any, cast

import torch
from torch import Tensor

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
    return cast("Tensor", _ByClass.apply(table, ages))


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
        of_heads = torch.stack([each.flatten() for each in gradients[0].unbind(1)])
        summed = summed_by_bins if flat.device.type == "cpu" else summed_by_products
        return summed(flat, of_heads, ctx.n_classes).to(of_heads.dtype), None


def summed_by_bins(classes: Tensor, values: Tensor, n: int) -> Tensor:
    """The sums of each class: classes [M], values [H, M] -> [n, H] (float64). For a processor."""
    counted = [torch.bincount(classes, weights=each.double(), minlength=n) for each in values]
    return torch.stack(counted, dim=1)


AT_ONCE = 1 << 20
"""Values that are multiplied at once, [AT_ONCE, n]."""


def summed_by_products(classes: Tensor, values: Tensor, n: int) -> Tensor:
    """The same for an accelerator, whose bins do not repeat to the bit, in the precision of `values`."""
    total, every = values.new_zeros((n, len(values))), torch.arange(n, device=classes.device)
    for start in range(0, len(classes), AT_ONCE):
        here = slice(start, start + AT_ONCE)
        total += ((classes[here, None] == every).to(values.dtype).T) @ values[:, here].T
    return total
