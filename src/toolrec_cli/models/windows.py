"""Histories cut to what a model reads, and padded into batches. Nothing here holds a Python list of interactions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from toolrec_cli.data.interactions import Interactions

IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Batch:
    """Right-padded sequences: `items` [B, T] (item_index, 0 = padding), `lengths` [B], `rows` (which windows)."""

    items: Tensor
    lengths: Tensor
    rows: IntArray
    times: Tensor | None = None
    """When each was, [B, T] (int64, in the data's unit); in the padding, when the newest was. None where it is not known."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        times = None if self.times is None else self.times.to(device)
        return Batch(self.items.to(device), self.lengths.to(device), self.rows, times)


@dataclass(frozen=True)
class Windows:
    """Slices of one flat array of items: window w is `items[starts[w]:stops[w]]`, oldest first; `times` beside them."""

    items: ItemArray
    starts: IntArray
    stops: IntArray
    times: IntArray | None = None

    @classmethod
    def newest(cls, histories: Interactions, size: int) -> "Windows":
        """Everybody's newest `size` items, one window a user."""
        offsets = histories.offsets
        starts = np.maximum(offsets[:-1], offsets[1:] - size)
        return cls(histories.items, starts, offsets[1:], histories.timestamps)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> IntArray:
        return self.stops - self.starts

    def padded(self, rows: IntArray, width: int | None = None) -> Batch:
        """The windows `rows` as one right-padded batch, as wide as its longest (or `width`)."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        width = int(lengths.max(initial=1)) if width is None else width
        position = np.arange(width)
        real = position < lengths[:, None]
        index = np.where(real, starts[:, None] + position, 0)
        items = np.where(real, self.items[index] if len(self.items) else 0, 0)
        times = None
        if self.times is not None and len(self.times):
            newest = np.where(lengths > 0, starts + lengths - 1, 0)[:, None]
            times = torch.from_numpy(self.times[np.where(real, index, newest)])
        return Batch(torch.from_numpy(items.astype(np.int64)), torch.from_numpy(lengths), rows, times)

    def shuffled(self, rng: np.random.Generator, batch_size: int, bucket: int = 16) -> Iterator[IntArray]:
        """One epoch: rows in random batches of about equal length (sorted within `bucket` batches), in random order."""
        order = rng.permutation(len(self))
        step = batch_size * bucket
        batches: list[IntArray] = []
        for begin in range(0, len(order), step):
            part = order[begin : begin + step]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
        for index in rng.permutation(len(batches)):
            yield batches[index]
