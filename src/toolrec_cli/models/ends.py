"""A history that ends in many places at once, so that one pass asks many times what comes next, and not once.

A model that sees both sides fills most gaps by what stands behind them; where a list is asked for, nothing does. Here items are
in blocks that see themselves and what came before, and between two blocks stands a gap that is seen by nobody (as XLNet's second
stream is, Yang et al., arXiv 1906.08237): of the items, all it has to go by are those before it, as if the history ended there.
Places are still counted from the end of the whole.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SIZES = (2, 4, 8, 16, 32, 0)
"""How many items a block may have; 0: as many as there are, which cuts a history in two."""


@dataclass(frozen=True)
class View:
    """A longer sequence of S positions, and what may be attended to in it."""

    places: Tensor
    """[S]: which place of the history each position has; a gap has that of the item behind it, and stands before it."""
    added: Tensor
    """[S] (bool): which are gaps between two blocks."""
    seen: Tensor
    """[S, S] (bool): whether the first sees the second."""

    @property
    def known(self) -> Tensor:
        """[S]: the newest item whose time a position may know: its own, and of a gap the one before it."""
        return self.places - self.added.long()


def drawn_view(n: int, device: torch.device) -> View:
    """Over histories of up to `n` items: a size drawn from SIZES, and where the first block ends."""
    size = SIZES[int(torch.randint(len(SIZES), ()))] or n
    return view(n, size, int(torch.randint(size, ())), device)


def view(n: int, size: int, ahead: int, device: torch.device) -> View:
    """Blocks of `size` items, of which the first lacks `ahead`."""
    items = torch.arange(n, device=device)
    block = (items + ahead) // size
    behind = items[1:][block[1:] != block[:-1]]
    places = torch.cat([items, behind])
    added = torch.cat([torch.zeros_like(items), torch.ones_like(behind)])
    order = (2 * places - added).argsort()
    places, added = places[order], added[order].bool()
    mine = block[places] - added.long()
    itself = torch.eye(len(places), dtype=torch.bool, device=device)
    return View(places, added, itself | (mine <= mine[:, None]) & ~added)
