"""What is trained and how: a backbone on next items, an attribute encoder on the frozen backbone's states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.encoding import FloatArray, all_states, encode
from toolrec_cli.models.losses import LOSSES
from toolrec_cli.models.training import Epoch, Task, TrainingSettings, train
from toolrec_cli.models.validation import ndcg
from toolrec_cli.models.windows import Batch, IntArray, ItemArray, Windows
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream, stream_seed


@dataclass(frozen=True)
class Examples:
    """Training histories, and the validation items of some users."""

    train: Interactions
    validation: ItemArray
    """item_index by user, 0 = none. Shape [n_users]."""


@dataclass(frozen=True)
class Watch:
    """What a trainer calls while it works."""

    on_best: Callable[[], None]
    on_epoch: Callable[[Epoch], None]
    progress: Progress


def fit_backbone(model: Any, examples: Examples, settings: TrainingSettings, watch: Watch) -> list[Epoch]:
    """Train every position of everybody's newest max_length + 1 items to predict the next item."""
    windows = _windows(examples.train, model.config.max_length)

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        items, lengths, targets = _shifted(windows.padded(rows))
        real = targets > 0
        wanted = targets[real]
        return LOSSES[settings.loss](model(items, lengths)[real], model.item_vectors, wanted), len(wanted)

    def match(items: ItemArray, offsets: IntArray) -> tuple[FloatArray, Tensor]:
        return encode(model, {}, items, offsets)[None], model.item_vectors.detach()

    score = _validator(examples, settings, match)
    return _fit(model, f"pretrain:{settings.loss}", windows, loss, score, settings, watch)


def fit_encoder(
    backbone: Any, encoder: AttributeEncoder, examples: Examples, settings: TrainingSettings, watch: Watch
) -> list[Epoch]:
    """Train γ and θ on the frozen backbone's states, which are computed once."""
    windows = _windows(examples.train, backbone.config.max_length)
    name = encoder.config.attribute
    watch.progress("frozen states", 0, 1)
    torch.manual_seed(stream_seed(settings.seed, f"encoder:{name}", "frozen states"))
    states = all_states(backbone, Windows(windows.items, windows.starts, windows.stops - 1))
    watch.progress("frozen states", 1, 1)
    starts = np.concatenate([[0], np.cumsum(windows.lengths - 1)])
    table = backbone.item_vectors.detach()

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        items, lengths, targets = _shifted(windows.padded(rows))
        real = targets > 0
        frozen = torch.zeros((*items.shape, states.shape[1]))
        frozen[real] = torch.cat([states[starts[row] : starts[row + 1]] for row in rows])
        wanted = targets[real]
        queries = encoder(items, lengths, frozen)[real]
        return LOSSES[settings.loss](queries, encoder.item_vectors(table), wanted), len(wanted)

    def match(items: ItemArray, offsets: IntArray) -> tuple[FloatArray, Tensor]:
        return encode(backbone, {name: encoder}, items, offsets)[name], encoder.item_vectors(table).detach()

    score = _validator(examples, settings, match)
    return _fit(encoder, f"encoder:{name}", windows, loss, score, settings, watch)


def _windows(train_part: Interactions, max_length: int) -> Windows:
    """The newest items of everybody with at least one next item to learn. Raises InputError when there is nobody."""
    every = Windows.newest(train_part.items, train_part.offsets, max_length + 1)
    enough = every.lengths >= 2
    if not enough.any():
        raise InputError("Nobody has two interactions to learn an order from.", hint="Prepare more data.")
    return Windows(every.items, every.starts[enough], every.stops[enough])


def _shifted(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """(inputs [B, T], lengths [B], next items [B, T])."""
    lengths = batch.lengths - 1
    targets = batch.items[:, 1:]
    return batch.items[:, :-1], lengths, targets


def _validator(
    examples: Examples, settings: TrainingSettings, match: Callable[[ItemArray, IntArray], tuple[FloatArray, Tensor]]
) -> Callable[[], float]:
    """NDCG@10 on a fixed draw of users who have a validation item; `match` gives (queries, item table) of histories."""
    users = np.flatnonzero((examples.validation > 0) & (examples.train.lengths() > 0))
    drawn = np.sort(stream(settings.seed, "validation users").permutation(users)[: settings.validation_users])
    items, offsets = histories_of(examples.train, drawn)
    return lambda: ndcg(*match(items, offsets), items, offsets, examples.validation[drawn])


def histories_of(interactions: Interactions, users: IntArray) -> tuple[ItemArray, IntArray]:
    """(items, offsets) of some users, in the order given."""
    lengths = interactions.lengths()[users]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    index: IntArray = np.repeat(interactions.offsets[users] - offsets[:-1], lengths) + np.arange(int(offsets[-1]))
    return interactions.items[index], offsets


def _fit(
    model: nn.Module,
    stream_name: str,
    windows: Windows,
    loss: Callable[[IntArray], tuple[Tensor, int]],
    score: Callable[[], float],
    settings: TrainingSettings,
    watch: Watch,
) -> list[Epoch]:
    torch.manual_seed(stream_seed(settings.seed, stream_name, "dropout"))

    def batches(epoch: int) -> Iterator[IntArray]:
        return windows.shuffled(stream(settings.seed, stream_name, epoch), settings.batch_size)

    n_batches = -(-len(windows) // settings.batch_size)
    task = Task(batches, n_batches, loss, score)
    return train(model, task, settings, on_best=watch.on_best, on_epoch=watch.on_epoch, progress=watch.progress)
