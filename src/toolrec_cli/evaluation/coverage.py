"""How much of the catalogue anybody is shown at all."""

from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.significance import Interval

IntArray = npt.NDArray[np.integer[Any]]
_Z = 1.96


def coverage(lists: IntArray, n_items: int) -> Interval:
    """The share of the catalogue that is in somebody's list (Ge et al., RecSys 2010). lists [n_users, n], 0 = none.

    It is no mean over users, and a bootstrap resample, which holds fewer different users, shows fewer items: so its 95 %
    interval is that of the delete-one jackknife, by which a user takes away what he alone is shown.
    """
    shown = [np.unique(row[row > 0]) for row in lists]
    owners = np.bincount(np.concatenate([*shown, np.zeros(0, np.int64)]).astype(np.int64), minlength=n_items + 1)
    share = float((owners > 0).sum() / n_items)
    alone = np.array([(owners[row] == 1).sum() for row in shown]) / n_items
    n = len(lists)
    error = float(np.sqrt((n - 1) / max(n, 1) * ((alone - alone.mean()) ** 2).sum())) if n > 1 else 0.0
    return Interval(share, max(0.0, share - _Z * error), min(1.0, share + _Z * error), n)
