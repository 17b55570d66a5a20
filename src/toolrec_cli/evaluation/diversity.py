"""How unlike each other the items of one list are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.labels import LabelTable

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]
_BLOCK = 512


def diversity(lists: IntArray, labels: Mapping[str, LabelTable]) -> FloatArray:
    """Intra-list diversity (Ziegler et al., WWW 2005): the mean of 1 − Jaccard of the labels over pairs, then over attributes.

    Pairs in which an item has no label of an attribute do not count for it. [n_users], NaN where no pair counts.
    """
    found = np.full((len(labels), len(lists)), np.nan)
    for place, table in enumerate(labels.values()):
        for start in range(0, len(lists), _BLOCK):
            found[place, start : start + _BLOCK] = _of_attribute(lists[start : start + _BLOCK], table)
    known = ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        return np.nansum(found, axis=0) / known.sum(axis=0)


def _of_attribute(lists: IntArray, table: LabelTable) -> FloatArray:
    ids = np.where(lists[:, :, None] > 0, table.ids[lists], 0)
    sizes = (ids > 0).sum(axis=2)
    total, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    for first in range(lists.shape[1] - 1):
        mine, others = ids[:, first], ids[:, first + 1 :]
        shared = ((mine[:, None, :, None] == others[:, :, None, :]) & (mine[:, None, :, None] > 0)).sum(axis=(2, 3))
        either = sizes[:, first, None] + sizes[:, first + 1 :] - shared
        counted = (sizes[:, first, None] > 0) & (sizes[:, first + 1 :] > 0)
        total += np.where(counted, 1.0 - shared / np.maximum(either, 1), 0.0).sum(axis=1)
        pairs += counted.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return total / pairs
