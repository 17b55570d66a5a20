"""What the newest tenth of all interactions is with, the same for everybody (Ji et al., SIGIR 2020: popularity moves)."""

import numpy as np

from toolrec_cli.evaluation.baseline import Evidence, FloatArray, ItemArray


def scores(evidence: Evidence, history: ItemArray) -> FloatArray:
    """The share of the newest interactions: popularity times its trend. [N + 1]."""
    return np.exp(evidence.trend) * evidence.popularity


BASELINE = scores
