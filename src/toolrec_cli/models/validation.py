"""How good a model is now: NDCG@10 of held-out validation items, ranked among all items not in the history."""

from collections.abc import Sequence

import numpy as np
import torch

from toolrec_cli.errors import CheckError
from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.models.windows import IntArray, ItemArray

BLOCK = 256
"""Users whose scores are held at once, or fewer where the pool is large: at most SCORES numbers."""

SCORES = 1 << 26


@torch.no_grad()
def ndcg(
    queries: FloatArray,
    table: torch.Tensor,
    items: ItemArray,
    offsets: IntArray,
    targets: ItemArray,
    k: int = 10,
    *,
    allowed: Sequence[IntArray] | None = None,
) -> float:
    """Mean NDCG@k; the rank is counted (how many items score at least as high), so nothing is sorted.

    A target that the user has already is masked like the rest of the history, and so a miss, as in `eval`.

    queries [n_users, D], table [N + 1, D], targets [n_users] (item_index); `allowed`: for each user the only items that
    compete (None: all). Raises CheckError when a score is no number: nothing compares as higher than one, so a ruined model
    would rank everything first.
    """
    block = max(1, min(BLOCK, SCORES // len(table)))
    gains: list[FloatArray] = []
    for b in range(0, len(queries), block):
        scores = _scores(queries[b : b + block], table)
        wanted = torch.from_numpy(targets[b : b + block].astype(np.int64))[:, None]
        _hide(scores, items, offsets[b : b + block + 1])
        of_target = scores.gather(1, wanted)
        scores.scatter_(1, wanted, -torch.inf)
        if allowed is not None:
            _keep(scores, allowed[b : b + block])
        rank = (scores >= of_target).sum(dim=1) + 1
        in_reach = torch.isfinite(of_target[:, 0]) & (rank <= k)
        gains.append(torch.where(in_reach, 1.0 / torch.log2(rank + 1.0), 0.0).numpy())
    return float(np.concatenate(gains).mean()) if gains else 0.0


def unseen_scores(queries: FloatArray, table: torch.Tensor, items: ItemArray, offsets: IntArray) -> torch.Tensor:
    """The score of every item for every user, [n_users, N + 1]; −inf for the padding and what is in the history.

    `items` is everybody's, `offsets` [n_users + 1] are these users'. Raises CheckError when a score is no number.
    """
    scores = _scores(queries, table)
    _hide(scores, items, offsets)
    return scores


def _scores(queries: FloatArray, table: torch.Tensor) -> torch.Tensor:
    scores = torch.from_numpy(queries) @ table.T.cpu()
    if not torch.isfinite(scores).all():
        raise CheckError(
            "The model scores items with numbers that are not finite.", hint="Try a lower --learning-rate."
        )
    return scores


def _hide(scores: torch.Tensor, items: ItemArray, offsets: IntArray) -> None:
    """The padding and everybody's history get −inf, in place."""
    owners = np.repeat(np.arange(len(scores)), np.diff(offsets))
    seen = items[offsets[0] : offsets[-1]].astype(np.int64)
    scores[torch.from_numpy(owners), torch.from_numpy(seen)] = -torch.inf
    scores[:, 0] = -torch.inf


def _keep(scores: torch.Tensor, allowed: Sequence[IntArray]) -> None:
    """All but the items `allowed` of each user get −inf, in place."""
    owners = np.repeat(np.arange(len(scores)), [len(each) for each in allowed])
    kept = torch.zeros(scores.shape, dtype=torch.bool)
    kept[torch.from_numpy(owners), torch.from_numpy(np.concatenate([*allowed]))] = True
    scores.masked_fill_(~kept, -torch.inf)
