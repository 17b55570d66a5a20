"""What every runner of a race needs, with NumPy alone: the data, the clock, and NDCG@10 as all are measured by it.

A runner is a script `sasrec_NAME.py DATA BUDGET` in the environment of its library. It trains, and between its steps prints
lines of JSON by `Race.lap`; time spent on scoring is not counted.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
SHAPE = {"width": 64, "layers": 2, "length": 200}
"""What all models have in common, where a library does not advise another length; the rest is each library's own."""


@dataclass(frozen=True)
class Data:
    """Histories by user, oldest first, items from 1. `train` and `known` are (offsets, items); `known` ends before the test."""

    train: tuple[IntArray, IntArray]
    known: tuple[IntArray, IntArray]
    targets: IntArray
    """The test item of every user; 0 = none."""
    n_items: int
    times: dict[str, IntArray] | None = None
    """When the items of `train` and of `known` were, by these names; None: nobody is told."""

    def newest(self, user: int, length: int) -> IntArray:
        """What a model may read of a user when it is asked for the test item."""
        offsets, items = self.known
        return items[max(offsets[user], offsets[user + 1] - length) : offsets[user + 1]]

    def lists(self, part: tuple[IntArray, IntArray]) -> list[IntArray]:
        """Everybody's history in `part`."""
        offsets, items = part
        return [items[a:b] for a, b in pairwise(offsets)]


def read(path: str) -> Data:
    """The data as `backbones.py` wrote it."""
    found = np.load(path)
    train, known = ((found[f"{name}_offsets"], found[f"{name}_items"]) for name in ("train", "known"))
    times = {name: found[f"{name}_times"] for name in ("train", "known") if f"{name}_times" in found}
    return Data(train, known, found["targets"], int(found["n_items"]), times or None)


def ndcg(data: Data, scores_of: Callable[[IntArray], Any], block: int = 256) -> float:
    """Mean NDCG@10 of the test items among all items that are not in the history; ties count against the target.

    scores_of: users [n] -> scores of the items 1 to N, [n, N].
    """
    asked, gains = np.flatnonzero(data.targets > 0), list[npt.NDArray[np.float64]]()
    offsets, items = data.known
    for start in range(0, len(asked), block):
        users = asked[start : start + block]
        scores = np.asarray(scores_of(users), dtype=np.float32)
        if scores.shape != (len(users), data.n_items) or not np.isfinite(scores).all():
            raise SystemExit(
                f"scores of shape {scores.shape} for {len(users)} users and {data.n_items} items, or not finite"
            )
        of_target = scores[np.arange(len(users)), data.targets[users] - 1]
        for row, user in enumerate(users):
            scores[row, items[offsets[user] : offsets[user + 1]] - 1] = -np.inf
        rank = (scores >= of_target[:, None]).sum(axis=1)  # the target is among them, unless it is in the history
        seen = np.array([data.targets[u] in items[offsets[u] : offsets[u + 1]] for u in users])
        gains.append(np.where((rank <= 10) & ~seen, 1 / np.log2(rank + 1.0), 0.0))
    return float(np.concatenate(gains).mean())


class Race:
    """The clock of a runner: processor time of all threads since it began, scoring left out."""

    def __init__(self, data: Data, budget: float, every: float = 0.0) -> None:
        """budget, every: CPU-seconds; `every` so many a lap is measured at the earliest."""
        self._data, self._budget, self._every = data, budget, every
        self._begun, self._out, self._last = time.process_time(), 0.0, 0.0

    @property
    def cpu(self) -> float:
        return time.process_time() - self._begun - self._out

    def due(self) -> bool:
        """Whether it is time for a lap."""
        return self.cpu - self._last >= self._every or self.is_over()

    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self.cpu >= self._budget

    def lap(self, positions: int, scores_of: Callable[[IntArray], Any]) -> None:
        """Score the model as it is and print the line; `positions`: targets learnt so far."""
        self._last = cpu = self.cpu
        before = time.process_time()
        found = ndcg(self._data, scores_of)
        self._out += time.process_time() - before
        print(json.dumps({"cpu": cpu, "positions": positions, "ndcg": found}), flush=True)


def arguments() -> tuple[Data, float]:
    """(data, budget in CPU-seconds) from the command line."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    return read(sys.argv[1]), float(sys.argv[2])
