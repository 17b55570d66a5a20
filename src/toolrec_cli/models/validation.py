"""How good a model is now: NDCG@10 of held-out validation items, ranked among all items not in the history."""

import numpy as np
import torch

from toolrec_cli.errors import CheckError
from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.models.windows import IntArray, ItemArray

BLOCK = 256


@torch.no_grad()
def ndcg(
    queries: FloatArray, table: torch.Tensor, items: ItemArray, offsets: IntArray, targets: ItemArray, k: int = 10
) -> float:
    """Mean NDCG@k; the rank is counted (how many items score at least as high), so nothing is sorted.

    queries [n_users, D], table [N + 1, D], targets [n_users] (item_index). Raises CheckError when a score is no number:
    nothing compares as higher than one, so a ruined model would rank everything first.
    """
    gains = [
        _gains(queries[b : b + BLOCK], table, items, offsets[b : b + BLOCK + 1], targets[b : b + BLOCK], k)
        for b in range(0, len(queries), BLOCK)
    ]
    return float(np.concatenate(gains).mean()) if gains else 0.0


def _gains(
    queries: FloatArray, table: torch.Tensor, items: ItemArray, offsets: IntArray, targets: ItemArray, k: int
) -> FloatArray:
    scores = torch.from_numpy(queries) @ table.T.cpu()
    wanted = torch.from_numpy(targets.astype(np.int64))[:, None]
    if not torch.isfinite(scores).all():
        raise CheckError(
            "The model scores items with numbers that are not finite.", hint="Try a lower --learning-rate."
        )
    of_target = scores.gather(1, wanted)
    owners = np.repeat(np.arange(len(queries)), np.diff(offsets))
    seen = items[offsets[0] : offsets[-1]].astype(np.int64)
    scores[torch.from_numpy(owners), torch.from_numpy(seen)] = -torch.inf
    scores[:, 0] = -torch.inf
    scores.scatter_(1, wanted, -torch.inf)
    rank = (scores >= of_target).sum(dim=1) + 1
    return torch.where(rank <= k, 1.0 / torch.log2(rank + 1.0), 0.0).numpy()
