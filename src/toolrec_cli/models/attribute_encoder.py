"""The attribute-oriented retrieval tool of ToolRec (arXiv 2405.15114, section 3.3), second stage.

The backbone β is frozen. An attribute sequence encoder reads the attributes of the history, a = f_attr(attributes | γ); a
dense layer fuses it with the backbone's state, u = Dense(a ⊕ H | θ). Only γ and θ learn.

Beyond the paper, where φ(u, v) = u · e_v with the backbone's item table alone, the candidate's own attribute is matched too:
φ(u, v) = u₁ · e_v + u₂ · P attr(v). Both halves come from the dense layer; u₂ also gets what prevailed lately, Σ_h c_h m_h, where
m_h is the mean of the history's attribute vectors with an exponential decay of half-life h and the c_h are learned. All starts as
"u₁ = H, u₂ = 0", so that an untrained encoder is exactly its backbone.
"""

import copy
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from toolrec_cli.models.features import ItemFeatures
from toolrec_cli.models.transformer import Transformer, initialise, steady

HALF_LIVES = (0.5, 2.0, 8.0, 32.0)
"""In items. How fast the four means forget."""

GAIN = 30.0
"""The few c_h have to move further than any other weight, and would not within an epoch or two at the rate of the rest."""

VALUE_STD = 0.2
"""Initial spread of the values' vectors: wide, so that from the start two values differ and a mean of vectors says of which."""


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the encoder. `embedding_size` is the attribute tower's width, `backbone_size` the backbone's."""

    attribute: str
    backbone_size: int
    max_length: int
    embedding_size: int = 32
    n_layers: int = 2
    n_heads: int = 2
    dropout: float = 0.2
    text_encoder: str = ""
    """Directory of the model by whose vectors a text is read, too ("" is none)."""
    text_digest: str = ""
    """That model's."""


