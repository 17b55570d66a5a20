"""What an attribute encoder reads of an item: labels to look up and a number, for every kind of attribute.

A numeric attribute enters twice: as a quantile bucket and as its standardised value, added to the bucket's vector.
(The released code repeats the number over the whole vector, which LayerNorm then cancels: `PAPER` defect 2.)
"""

import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.data.catalog import Catalog, Kind
from toolrec_cli.errors import UsageError

MAX_LABELS = 16
"""Labels read of one item; the rest of a longer list is left out."""

N_BUCKETS = 16
N_HASHES = 4096
MISSING = 1
"""The label of an item without a value: a state of its own. 0 is padding."""


@dataclass(frozen=True)
class ItemFeatures:
    """`labels` [N + 1, M] (0 = none), `numbers` [N + 1] (standardised, 0 where there is none), `n_labels` incl. 0."""

    labels: Tensor
    numbers: Tensor
    n_labels: int


def item_features(catalog: Catalog, attribute: str) -> ItemFeatures:
    """The features of every item. Raises UsageError for an attribute that cannot tell any two items apart."""
    found = catalog.attribute(attribute)
    values = catalog.values(attribute)
    if found.n_values < 2 or all(value == values[1] for value in values[1:]):
        reason = "no item has a value" if found.n_values == 0 else "every value is the same"
        raise UsageError(f"An encoder cannot learn from {attribute!r}: {reason}.", hint="Choose another attribute.")
    if found.kind is Kind.NUMERIC:
        return _numeric(values)
    if found.kind is Kind.TEXT:
        return _labels([_hashed_words(value) for value in values])
    return _labels([_listed(value) for value in values])


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [*value] if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _hashed_words(value: str | None) -> list[int]:
    words = re.findall(r"\w+", (value or "").lower())
    return sorted({zlib.crc32(word.encode()) % N_HASHES for word in words})


def _labels(lists: list[list[Any]]) -> ItemFeatures:
    vocabulary = {value: MISSING + 1 + i for i, value in enumerate(sorted({v for values in lists for v in values}))}
    width = min(MAX_LABELS, max(1, max(map(len, lists))))
    labels = np.zeros((len(lists), width), dtype=np.int64)
    for row, values in enumerate(lists):
        known = [vocabulary[value] for value in values[:width]] or [MISSING]
        labels[row, : len(known)] = known
    labels[0] = 0
    return ItemFeatures(torch.from_numpy(labels), torch.zeros(len(lists)), len(vocabulary) + MISSING + 1)


def _numeric(values: list[float | None]) -> ItemFeatures:
    raw = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = np.isfinite(raw)
    edges = np.unique(np.quantile(raw[known], np.linspace(0, 1, N_BUCKETS + 1)[1:-1]))
    labels = np.where(known, MISSING + 1 + np.searchsorted(edges, raw, side="right"), MISSING)
    labels[0] = 0
    numbers = np.where(known, _standardised(raw, known), 0.0)
    return ItemFeatures(
        torch.from_numpy(labels[:, None].astype(np.int64)),
        torch.from_numpy(numbers.astype(np.float32)),
        MISSING + len(edges) + 2,
    )


def _standardised(raw: np.ndarray[Any, np.dtype[np.float64]], known: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Zero mean, unit variance; the logarithm first where a long right tail would drown the rest (skewness above 2)."""
    sample = raw[known]
    spread = sample.std() or 1.0
    skewed = ((sample - sample.mean()) ** 3).mean() / spread**3 > 2
    if skewed and sample.min() >= 0:
        raw = np.log1p(raw)
        sample = raw[known]
    return (raw - sample.mean()) / (sample.std() or 1.0)
