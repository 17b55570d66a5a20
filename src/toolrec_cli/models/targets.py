"""Which interactions are learnt, and what is read before each: histories cut into windows for training.

A history longer than a model reads is left at its newest items, or cut so that every interaction but the first is a target
exactly once. A window that does not begin where the history begins may carry some items before its targets, for context.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.models.windows import IntArray, ItemArray, Windows

TARGETS = ("all", "newest")
"""Learn every interaction, or everybody's newest max_length alone."""

CONTEXT = 0.0
"""Share of max_length that only lends context in a window that begins in the midst of a history: on ML-1M none pays."""


@dataclass(frozen=True)
class Lessons:
    """One batch: `items` [B, T] (right-padded with 0), `lengths` [B], `learnt` [B, T] (which of the items are targets)."""

    items: Tensor
    lengths: Tensor
    learnt: Tensor
    rows: IntArray

    def to(self, device: torch.device) -> "Lessons":
        """The same batch on another device."""
        return Lessons(self.items.to(device), self.lengths.to(device), self.learnt.to(device), self.rows)

    def next_items(self) -> tuple[Tensor, Tensor, Tensor]:
        """(inputs [B, T − 1], lengths [B], next items [B, T − 1], 0 where there is nothing to learn)."""
        targets = torch.where(self.learnt, self.items, 0)
        return self.items[:, :-1], self.lengths - 1, targets[:, 1:]


@dataclass(frozen=True)
class TargetWindows:
    """Windows, and of how many of their newest items each is to learn: `fresh` [n_windows], from 1 to length − 1."""

    windows: Windows
    fresh: IntArray

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def n_targets(self) -> int:
        return int(self.fresh.sum())

    def lessons(self, rows: IntArray) -> Lessons:
        """The windows `rows` as one batch."""
        batch = self.windows.padded(rows)
        position = torch.arange(batch.items.shape[1])
        first = batch.lengths - torch.from_numpy(self.fresh[rows])
        learnt = (position >= first[:, None]) & (position < batch.lengths[:, None])
        return Lessons(batch.items, batch.lengths, learnt, rows)


def target_windows(
    items: ItemArray, offsets: IntArray, max_length: int, targets: str = "all", context: float = CONTEXT
) -> TargetWindows:
    """Windows of at most max_length + 1 items (an input and its next item overlap) over everybody's history.

    `targets` "newest" gives one window a user. Raises InputError when nobody has two interactions, UsageError for any
    other `targets`.
    """
    if targets not in TARGETS:
        raise UsageError(unknown("choice of targets", targets, TARGETS))
    enough = np.diff(offsets) >= 2
    if not enough.any():
        raise InputError("Nobody has two interactions to learn an order from.", hint="Prepare more data.")
    begins, ends = offsets[:-1][enough], offsets[1:][enough]
    stride = max(1, max_length - round(context * max_length))
    earlier = np.maximum(0, -(-(ends - begins - 1 - max_length) // stride)) if targets == "all" else 0 * ends
    owner = np.repeat(np.arange(len(ends)), earlier + 1)
    back: IntArray = np.arange(len(owner)) - np.repeat(np.cumsum(earlier + 1) - earlier - 1, earlier + 1)
    stops = ends[owner] - back * stride
    starts = np.maximum(begins[owner], stops - max_length - 1)
    fresh = np.where(back == earlier[owner], stops - starts - 1, stride)
    return TargetWindows(Windows(items, starts, stops), fresh)