class AttributeEncoder(nn.Module):
    """Attribute sequence + frozen states -> fused states in the backbone's item space."""

    labels: Tensor
    weights: Tensor
    starts: Tensor
    numbers: Tensor
    vectors: Tensor | None

    def __init__(self, config: EncoderConfig, features: ItemFeatures) -> None:
        super().__init__()
        self.config = config
        width = config.embedding_size
        self._read(features)
        self.values = nn.Embedding(features.n_labels, width, padding_idx=0)
        self.slope = nn.Linear(1, width, bias=False)
        self.transformer = Transformer(width, config.n_layers, config.n_heads, config.max_length, config.dropout)
        self.dense = nn.Linear(width + config.backbone_size, config.backbone_size + width)
        self.candidate = nn.Linear(width, width, bias=False)
        self.lately = nn.Parameter(torch.zeros(len(HALF_LIVES)))
        n = None if features.vectors is None else features.vectors.shape[1]
        self.reading = None if n is None else nn.Linear(n, width, bias=False)
        initialise(self)
        self._start_at_the_backbone()

    def _read(self, features: ItemFeatures) -> None:
        for name in ("labels", "weights", "starts", "numbers", "vectors"):
            self.register_buffer(name, getattr(features, name), persistent=False)

    def over(self, features: ItemFeatures) -> Self:
        """The same weights over other values of the items."""
        found = copy.deepcopy(self)
        found._read(features)
        return found

    @property
    def own_backbone(self) -> Any | None:
        """The backbone that was trained with it; None: it stands on a frozen one."""
        return None

    def _start_at_the_backbone(self) -> None:
        width = self.config.embedding_size
        with torch.no_grad():
            self.dense.weight[:] = 0.0
            self.dense.weight[: self.config.backbone_size, width:] = torch.eye(self.config.backbone_size)
            self.candidate.weight[:] = torch.eye(width)
            nn.init.normal_(self.values.weight, std=VALUE_STD)[0] = 0.0
            nn.init.normal_(self.slope.weight, std=VALUE_STD)
            if self.reading is not None:
                nn.init.normal_(self.reading.weight, std=VALUE_STD)

    @property
    def is_its_backbone(self) -> bool:
        """Whether it is as it began, because no epoch made it better: then `u` is the backbone's state, and zeros."""
        beginning = torch.zeros_like(self.dense.weight)
        beginning[: self.config.backbone_size, self.config.embedding_size :] = torch.eye(self.config.backbone_size)
        rest = bool(self.dense.bias.any()) or bool(self.lately.any())
        return not rest and torch.equal(self.dense.weight, beginning)

    def attribute_vectors(self, items: Tensor) -> Tensor:
        """The attribute of each item as a vector: its labels' vectors + its number (+ its text). [B, T] -> [B, T, D]."""
        wanted, place = _distinct(items)
        return functional.embedding(place, self._vectors(wanted))

    def _vectors(self, items: Tensor) -> Tensor:
        """The same of each of `items` [U] -> [U, D]; zero for the padding, which has no label."""
        counts = self.starts[items + 1] - self.starts[items]
        begins = counts.cumsum(0) - counts
        first = (self.starts[items] - begins).repeat_interleave(counts)
        at = first + torch.arange(len(first), device=items.device)
        found = functional.embedding_bag(
            self.labels[at].long(), self.values.weight, begins, mode="sum", per_sample_weights=self.weights[at]
        )
        found = found + self.slope(self.numbers[items][:, None])
        if self.reading is not None and self.vectors is not None:
            found = found + self.reading(self.vectors[items])
        return found * self.config.embedding_size**0.5

    def forward(self, items: Tensor, lengths: Tensor, states: Tensor) -> Tensor:
        """items [B, T], lengths [B], frozen states [B, T, backbone_size] -> u = u₁ ⊕ u₂ [B, T, query_size]."""
        attributes = self.attribute_vectors(items)
        u = self.dense(torch.cat([self.transformer(attributes, lengths), states], dim=-1))
        u1, u2 = u.split([self.config.backbone_size, self.config.embedding_size], dim=-1)
        return torch.cat([u1, u2 + self._lately(attributes)], dim=-1)

    def at_end(self, items: Tensor, lengths: Tensor, states: Tensor) -> Tensor:
        """What `forward` gives at the newest item alone, without dropout. states [B, backbone_size] -> [B, query_size]."""
        if self.is_its_backbone:
            return functional.pad(states, (0, self.config.embedding_size))
        attributes = self.attribute_vectors(items)
        u = self.dense(steady(torch.cat([self.transformer.at_end(attributes, lengths), states], dim=-1)))[:, 0]
        u1, u2 = u.split([self.config.backbone_size, self.config.embedding_size], dim=-1)
        age = (lengths[:, None] - 1).clamp(min=0) - torch.arange(items.shape[1], device=items.device)
        shares = torch.stack([_shares(age, half_life) for half_life in HALF_LIVES], dim=-1)
        counts = (GAIN * self.lately * shares).sum(dim=-1, keepdim=True)
        lately = (counts * attributes).sum(dim=1)
        return torch.cat([u1, u2 + lately], dim=-1)

    def _lately(self, attributes: Tensor) -> Tensor:
        """Σ_h c_h m_h at every position. [B, T, D] -> [B, T, D]."""
        position = torch.arange(attributes.shape[1], device=attributes.device)
        age = position[:, None] - position
        shares = [_shares(age, half_life) for half_life in HALF_LIVES]
        return torch.einsum("h,hts,bsd->btd", GAIN * self.lately, torch.stack(shares), attributes)

    def item_vectors(self, table: Tensor) -> Tensor:
        """e_v ⊕ P attr(v), to be matched with u. table [N + 1, backbone_size] -> [N + 1, query_size]."""
        attributes = self._vectors(torch.arange(len(self.numbers), device=self.numbers.device))
        return torch.cat([table, self.candidate(attributes)], dim=-1)

    @property
    def query_size(self) -> int:
        """Width of u: the backbone's and the attribute tower's."""
        return self.config.backbone_size + self.config.embedding_size


def _distinct(items: Tensor) -> tuple[Tensor, Tensor]:
    """(each item once [U], where each of `items` stands among them, in their shape)."""
    return torch.unique(items, return_inverse=True)  # pyright: ignore[reportUnknownVariableType]


def _shares(age: Tensor, half_life: float) -> Tensor:
    """How much each item counts for a mean that forgets; age [..., T] in items, negative for what is yet to come."""
    weights = torch.where(age >= 0, 0.5 ** (age.clamp(min=0) / half_life), 0.0)
    return weights / weights.sum(dim=-1, keepdim=True)
