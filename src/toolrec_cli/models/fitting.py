"""What is trained and how: a backbone on next items, an attribute encoder on the frozen backbone's states or with a backbone."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.company import begin_with
from toolrec_cli.models.controls import Matched, Validation
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.encoding import FloatArray, device_of, encode
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.frozen import FrozenStates, freeze, within_reach
from toolrec_cli.models.full_encoder import FullEncoder
from toolrec_cli.models.losses import chosen_loss, loss_of
from toolrec_cli.models.targets import Lessons, TargetWindows, target_windows
from toolrec_cli.models.training import Task, TrainingSettings, chosen_batch_size, train
from toolrec_cli.models.training_state import TrainingState
from toolrec_cli.models.windows import IntArray, ItemArray, Windows
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
    """What a trainer calls while it works (`keep` with all that is needed to go on), and where it goes on."""

    on_best: Callable[[], None]
    on_epoch: Callable[[Epoch], None]
    progress: Progress
    keep: Callable[[TrainingState], None] | None = None
    resumed: TrainingState | None = None
    ranks: Ranks = field(default_factory=Ranks)
    """The processes that train together."""
    every: float = math.inf
    """Seconds after which a state is kept within an epoch; after every epoch one is in any case."""


def fit_backbone(model: Any, examples: Examples, settings: TrainingSettings, watch: Watch) -> list[Epoch]:
    """Train a backbone by the objective that it declares."""
    cut = windows_of(examples, model.config.max_length, settings)
    if watch.resumed is None and watch.ranks.first:  # the others get what it has
        watch.progress("item vectors", 0, 1)
        begin_with(settings.item_vectors, model.item_vectors, examples.train, settings.seed)
        watch.progress("item vectors", 1, 1)
    device = device_of(model)
    name = chosen_loss(settings.loss, len(model.item_vectors) - 1)
    of = loss_of(name, settings.negatives)

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        states, wanted = model.examples(cut.lessons(rows).to(device))
        return of(states, model.item_vectors, wanted), len(wanted)

    validation = validation_of(examples, settings)
    task = Task(
        *_batches(f"pretrain:{name}", cut.windows, settings), loss, lambda: validation.ndcg(matched(model, validation))
    )
    return _fit(model, f"pretrain:{name}", task, settings, watch)


def frozen_states(
    backbone: Any, examples: Examples, settings: TrainingSettings, progress: Progress, known: Tensor | None = None
) -> FrozenStates:
    """What every encoder on this backbone is trained and validated on under these settings, whichever its attribute.

    `known`: the states, where they are at hand.
    """
    progress("frozen states", 0, 1)
    cut = windows_of(examples, backbone.config.max_length, settings)
    if known is None:
        torch.manual_seed(stream_seed(settings.seed, "encoder", "frozen states"))
        frozen = freeze(backbone, cut)
    else:
        frozen = FrozenStates(within_reach(backbone, cut)[0], known)
    queries = encode(backbone, {}, validation_of(examples, settings).histories)[None]
    progress("frozen states", 1, 1)
    return replace(frozen, validation=queries)


def fit_encoder(
    backbone: Any,
    encoder: AttributeEncoder,
    examples: Examples,
    settings: TrainingSettings,
    watch: Watch,
    frozen: FrozenStates | None = None,
) -> list[Epoch]:
    """Train γ and θ on the frozen backbone's states (computed here unless they are at hand).

    Epoch 0, the encoder that is still its backbone, may be the best: it is then left as it was.
    """
    frozen = frozen or frozen_states(backbone, examples, settings, watch.progress)
    return _fit_encoder(backbone, encoder, examples, settings, watch, frozen.cut, frozen.of, frozen.validation)


def fit_full(encoder: FullEncoder, examples: Examples, settings: TrainingSettings, watch: Watch) -> list[Epoch]:
    """Train γ, θ and the encoder's own backbone with its item table together; epoch 0 counts as in `fit_encoder`."""
    own = encoder.backbone
    _, cut = within_reach(own, windows_of(examples, own.config.max_length, settings))

    def states_of(lessons: Lessons) -> Tensor:
        items, lengths, _ = lessons.next_items()
        return own(items, lengths, lessons.input_times)

    return _fit_encoder(own, encoder, examples, settings, watch, cut, states_of)


def _fit_encoder(
    backbone: Any,
    encoder: AttributeEncoder,
    examples: Examples,
    settings: TrainingSettings,
    watch: Watch,
    cut: TargetWindows,
    states_of: Callable[[Lessons], Tensor],
    known: FloatArray | None = None,
) -> list[Epoch]:
    """`states_of` a batch: the backbone's at its inputs, [B, T − 1, D]; `known`: its vectors of the validation users."""
    table, device = backbone.item_vectors.detach(), device_of(encoder)
    of = loss_of(chosen_loss(settings.loss, len(table) - 1), settings.negatives)

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        lessons = cut.lessons(rows).to(device)
        items, lengths, targets = lessons.next_items()
        real = targets > 0
        wanted = targets[real]
        queries = encoder(items, lengths, states_of(lessons))[real]
        return of(queries, encoder.item_vectors(table), wanted), len(wanted)

    validation = validation_of(examples, settings)
    task = Task(
        *_batches("encoder", cut.windows, settings),
        loss,
        lambda: validation.ndcg(matched(backbone, validation, encoder, known)),
        untrained_counts=True,
    )
    return _fit(encoder, "encoder", task, settings, watch)


def windows_of(examples: Examples, max_length: int, settings: TrainingSettings) -> TargetWindows:
    """What is trained on. Raises InputError when nobody has two interactions."""
    return target_windows(examples.train, max_length, settings.targets)


def validation_of(examples: Examples, settings: TrainingSettings) -> Validation:
    """A fixed draw of users who have a validation item, by the seed alone."""
    users = np.flatnonzero((examples.validation > 0) & (examples.train.lengths() > 0))
    drawn = np.sort(stream(settings.seed, "validation users").permutation(users)[: settings.validation_users])
    return Validation(examples.train.of(drawn), examples.validation[drawn])


def matched(
    backbone: Any, validation: Validation, encoder: AttributeEncoder | None = None, known: FloatArray | None = None
) -> Matched:
    """A backbone (or an encoder on it) over the validation users; `known` as in `encode`."""
    table = backbone.item_vectors.detach()
    name = None if encoder is None else encoder.config.attribute
    encoders = {} if encoder is None or name is None else {name: encoder}
    queries = encode(backbone, encoders, validation.histories, known)[name]
    return Matched(queries, (table if encoder is None else encoder.item_vectors(table).detach()).cpu())


def _batches(
    stream_name: str, windows: Windows, settings: TrainingSettings
) -> tuple[Callable[[int], Iterator[IntArray]], int]:
    """(the batches of an epoch, how many there are)."""
    size = settings.batch_size or chosen_batch_size(float(windows.lengths.mean()))
    n = math.ceil(settings.share * -(-len(windows) // size))

    def batches(epoch: int) -> Iterator[IntArray]:
        return islice(windows.shuffled(stream(settings.seed, stream_name, epoch), size), n)

    return batches, n


def _fit(model: nn.Module, stream_name: str, task: Task, settings: TrainingSettings, watch: Watch) -> list[Epoch]:
    torch.manual_seed(stream_seed(settings.seed, stream_name, "dropout"))
    return train(
        model,
        task,
        settings,
        on_best=watch.on_best,
        on_epoch=watch.on_epoch,
        progress=watch.progress,
        keep=watch.keep,
        every=watch.every,
        resumed=watch.resumed,
        ranks=watch.ranks,
    )
