"""How long ago: differences of times in classes that double, which a time-aware transformer learns a number or a vector for.

After the relative time bias of HSTU (Zhai et al., arXiv 2402.17152), but from the history's times alone: when the next item
will be is told to nobody.
"""

import torch
from torch import Tensor

N_AGES = 32
"""Class 0: at the same time or later. Class c: 2^(c - 1) units of time or more, and less than 2^c; the last has no end."""


def classes(ages: Tensor) -> Tensor:
    """Differences (int64, any shape) -> their classes. Integers alone are compared: a class depends on nothing beside it."""
    begins = 2 ** torch.arange(N_AGES - 1, device=ages.device)
    return torch.bucketize(ages, begins, right=True)


def ages_between(times: Tensor) -> Tensor:
    """times [B, T] -> [B, T, T]: the class of how long before i (the first T) j (the second) was."""
    return classes(times[:, :, None] - times[:, None, :])


def gaps_before(times: Tensor) -> Tensor:
    """times [B, T] -> [B, T]: 1 + the class of the time since the position before; 0 at the first, before which is nothing."""
    gaps = torch.zeros_like(times)
    gaps[:, 1:] = classes(times[:, 1:] - times[:, :-1]) + 1
    return gaps
