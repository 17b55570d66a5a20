"""A small listwise ranker: which of a user's candidates is the next item, from a few numbers about each.

Two layers and a linear path beside them, softmax over the candidates of one user, cross-entropy on the held-out validation item
(ListNet with one relevant item; Cao et al., ICML 2007).
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from toolrec_cli.errors import CheckError
from toolrec_cli.seeds import stream, stream_seed

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


LEAST = 20
"""Users to learn from, below which nothing is fitted at all."""


@dataclass(frozen=True)
class Lists:
    """Candidates of some users: `values` [M, F]; user u's rows are `offsets[u]:offsets[u + 1]`, `wanted` [U] one of them."""

    values: FloatArray
    offsets: IntArray
    wanted: IntArray

    def __len__(self) -> int:
        return len(self.wanted)


@dataclass(frozen=True)
class FitSettings:
    """How to fit. Of the users, drawn by the seed, the share `held_back` says when to stop, and `scored` how well it went."""

    hidden: int = 48
    epochs: int = 60
    patience: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    dropout: float = 0.1
    batch_size: int = 64
    held_back: float = 0.15
    scored: float = 0.1
    seed: int = 42


class Listwise(nn.Module):
    """Features, standardised inside -> one score a candidate."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: FloatArray, scale: FloatArray, settings: FitSettings) -> None:
        super().__init__()
        n = len(mean)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.straight = nn.Linear(n, 1, bias=False)
        self.widen = nn.Linear(n, settings.hidden)
        self.narrow = nn.Linear(settings.hidden, 1, bias=False)
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.zeros_(self.straight.weight)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, values: Tensor) -> Tensor:
        """[M, F] -> [M]."""
        x = (values - self.mean) * self.scale
        hidden = self.dropout(functional.relu(self.widen(x)))
        return (self.straight(x) + self.narrow(hidden)).squeeze(-1)


@dataclass(frozen=True)
class Fitted:
    """The model to keep; and, of users who neither fitted it nor chose when to stop, NDCG@10 of each, and by the first column.

    The figures are of a model fitted without these users; the one that is kept has then learned from them too.
    """

    model: Listwise
    gains: npt.NDArray[np.float64]
    first_column_gains: npt.NDArray[np.float64]

    @property
    def ndcg(self) -> float:
        """The mean NDCG@10 among the candidates."""
        return float(self.gains.mean())


def fit(lists: Lists, settings: FitSettings, on_epoch: Callable[[int, str], None]) -> Fitted:
    """Fit on most users, stop by some, score on the rest; then fit again on all but those who say when to stop.

    `on_epoch` gets the epoch and how it went, in words. Raises CheckError when there are too few users to learn from.
    """
    held, used = _divided(lists, settings)
    n_scored = max(5, int(settings.scored * len(lists)))
    scored, rest = used[:n_scored], used[n_scored:]
    model = _fitted(lists, rest, held, settings, on_epoch)
    gains, first = _gains(model, lists, scored), _gains(lambda values: values[:, 0], lists, scored)
    return Fitted(_fitted(lists, used, held, settings, on_epoch), gains, first)


def fit_alone(lists: Lists, settings: FitSettings) -> Listwise:
    """The model that `fit` keeps, without figures of how well it went."""
    held, used = _divided(lists, settings)
    return _fitted(lists, used, held, settings, lambda _, __: None)


def _divided(lists: Lists, settings: FitSettings) -> tuple[IntArray, IntArray]:
    """Who says when to stop, and the rest, drawn by the seed."""
    if len(lists) < LEAST:
        raise CheckError(
            f"Only {len(lists)} users have their validation item among the candidates: too few to learn from.",
            hint="Train the backbone longer, or tune on more users.",
        )
    order = stream(settings.seed, "tune", "users").permutation(len(lists))
    n_held = max(5, int(settings.held_back * len(lists)))
    return order[:n_held], order[n_held:]


def _fitted(
    lists: Lists, used: IntArray, held: IntArray, settings: FitSettings, on_epoch: Callable[[int, str], None]
) -> Listwise:
    torch.manual_seed(stream_seed(settings.seed, "tune", "weights"))
    mean = lists.values.mean(axis=0)
    model = Listwise(mean, (1.0 / np.maximum(lists.values.std(axis=0), 1e-6)).astype(np.float32), settings)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    best, best_state, best_epoch = -1.0, copy.deepcopy(model.state_dict()), 0
    for epoch in range(1, settings.epochs + 1):
        loss = _one_epoch(model, lists, used, optimiser, settings, epoch)
        now = float(_gains(model.eval(), lists, held).mean())
        on_epoch(epoch, f"loss {loss:.3f} · NDCG@10 {now:.4f}")
        if now > best:
            best, best_state, best_epoch = now, copy.deepcopy(model.state_dict()), epoch
        if epoch - best_epoch >= settings.patience:
            break
    model.load_state_dict(best_state)
    return model.eval()


def _one_epoch(
    model: Listwise, lists: Lists, users: IntArray, optimiser: torch.optim.Optimizer, settings: FitSettings, epoch: int
) -> float:
    model.train()
    total = 0.0
    order = stream(settings.seed, "tune", epoch).permutation(users)
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        scores, wanted = _padded(model, lists, batch)
        loss = functional.cross_entropy(scores, wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(batch)
    return total / len(order)


def _padded(model: Callable[[Tensor], Tensor], lists: Lists, users: IntArray) -> tuple[Tensor, Tensor]:
    """Scores [B, K] of the users' candidates, minus infinity where a list is shorter; and which one is wanted [B]."""
    starts = lists.offsets[users]
    lengths = lists.offsets[users + 1] - starts
    rows = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
    scores = torch.full((len(users), int(lengths.max())), -math.inf)
    place = torch.from_numpy(np.arange(int(lengths.max()))) < torch.from_numpy(lengths)[:, None]
    scores[place] = model(torch.from_numpy(lists.values[rows]))
    return scores, torch.from_numpy(lists.wanted[users])


@torch.no_grad()
def _gains(model: Callable[[Tensor], Tensor], lists: Lists, users: IntArray) -> npt.NDArray[np.float64]:
    """NDCG@10 of each user among his candidates."""
    gains: list[Tensor] = []
    for start in range(0, len(users), 256):
        scores, wanted = _padded(model, lists, users[start : start + 256])
        mine = scores.gather(1, wanted[:, None])
        rank = (scores >= mine).sum(dim=1)  # itself too; ties count against it
        gains.append(torch.where(rank <= 10, 1.0 / torch.log2(rank + 1.0), 0.0))
    return torch.cat(gains).numpy().astype(np.float64)
