"""Histories -> query vectors, for a backbone and any number of attribute encoders on it, in one pass.

Work is cut into blocks of one shape ([BLOCK, one of a few widths]) that depends on a user's own history alone, so that a
user gets the same vector alone or among six thousand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.windows import Batch, IntArray, ItemArray, Windows

FloatArray = npt.NDArray[np.float32]
BLOCK = 16
WIDTHS = (16, 32, 64, 128)
"""Histories are padded to the first of these that holds them, else to max_length."""


class Backbone(Protocol):
    """A sequential model whose state at the newest item is matched against `item_vectors` [N + 1, D]."""

    @property
    def config(self) -> Any: ...
    @property
    def item_vectors(self) -> Tensor: ...
    def __call__(self, items: Tensor, lengths: Tensor) -> Tensor: ...
    def eval(self) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...


def blocks(lengths: IntArray, max_length: int) -> Iterator[tuple[IntArray, int]]:
    """(rows, width): the rows of one padded width, at most BLOCK at a time."""
    widths = np.array([w for w in WIDTHS if w < max_length] + [max_length])
    wanted = np.searchsorted(widths, lengths)
    for index, width in enumerate(widths):
        rows = np.flatnonzero(wanted == index)
        for start in range(0, len(rows), BLOCK):
            yield rows[start : start + BLOCK], int(width)


@torch.no_grad()
def encode(
    backbone: Backbone, encoders: Mapping[str, AttributeEncoder], items: ItemArray, offsets: IntArray
) -> dict[str | None, FloatArray]:
    """Query vectors [n_users, query size] by attribute; None is the plain backbone. An empty history gets zeros."""
    windows = Windows.newest(items, offsets, backbone.config.max_length)
    sizes: dict[str | None, int] = {None: backbone.config.embedding_size}
    sizes |= {name: encoder.query_size for name, encoder in encoders.items()}
    found: dict[str | None, FloatArray] = {name: np.zeros((len(windows), d), np.float32) for name, d in sizes.items()}
    backbone.eval()
    for rows, padded in blocks(windows.lengths, backbone.config.max_length):
        block = np.resize(rows, BLOCK)
        batch = windows.padded(block, padded)
        states = _at_end(backbone, batch)
        for name in sizes:
            fused = states if name is None else encoders[name].eval().at_end(batch.items, batch.lengths, states)
            found[name][rows] = fused[: len(rows)].numpy()
    for queries in found.values():
        queries[windows.lengths == 0] = 0.0
    return found


def _at_end(backbone: Backbone, batch: Batch) -> Tensor:
    """The state at everybody's newest item, [B, D]; a backbone that can spare itself the others does."""
    spared = getattr(backbone, "at_end", None)
    if spared is not None:
        return spared(batch.items, batch.lengths)
    rows = torch.arange(len(batch.lengths))
    return backbone(batch.items, batch.lengths)[rows, (batch.lengths - 1).clamp(min=0)]


@torch.no_grad()
def all_states(backbone: Backbone, windows: Windows) -> Tensor:
    """The frozen states of every position of every window, one after the other: [sum of lengths, D], float32.

    With the backbone's dropout, drawn from torch's generator: undisturbed, it knows its training items by heart, and an
    encoder trained on such states learns to rely on them more than they bear out on items that are new.
    """
    starts = np.concatenate([[0], np.cumsum(windows.lengths)])
    states = torch.empty((int(starts[-1]), backbone.config.embedding_size))
    backbone.train()
    for begin in range(0, len(windows), BLOCK):
        rows = np.arange(begin, min(begin + BLOCK, len(windows)))
        batch = windows.padded(rows)
        real = batch.items > 0
        states[starts[begin] : starts[rows[-1] + 1]] = backbone(batch.items, batch.lengths)[real]
    backbone.eval()
    return states


def trainable_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
