"""The lists that are compared: each tool alone, and the fusion of all, for the same users."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolrec_cli.tools.fusion import RRF_CONSTANT
from toolrec_cli.tools.retrieve import Scorer, masked, top_k

IntArray = npt.NDArray[np.int64]

DEPTH = 100
"""How far down each tool's list the fusion looks."""

FUSION = "rrf"


def row_name(attribute: str) -> str:
    """What the row of a retrieval tool is called."""
    return f"retrieve:{attribute}"


def tool_lists(
    scorer: Scorer, user_index: int, history: npt.NDArray[np.int32], n: int, attributes: Sequence[str | None]
) -> tuple[list[IntArray], IntArray]:
    """One user's best `n` by each tool (in the order of `attributes`), and by reciprocal-rank fusion of all of them."""
    lists: list[IntArray] = []
    agreement: npt.NDArray[np.float32] | None = None
    for attribute in attributes:
        scores = masked(scorer.scores(attribute, user_index), history)
        best = top_k(scores, max(DEPTH, n))
        lists.append(best[:n])
        if agreement is None:
            agreement = np.full(len(scores), -np.inf, dtype=np.float32)
        known = np.maximum(agreement[best], 0.0)
        agreement[best] = known + 1.0 / (RRF_CONSTANT + 1 + np.arange(len(best), dtype=np.float32))
    return lists, top_k(agreement, n) if agreement is not None else np.zeros(0, np.int64)


def padded(items: Sequence[int] | IntArray, n: int) -> IntArray:
    """A list as a row of length `n`; 0 where it is short."""
    row = np.zeros(n, dtype=np.int64)
    row[: min(n, len(items))] = items[:n]
    return row
