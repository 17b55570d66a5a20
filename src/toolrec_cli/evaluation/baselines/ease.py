"""What the whole history predicts, order left aside, by a linear model in closed form: EASE (Steck, WWW 2019)."""

import numpy as np

from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.baseline import Evidence, FloatArray, ItemArray


def scores(evidence: Evidence, history: ItemArray) -> FloatArray:
    """The sum of the history's item weights; an item that is in it twice counts once. [N + 1].

    Raises UsageError where the weights were not computed.
    """
    if evidence.ease is None:
        raise UsageError("EASE's item weights were not computed.", hint="Leave the baseline ease out.")
    return evidence.ease[np.unique(history)].sum(axis=0)


BASELINE = scores
