"""BERT4Rec (Sun et al., arXiv 1904.06690): a transformer that sees both sides and is trained to fill gaps.

The next item is found as one more gap, behind the newest item.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from toolrec_cli.models.ends import View
from toolrec_cli.models.objectives import cloze, cloze_at_ends
from toolrec_cli.models.targets import Lessons
from toolrec_cli.models.transformer import PLAIN, Transformer, initialise


@dataclass(frozen=True)
class BERT4RecConfig:
    """Shape of the model. `max_length` counts the newest items it reads; `mask_ratio` is the share hidden in training.

    `ends`: whether it learns in many places of a history what comes next, besides filling gaps (`ends.py`).
    """

    n_items: int
    embedding_size: int = 64
    n_layers: int = 2
    n_heads: int = 2
    max_length: int = 200
    dropout: float = 0.2
    mask_ratio: float = 0.2
    ends: bool = False
    time_aware: bool = False
    """Whether it reads when the items of the history were (never when the next one will be)."""
    relative_positions: bool = False
    """Whether attention learns, too, how much two items mean to each other by how many places they are apart."""
    blocks: str = PLAIN
    """Its kind of block: one of `transformer.BLOCKS`."""


class BERT4Rec(nn.Module):
    """Item sequence -> a state a position; the one at the newest item is that of a gap behind it."""

    Config = BERT4RecConfig
    causal: ClassVar[bool] = False

    def __init__(self, config: BERT4RecConfig) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(config.n_items + 1, config.embedding_size, padding_idx=0)
        self.gap = nn.Parameter(torch.empty(config.embedding_size))
        self.transformer = Transformer(
            config.embedding_size,
            config.n_layers,
            config.n_heads,
            config.max_length + 1,
            config.dropout,
            causal=False,
            time_aware=config.time_aware,
            relative_positions=config.relative_positions,
            blocks=config.blocks,
        )
        initialise(self)
        nn.init.normal_(self.gap, std=0.02)

    @property
    def item_vectors(self) -> Tensor:
        """The item table e_v [N + 1, D]; row 0 is padding."""
        return self.items.weight

    def forward(self, items: Tensor, lengths: Tensor, times: Tensor | None = None) -> Tensor:
        """items [B, T] (right-padded), lengths [B], times [B, T] -> states [B, T, D].

        At t, of what stands at t + 1; at the end, of a gap that is as old as the newest item.
        """
        behind = torch.arange(items.shape[1] + 1, device=items.device) == lengths[:, None]
        longer = nn.functional.pad(items, (0, 1))
        longest = None if times is None else torch.cat([times, times[:, -1:]], dim=1)
        return self.filled(longer, lengths + 1, behind, longest)[:, 1:]

    def filled(
        self, items: Tensor, lengths: Tensor, gaps: Tensor, times: Tensor | None = None, view: View | None = None
    ) -> Tensor:
        """items [B, T], lengths [B], gaps [B, T] (which items are hidden from it) -> states [B, T, D].

        `view`: what is seen from where, if not everything from everywhere.
        """
        known = self.items(items.masked_fill(gaps, 0))
        scale = self.config.embedding_size**0.5
        return self.transformer(torch.where(gaps[..., None], self.gap, known) * scale, lengths, times, view)

    def examples(self, lessons: Lessons) -> tuple[Tensor, Tensor]:
        """The objective: gaps are filled, the newest item always being one of them. (states [P, D], targets [P])."""
        objective = cloze_at_ends if self.config.ends else cloze
        return objective(self, lessons, self.config.mask_ratio)


BACKBONE = BERT4Rec
