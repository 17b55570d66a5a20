"""How many places apart: distances of positions, each a class of its own up to REACH, which attention learns a number for.

After the relative attention bias of T5 (Raffel et al., arXiv 1910.10683), which HSTU has beside that of times. A gap to be filled
has nothing of its own to go by: without such a number it takes long to learn which items are its neighbours.
"""

import torch
from torch import Tensor

REACH = 32
"""Farther apart is as far apart as this."""

N_DISTANCES = 2 * REACH + 1
"""Class REACH: the position itself; the classes below are of earlier positions, those above of later ones."""

STEEPEST, LESS = 0.5, 0.2
"""How much the first head favours each nearer position at the beginning; every further head LESS times as much."""


def first_guess(n_heads: int) -> Tensor:
    """The numbers to begin with: the nearer the better, as in ALiBi (Press et al., arXiv 2108.12409). [N_DISTANCES, H]."""
    away = (torch.arange(N_DISTANCES) - REACH).abs()
    return -away[:, None] * (STEEPEST * LESS ** torch.arange(n_heads))


def among(places: Tensor) -> Tensor:
    """Of every two of positions with these places [T], the class of the second (the last T) as seen from the first. [1, T, T]."""
    return _classes(places - places[:, None])[None]


def from_one(place: Tensor, n: int) -> Tensor:
    """The classes of `n` positions as seen from one of each sequence, `place` [B]. [B, T]."""
    return _classes(torch.arange(n, device=place.device) - place[:, None])


def _classes(apart: Tensor) -> Tensor:
    return apart.clamp(-REACH, REACH) + REACH
