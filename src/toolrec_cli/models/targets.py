"""Which interactions are learnt, and what is read before each: histories cut into windows for training.

A history longer than a model reads is left at its newest items, or cut so that every interaction but the first is a target
exactly once. A window that does not begin where the history begins may carry some items before its targets, for context.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.models.windows import IntArray, Windows

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
    times: Tensor | None = None
    """When each was, [B, T]."""

    def to(self, device: torch.device) -> "Lessons":
        """The same batch on another device."""
        times = None if self.times is None else self.times.to(device)
        return Lessons(self.items.to(device), self.lengths.to(device), self.learnt.to(device), self.rows, times)

    @property
    def input_times(self) -> Tensor | None:
        """When the inputs of `next_items` were, [B, T − 1]; in the padding, when the newest was. No target tells its own."""
        if self.times is None:
            return None
        newest = (self.lengths[:, None] - 2).clamp(min=0)
        position = torch.arange(self.times.shape[1] - 1, device=self.times.device)
        return self.times.gather(1, torch.minimum(position, newest))

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

    def newest(self, n: int) -> "TargetWindows":
        """The same windows with at most their `n` newest targets."""
        return TargetWindows(self.windows, np.minimum(self.fresh, n))

    def one_by_one(self) -> "TargetWindows":
        """A window for every target, which ends with it, in the same order.

        For models that see both sides: exactly what is read where a list is asked for stands before each target.
        """
        stops = self.windows.stops.repeat(self.fresh)
        later = np.repeat(np.cumsum(self.fresh), self.fresh) - np.arange(len(stops)) - 1
        starts = self.windows.starts.repeat(self.fresh)
        alone = Windows(self.windows.items, starts, stops - later, self.windows.times)
        return TargetWindows(alone, np.ones_like(starts))

    def lessons(self, rows: IntArray) -> Lessons:
        """The windows `rows` as one batch."""
        batch = self.windows.padded(rows)
        position = torch.arange(batch.items.shape[1])
        first = batch.lengths - torch.from_numpy(self.fresh[rows])
        learnt = (position >= first[:, None]) & (position < batch.lengths[:, None])
        return Lessons(batch.items, batch.lengths, learnt, rows, batch.times)


def target_windows(
    histories: Interactions, max_length: int, targets: str = "all", context: float = CONTEXT
) -> TargetWindows:
    """Windows of at most max_length + 1 items (an input and its next item overlap) over everybody's history.

    `targets` "newest" gives one window a user. Raises InputError when nobody has two interactions, UsageError for any
    other `targets`.
    """
    if targets not in TARGETS:
        raise UsageError(unknown("choice of targets", targets, TARGETS))
    offsets = histories.offsets
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
    return TargetWindows(Windows(histories.items, starts, stops, histories.timestamps), fresh)
