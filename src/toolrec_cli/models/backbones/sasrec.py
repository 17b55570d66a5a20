"""SASRec (Kang and McAuley, arXiv 1808.09781): a causal transformer over the item sequence, next item by dot product."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from toolrec_cli.models.objectives import next_item
from toolrec_cli.models.targets import Lessons
from toolrec_cli.models.transformer import PLAIN, Transformer, initialise


@dataclass(frozen=True)
class SASRecConfig:
    """Shape of the model. `max_length` counts the newest items it reads."""

    n_items: int
    embedding_size: int = 64
    n_layers: int = 2
    n_heads: int = 1
    max_length: int = 200
    dropout: float = 0.2
    time_aware: bool = False
    """Whether it reads when the items of the history were (never when the next one will be)."""
    relative_positions: bool = False
    """Whether attention learns, too, how much two items mean to each other by how many places they are apart."""
    blocks: str = PLAIN
    """Its kind of block: one of `transformer.BLOCKS`."""


class SASRec(nn.Module):
    """Item sequence -> a state a position, trained to lie near the next item's vector."""

    Config = SASRecConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: SASRecConfig) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(config.n_items + 1, config.embedding_size, padding_idx=0)
        self.transformer = Transformer(
            config.embedding_size,
            config.n_layers,
            config.n_heads,
            config.max_length,
            config.dropout,
            time_aware=config.time_aware,
            relative_positions=config.relative_positions,
            blocks=config.blocks,
        )
        initialise(self)

    @property
    def item_vectors(self) -> Tensor:
        """The item table e_v [N + 1, D]; row 0 is padding."""
        return self.items.weight

    def forward(self, items: Tensor, lengths: Tensor, times: Tensor | None = None) -> Tensor:
        """items [B, T] (right-padded), lengths [B], times [B, T] -> states [B, T, D]."""
        scale = self.config.embedding_size**0.5
        return self.transformer(self.items(items) * scale, lengths, times)

    def examples(self, lessons: Lessons) -> tuple[Tensor, Tensor]:
        """The objective: every position finds the item after it. (states [P, D], targets [P])."""
        return next_item(self, lessons)

    def at_end(self, items: Tensor, lengths: Tensor, times: Tensor | None = None) -> Tensor:
        """The state at the newest item alone, without dropout. [B, D]."""
        scale = self.config.embedding_size**0.5
        return self.transformer.at_end(self.items(items) * scale, lengths, times)


BACKBONE = SASRec
