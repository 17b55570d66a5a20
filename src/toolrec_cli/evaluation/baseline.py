"""The baselines by name; each is a file in `baselines`."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from toolrec_cli.models.evidence import Evidence
from toolrec_cli.registry import Registry
from toolrec_cli.tools.retrieve import masked, top_k

__all__ = ["BASELINES", "Evidence", "FloatArray", "ItemArray", "best"]

FloatArray = npt.NDArray[np.float32]
ItemArray = npt.NDArray[np.int32]
Baseline = Callable[[Evidence, ItemArray], FloatArray]

BASELINES: Registry[Baseline] = Registry("toolrec_cli.evaluation.baselines", "BASELINE", "baseline")


def best(baseline: Baseline, evidence: Evidence, history: ItemArray, n: int) -> npt.NDArray[np.int64]:
    """The `n` best items that are not in the history (item_index), ties by item_index."""
    return top_k(masked(baseline(evidence, history), history), n)
