"""Histories -> query vectors, for a backbone and any number of attribute encoders on it, in one pass.

Work is cut into blocks of one shape (so many histories, one of a few widths) that depends on a user's own history alone, so
that a user gets the same vector alone or among six thousand.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.windows import Batch, IntArray, Windows

FloatArray = npt.NDArray[np.float32]
BLOCK = 16
"""Histories that are encoded at once on a processor."""

MOST, PAIRS = 512, 1 << 24
"""On an accelerator as many as have so many pairs of places, but no more than MOST, and no fewer than BLOCK."""

WIDTHS = (16, 32, 64, 128)
"""Histories are padded to the first of these that holds them, else to max_length."""


class Backbone(Protocol):
    """A sequential model whose state at the newest item is matched against `item_vectors` [N + 1, D]."""

    @property
    def config(self) -> Any: ...
    @property
    def item_vectors(self) -> Tensor: ...
    def __call__(self, items: Tensor, lengths: Tensor, times: Tensor | None = None) -> Tensor: ...
    def eval(self) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...


def block_size(device: torch.device, max_length: int) -> int:
    """How many histories of at most `max_length` are encoded at once there."""
    return BLOCK if device.type == "cpu" else max(BLOCK, min(MOST, PAIRS // max_length**2))


def blocks(lengths: IntArray, max_length: int, size: int = BLOCK) -> Iterator[tuple[IntArray, int]]:
    """(rows, width): the rows of one padded width, at most `size` at a time."""
    widths = np.array([w for w in WIDTHS if w < max_length] + [max_length])
    wanted = np.searchsorted(widths, lengths)
    for index, width in enumerate(widths):
        rows = np.flatnonzero(wanted == index)
        for start in range(0, len(rows), size):
            yield rows[start : start + size], int(width)


@torch.no_grad()
def encode(
    backbone: Backbone,
    encoders: Mapping[str, AttributeEncoder],
    histories: Interactions,
    known: FloatArray | None = None,
) -> dict[str | None, FloatArray]:
    """Query vectors [n_users, query size] by attribute; None is the plain backbone. An empty history gets zeros.

    `known`, where they are at hand, are the backbone's own, [n_users, D], which need not be computed then.
    """
    windows = Windows.newest(histories, backbone.config.max_length)
    sizes: dict[str | None, int] = {None: backbone.config.embedding_size}
    sizes |= {name: encoder.query_size for name, encoder in encoders.items()}
    found: dict[str | None, FloatArray] = {name: np.zeros((len(windows), d), np.float32) for name, d in sizes.items()}
    device = device_of(backbone)
    size = block_size(device, backbone.config.max_length)
    backbone.eval()
    with _one_thread():
        for rows, padded in blocks(windows.lengths, backbone.config.max_length, size):
            block = np.resize(rows, size)
            batch = windows.padded(block, padded).to(device)
            states = _at_end(backbone, batch) if known is None else torch.from_numpy(known[block]).to(device)
            for name in sizes:
                fused = states if name is None else _fused(encoders[name].eval(), backbone, batch, states)
                found[name][rows] = fused[: len(rows)].cpu().numpy()
    for queries in found.values():
        queries[windows.lengths == 0] = 0.0
    return found


@contextmanager
def _one_thread() -> Generator[None]:
    """Several threads share a block out by rows, and round those at the seams otherwise: a vector would depend on its company."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fused(encoder: AttributeEncoder, backbone: Backbone, batch: Batch, states: Tensor) -> Tensor:
    """An encoder's query vectors: from the backbone's `states`, or from those of another that is its own."""
    own = encoder.own_backbone
    return encoder.at_end(batch.items, batch.lengths, states if own in (None, backbone) else _at_end(own, batch))


def _at_end(backbone: Any, batch: Batch) -> Tensor:
    """The state at everybody's newest item, [B, D]; a backbone that can spare itself the others does."""
    spared = getattr(backbone, "at_end", None)
    if spared is not None:
        return spared(batch.items, batch.lengths, batch.times)
    rows = torch.arange(len(batch.lengths), device=batch.lengths.device)
    return backbone(batch.items, batch.lengths, batch.times)[rows, (batch.lengths - 1).clamp(min=0)]


def device_of(model: Any) -> torch.device:
    """Where a model's numbers lie."""
    return next(model.parameters()).device


def trainable_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
