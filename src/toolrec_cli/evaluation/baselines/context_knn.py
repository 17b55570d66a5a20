"""What came next where others had met the same items: sequence-aware nearest neighbours (Ludewig and Jannach, UMUAI 2018)."""

import numpy as np

from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.baseline import Evidence, FloatArray, ItemArray
from toolrec_cli.models.contexts import WAYS

_TIE = 1e-9
"""What popularity counts beside: it orders what stands in no context."""


def scores(evidence: Evidence, history: ItemArray) -> FloatArray:
    """What the neighbours of the newest items speak for, as a share, the first way. [N + 1].

    Raises UsageError where histories were not kept.
    """
    if evidence.contexts is None:
        raise UsageError("Histories were not kept.", hint="Leave the baseline context-knn out.")
    found = evidence.contexts.neighbours(history).following(WAYS[0], evidence.contexts.n_items)
    found[history] = 0.0
    share = found / max(float(found.sum()), 1e-12)
    return (share + _TIE * evidence.popularity).astype(np.float32)


BASELINE = scores
