"""What an attribute encoder reads of an item: labels to look up and a number, for every kind of attribute.

A number enters twice: as a bucket and as its standardised value, added to the bucket's vector. (The released code repeats the
number over the whole vector, which LayerNorm then cancels: `PAPER` defect 2.) A text is a bag of hashed words and parts
of words, the rarer the weightier.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from toolrec_cli.data.catalog import Catalog, Kind
from toolrec_cli.data.reading.dates import days_since_1970
from toolrec_cli.errors import UsageError

FloatArray = npt.NDArray[np.float64]

MAX_LABELS = 64
"""Labels read of one item; the rest of a longer list is left out."""

MAX_GRAMS = 256
"""Words and parts of words read of one text: about forty words."""

N_BUCKETS = 16
"""Numbers of more than so many values are cut into so many buckets of about as many items each; of fewer, every value is one."""

N_HASHES = 8192
MISSING = 1
"""The label of an item without a value: a state of its own. 0 is padding."""


@dataclass(frozen=True)
class ItemFeatures:
    """Item i has `labels[starts[i]:starts[i + 1]]` (from 1 to n_labels − 1; the padding, item 0, none) and `numbers[i]`.

    `weights` go with `labels`; `starts` [N + 2], `numbers` [N + 1] (standardised, 0 where there is none); `n_labels` counts 0.
    """

    labels: Tensor
    weights: Tensor
    starts: Tensor
    numbers: Tensor
    n_labels: int
    vectors: Tensor | None = None
    """Those of a text encoder, [N + 1, V]; None: there is none."""

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[int]], n_labels: int, numbers: Tensor | None = None) -> "ItemFeatures":
        """From everybody's labels by item_index, all of one item weighing alike, 1 in sum.

        Who has none gets MISSING, but for the padding.
        """
        full: list[Sequence[int]] = [[], *(labels or [MISSING] for labels in lists[1:])]
        counts = np.array([len(labels) for labels in full])
        starts = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
        weights = torch.from_numpy((1 / np.maximum(counts, 1)).repeat(counts).astype(np.float32))
        flat = torch.tensor([label for labels in full for label in labels], dtype=torch.int32)
        return cls(flat, weights, starts, torch.zeros(len(full)) if numbers is None else numbers, n_labels)

    def rare_ones_first(self) -> "ItemFeatures":
        """The same with labels weighed by how few items have them, log((N + 1) / n), of length 1 for each item (TF-IDF).

        What every item has says nothing, and weighs nothing.
        """
        counts = self.starts[1:] - self.starts[:-1]
        bearers = torch.bincount(self.labels.long(), minlength=self.n_labels)
        rarity = torch.log(len(self.numbers) / bearers[self.labels.long()].double())
        owners = torch.arange(len(counts)).repeat_interleave(counts)
        length = torch.zeros(len(counts), dtype=torch.float64).index_add(0, owners, rarity**2).sqrt()
        return replace(self, weights=(rarity / length[owners].clamp(min=1e-9)).float())

    def of(self, item_index: int) -> list[int]:
        """The labels of one item."""
        return [int(label) for label in self.labels[self.starts[item_index] : self.starts[item_index + 1]]]


def item_features(catalog: Catalog, attribute: str, vectors: Tensor | None = None) -> ItemFeatures:
    """The features of every item; `vectors` [N + 1, V] of a text encoder go with those of a text.

    Raises UsageError for an attribute that cannot tell any two items apart.
    """
    found = catalog.attribute(attribute)
    values = catalog.values(attribute)
    if found.n_values < 2 or all(value == values[1] for value in values[1:]):
        reason = "no item has a value" if found.n_values == 0 else "every value is the same"
        raise UsageError(f"An encoder cannot learn from {attribute!r}: {reason}.", hint="Choose another attribute.")
    if found.kind is Kind.NUMERIC:
        return _numeric([np.nan if value is None else value for value in values])
    if found.kind is Kind.DATE:
        return _numeric(days_since_1970(values).tolist())
    if found.kind is Kind.TEXT:
        grams = [hashed_grams(value or "") for value in values]
        return replace(ItemFeatures.of_lists(grams, N_HASHES + MISSING + 1).rare_ones_first(), vectors=vectors)
    return _labels([_listed(value) for value in values])


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [*value] if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def hashed_grams(text: str) -> list[int]:
    """The labels of a text: every word, and every three letters of it with its ends marked, each once, whatever their case.

    "A cat" -> those of <a>, <cat>, <ca, cat, at>. So "cats" shares most of "cat", and a misspelt word most of the right one.
    Words come first: what is cut off behind MAX_GRAMS is parts of words.
    """
    words = list(dict.fromkeys(f"<{word}>" for word in re.findall(r"\w+", text.lower())))
    parts = [word[at : at + 3] for word in words for at in range(len(word) - 2)]
    grams = list(dict.fromkeys([*words, *parts]))[:MAX_GRAMS]
    return sorted({MISSING + 1 + zlib.crc32(gram.encode()) % N_HASHES for gram in grams})


def _labels(lists: list[list[Any]]) -> ItemFeatures:
    vocabulary = {value: MISSING + 1 + i for i, value in enumerate(sorted({v for values in lists for v in values}))}
    labels = [[vocabulary[value] for value in values[:MAX_LABELS]] for values in lists]
    return ItemFeatures.of_lists(labels, len(vocabulary) + MISSING + 1)


def _numeric(values: Sequence[float]) -> ItemFeatures:
    """`values` by item_index, NaN where there is none (as for the padding)."""
    raw = np.array(values, dtype=np.float64)
    known = np.isfinite(raw)
    edges = _edges(raw[known])
    labels = np.where(known, MISSING + 1 + np.searchsorted(edges, raw, side="right"), MISSING)
    numbers = np.where(known, _standardised(raw, known), 0.0)
    return ItemFeatures.of_lists(
        labels[:, None].tolist(), MISSING + len(edges) + 2, torch.from_numpy(numbers.astype(np.float32))
    )


def _edges(known: FloatArray) -> FloatArray:
    """What separates the buckets, ascending: quantiles, or where there are few values (stars, sizes, age limits) each but one."""
    levels = np.unique(known)
    if len(levels) <= N_BUCKETS:
        return levels[1:]
    return np.unique(np.quantile(known, np.linspace(0, 1, N_BUCKETS + 1)[1:-1]))


def _standardised(raw: FloatArray, known: Any) -> FloatArray:
    """Zero mean, unit variance; the logarithm first where a long right tail would drown the rest (skewness above 2)."""
    sample = raw[known]
    spread = sample.std() or 1.0
    skewed = ((sample - sample.mean()) ** 3).mean() / spread**3 > 2
    if skewed and sample.min() >= 0:
        raw = np.log1p(raw)
        sample = raw[known]
    return (raw - sample.mean()) / (sample.std() or 1.0)
