"""How far a list's make-up is from its history's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.labels import FloatArray, IntArray, LabelTable

ItemArray = npt.NDArray[np.integer[Any]]
_BLOCK = 256


def miscalibration(
    lists: ItemArray, items: ItemArray, offsets: IntArray, labels: Mapping[str, LabelTable]
) -> FloatArray:
    """Jensen–Shannon divergence, in bits, of a list's labels to its history's, the mean over attributes; 0 is calibrated.

    After Steck (RecSys 2018), who smooths Kullback–Leibler instead; this is finite without smoothing, and at most 1 (Lin 1991).
    User u's history is items[offsets[u]:offsets[u + 1]]. [n_users], NaN where list or history has no label at all.
    """
    found = np.full((len(labels), len(lists)), np.nan)
    for place, table in enumerate(labels.values()):
        for start in range(0, len(lists), _BLOCK):
            stop = min(start + _BLOCK, len(lists))
            mine = items[offsets[start] : offsets[stop]].astype(np.int64)
            owner = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
            wanted = table.shares(mine, owner, stop - start)
            rows, places = np.nonzero(lists[start:stop])
            listed = table.shares(lists[start:stop][rows, places].astype(np.int64), rows, stop - start)
            found[place, start:stop] = jensen_shannon(wanted, listed)
    known = ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        return np.nansum(found, axis=0) / known.sum(axis=0)


def jensen_shannon(p: FloatArray, q: FloatArray) -> FloatArray:
    """½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½ (p + q), base 2; NaN where either is all 0. p, q [B, L] -> [B]."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        both = [np.where(x > 0, x * np.log2(x / middle), 0.0).sum(axis=1) for x in (p, q)]
    known = (p.sum(axis=1) > 0) & (q.sum(axis=1) > 0)
    return np.where(known, (both[0] + both[1]) / 2, np.nan)
