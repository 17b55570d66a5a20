"""The labels of every item as numbers, so that many lists are compared at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.facets import Facets

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MOST_LABELS = 12
"""Labels looked at of one item; the rest of a longer list is left out."""


@dataclass(frozen=True)
class LabelTable:
    """`ids` [N + 1, M]: the labels of each item by number from 1, each once, 0 where it has fewer; `n` counts labels."""

    ids: IntArray
    n: int

    def shares(self, items: IntArray, owner: IntArray, n_owners: int) -> FloatArray:
        """What each owner's items are made of: an item's weight is split evenly among its labels. [n_owners, n].

        items and owner [M]. A row sums to 1, or is 0 where no item has a label.
        """
        ids = self.ids[items]
        weights = 1.0 / np.maximum((ids > 0).sum(axis=1), 1)
        keys = owner[:, None] * (self.n + 1) + ids
        totals = np.bincount(keys.ravel(), np.repeat(weights, ids.shape[1]), n_owners * (self.n + 1)).reshape(
            n_owners, self.n + 1
        )[:, 1:]
        return totals / np.maximum(totals.sum(axis=1, keepdims=True), 1e-12)


def label_tables(facets: Facets) -> dict[str, LabelTable]:
    """The table of every attribute that has labels."""
    return {name: _table(facets, name) for name in facets.attributes}


def _table(facets: Facets, name: str) -> LabelTable:
    numbers = {label: place for place, label in enumerate(facets.names(name), start=1)}
    known = [[numbers[label] for label in dict.fromkeys(labels)][:MOST_LABELS] for labels in facets.labels(name)]
    ids = np.zeros((len(known), max(1, *map(len, known))), np.int64)
    for row, found in enumerate(known):
        ids[row, : len(found)] = found
    return LabelTable(ids, len(numbers))
