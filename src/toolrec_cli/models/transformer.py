"""The transformer that backbones and attribute encoders share, causal or seeing both sides, of one kind of block or another.

Sequences are padded on the right, so a causal one needs no mask tensor to keep from attending to padding; positions are
counted from the end, so the newest item is always at position 0. One that is `time_aware` reads when the items were, too: see
`ages.py`. One with `relative_positions` weighs how many places apart two items are: see `distances.py`.

Shapes: `B` batch, `T` time, `D` width, `H` heads.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.models.ages import N_AGES, ages_between, by_class, gaps_before
from toolrec_cli.models.distances import among, first_guess, from_one
from toolrec_cli.models.ends import View


@dataclass(frozen=True)
class Between:
    """What attention may go by besides the states, of position j as seen from i, in classes; None: not by this.

    `ages` [B, T, T]: how long before; `distances` [1 or B, T, T]: how many places.
    """

    ages: Tensor | None = None
    distances: Tensor | None = None


NOTHING = Between()


class Block(nn.Module):
    """Self-attention and a position-wise feed-forward layer, each normalised first and added back (pre-norm)."""

    expanded: ClassVar[int] = 4
    """To how many times the width the feed-forward layer expands."""

    def __init__(
        self, width: int, n_heads: int, dropout: float, *, time_aware: bool = False, relative_positions: bool = False
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.by_age = nn.Embedding(N_AGES, n_heads) if time_aware else None
        self.by_distance = nn.Parameter(first_guess(n_heads)) if relative_positions else None
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, self.expanded * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, real: Tensor | None = None, between: Between = NOTHING) -> Tensor:
        """[B, T, D] -> [B, T, D]. `real` [B, 1, 1, T] says what may be attended to; None: what came before."""
        x = self._with_attended(x, self.mix(self._attend(self.attention_norm(x), real, between)))
        return self._with_fed(x, self._feed(self.feed_norm(x)))

    def _feed(self, x: Tensor) -> Tensor:
        """The position-wise layer."""
        return self.contract(functional.gelu(self.expand(x)))

    def _with_attended(self, x: Tensor, found: Tensor) -> Tensor:
        """What attention has found, added back."""
        return x + self.dropout(found)

    def _with_fed(self, x: Tensor, found: Tensor) -> Tensor:
        """What the position-wise layer has found, added back."""
        return x + self.dropout(found)

    def _attend(self, x: Tensor, real: Tensor | None, between: Between) -> Tensor:
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_heads, D // self.n_heads).permute(2, 0, 3, 1, 4)
        mask = real
        if self._is_biased:
            mask = self._bias(
                between, torch.ones(T, T, dtype=torch.bool, device=x.device).tril() if real is None else real
            )
        # Attention weights are not dropped out: that would leave the fused kernel and hold every [T, T] matrix.
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return mixed.transpose(1, 2).reshape(B, T, D)

    @property
    def _is_biased(self) -> bool:
        return self.by_age is not None or self.by_distance is not None

    def _bias(self, between: Between, seen: Tensor) -> Tensor:
        """What is added to the logits of attention, [1 or B, H, T, T]: by age and distance, and −inf for what is not `seen`."""
        added = torch.zeros((), device=seen.device)
        if self.by_age is not None and between.ages is not None:
            added = added + by_class(self.by_age.weight, between.ages)
        if self.by_distance is not None and between.distances is not None:
            added = added + by_class(self.by_distance, between.distances)
        return added.masked_fill(~seen, -torch.inf)

    def at(self, x: Tensor, last: Tensor, between: Between = NOTHING) -> Tensor:
        """What `forward` gives at one position of each sequence alone, not in training. x [B, T, D], last [B] -> [B, D].

        `between` is of what is seen from there, [B, 1, T].
        """
        B, T, D = x.shape
        rows = torch.arange(B, device=x.device)
        q, k, v = self.qkv(self.attention_norm(x)).view(B, T, 3, self.n_heads, D // self.n_heads).permute(2, 0, 3, 1, 4)
        seen = (torch.arange(T, device=x.device) <= last[:, None])[:, None, None]
        mask = self._bias(between, seen) if self._is_biased else seen
        mixed = functional.scaled_dot_product_attention(q[rows, :, last][:, :, None], k, v, attn_mask=mask)
        mine = self._with_attended(steady(x[rows, last]), self.mix(steady(mixed.reshape(B, D))))
        return self._with_fed(mine, self._feed(self.feed_norm(mine)))[:, 0]


class GatedBlock(Block):
    """A block of LiGR (arXiv 2502.03417), as eSASRec has it: x + σ(G x) ⊙ f(norm(x)), the feed-forward layer being a SwiGLU.

    So what stands at a position decides how much of what was found for it is added.
    """

    expanded: ClassVar[int] = 8  # two halves, of which one lets the other through

    def __init__(
        self, width: int, n_heads: int, dropout: float, *, time_aware: bool = False, relative_positions: bool = False
    ) -> None:
        super().__init__(width, n_heads, dropout, time_aware=time_aware, relative_positions=relative_positions)
        self.attention_gate = nn.Linear(width, width)
        self.feed_gate = nn.Linear(width, width)

    def _feed(self, x: Tensor) -> Tensor:
        gate, hidden = self.expand(x).chunk(2, dim=-1)
        return self.contract(functional.silu(gate) * hidden)

    def _with_attended(self, x: Tensor, found: Tensor) -> Tensor:
        return x + torch.sigmoid(self.attention_gate(x)) * self.dropout(found)

    def _with_fed(self, x: Tensor, found: Tensor) -> Tensor:
        return x + torch.sigmoid(self.feed_gate(x)) * self.dropout(found)


PLAIN, LIGR = "plain", "ligr"
BLOCKS: dict[str, type[Block]] = {PLAIN: Block, LIGR: GatedBlock}
"""The kinds of block, by name."""


STEADY = 16
"""A matrix product of few rows may round a row by its place among them; with every row so many times, it does not."""


def steady(x: Tensor) -> Tensor:
    """[B, D] -> [B, STEADY, D]: every row in a place of its own, whatever the others are."""
    return x[:, None].expand(-1, STEADY, -1).contiguous()


class Transformer(nn.Module):
    """Input vectors + positions from the end -> one state a position, which sees what came before, or (not `causal`) all."""

    def __init__(
        self,
        width: int,
        n_layers: int,
        n_heads: int,
        max_length: int,
        dropout: float,
        *,
        causal: bool = True,
        time_aware: bool = False,
        relative_positions: bool = False,
        blocks: str = PLAIN,
    ) -> None:
        """`blocks` is one of `BLOCKS`; raises UsageError for any other."""
        super().__init__()
        if blocks not in BLOCKS:
            raise UsageError(unknown("kind of block", blocks, BLOCKS))
        kind = BLOCKS[blocks]
        self.causal = causal
        self.relative_positions = relative_positions
        self.gaps = nn.Embedding(N_AGES + 1, width) if time_aware else None
        self.positions = nn.Embedding(max_length, width)
        self.dropout = nn.Dropout(dropout)
        biases = {"time_aware": time_aware, "relative_positions": relative_positions}
        self.blocks = nn.ModuleList(kind(width, n_heads, dropout, **biases) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, lengths: Tensor, times: Tensor | None = None, view: View | None = None) -> Tensor:
        """x [B, T, D], lengths [B] (how many places are real) -> [B, T, D].

        A time-aware one needs `times` [B, T] (int64), in the padding that of the newest item. Raises ValueError without.
        `view`: which place each position has, and what it sees; None: places in their order, and what `causal` says.
        """
        places = torch.arange(x.shape[1], device=x.device) if view is None else view.places
        x, real = self._placed(x, lengths, times, places), None
        if view is not None or not self.causal:
            real = (places < lengths[:, None])[:, None, None]
            real = real if view is None else real & view.seen
        between = self._between(times, places)
        for block in self.blocks:
            x = block(x, real, between)
        return self.norm(x)

    def at_end(self, x: Tensor, lengths: Tensor, times: Tensor | None = None) -> Tensor:
        """The state at the newest position alone, without dropout: about half the work. Causal ones only. -> [B, D]."""
        places, newest = torch.arange(x.shape[1], device=x.device), (lengths - 1).clamp(min=0)
        x, between = self._placed(x, lengths, times, places), self._between(times, places)
        *earlier, final = self.blocks
        for block in earlier:
            x = block(x, None, between)
        last: Any = final
        ages = None if between.ages is None else between.ages[torch.arange(len(x)), newest][:, None]
        distances = from_one(newest, x.shape[1])[:, None] if self.relative_positions else None
        return self.norm(last.at(x, newest, Between(ages, distances)))

    def _between(self, times: Tensor | None, places: Tensor) -> Between:
        ages = None if self.gaps is None or times is None else ages_between(times)
        return Between(ages, among(places) if self.relative_positions else None)

    def _placed(self, x: Tensor, lengths: Tensor, times: Tensor | None, places: Tensor) -> Tensor:
        from_end = lengths[:, None] - 1 - places
        x = x + self.positions(from_end.clamp(min=0))
        if self.gaps is not None:
            if times is None:
                raise ValueError("a time-aware transformer has to be told the times")
            x = x + self.gaps(gaps_before(times))
        return self.dropout(x)


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Every initial value in one place: normal weights, zero biases, a zero padding row."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=std)
            if part.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=std)
            if part.padding_idx is not None:
                nn.init.zeros_(part.weight[part.padding_idx].detach())
