"""The one training loop: warm-up and cosine decay, early stopping on validation NDCG@10, the best state kept."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import nn

from toolrec_cli.models.company import COMPANY
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.encoding import device_of
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.stepping import BatchLoss, Stepper
from toolrec_cli.models.training_state import Begun, TrainingState, captured, restore
from toolrec_cli.models.windows import IntArray
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream_seed

OnStep = Callable[[int, float, float], None]
"""Called after every step of an epoch: which one, the mean loss so far, positions a second."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. `batch_size` counts sequences; `patience` epochs without a better validation NDCG@10 end it."""

    loss: str = "auto"
    """One of `losses.LOSSES`, or "auto": by the number of items."""
    epochs: int = 24
    learning_rate: float = 2e-3
    batch_size: int | None = None
    """None: `chosen_batch_size`."""
    patience: int = 12
    weight_decay: float = 0.01
    warmup_steps: int = 100
    schedule: str = "cosine"
    """After the warm-up: "cosine" falls to nothing at the last step, "constant" stays."""
    targets: str = "newest"
    """Every interaction ("all"), or everybody's "newest" max_length: see `targets.py`."""
    item_vectors: str = COMPANY
    """What a backbone's item vectors begin as: one of `company.CHOICES`."""
    share: float = 1.0
    """Of the windows, drawn anew for every epoch, which are learnt in it."""
    validation_users: int | None = None
    """Early stopping looks at so many users (drawn by the seed); final figures are `eval`'s, on all of them. None: of a backbone
    `chosen_validation_users`, of an encoder as many as its backbone did, all where nothing is put on record."""
    negatives: int | None = None
    """How many items a loss that draws negatives draws (None: its own number)."""
    seed: int = 42
    """Overruled by that of the `Setting` where a run is recorded: there is one seed."""


def chosen_batch_size(targets: float) -> int:
    """How many sequences of so many targets each, on average, a step learns from: 32, and of short ones more, up to 128.

    32 are faster to a good model on a CPU where there are enough targets in them; a step of too few is led by chance.
    """
    return min(128, max(32, round(1000 / max(targets, 1))))


def chosen_dropout(targets: float) -> float:
    """0.2, and 0.4 where histories are short, since items are seldom seen then.

    SASRec's own settings part in the same way: 0.2 for MovieLens, 0.5 for sparse data (Kang and McAuley, ICDM 2018).
    """
    return 0.4 if targets < 16 else 0.2


def chosen_validation_users(targets: float, n_items: int) -> int:
    """How many users early stopping looks at, where each has so many targets, on average, to learn from: 2,000 to 10,000.

    Where histories are short, few find their item, and the mean of 2,000 has a standard error of 8 % of itself (Amazon Beauty)
    or 13 % (Yelp), where MovieLens' has 4 %. A larger catalogue makes each user dearer: above 100,000 items they are fewer.
    """
    affordable = 10**9 // max(n_items, 1)
    return max(2_000, min(10_000, round(100_000 / max(targets, 1)), affordable))


@dataclass(frozen=True)
class Task:
    """What is trained: batches of rows for an epoch, the loss of one (and how many targets it has), how good it is now."""

    epoch_batches: Callable[[int], Iterator[IntArray]]
    n_batches: int
    loss: BatchLoss
    validate: Callable[[], float]
    untrained_counts: bool = False
    """Whether what the model is before any step may be its best (an encoder is its backbone then): that is epoch 0."""


def train(
    model: nn.Module,
    task: Task,
    settings: TrainingSettings,
    *,
    on_best: Callable[[], None],
    on_epoch: Callable[[Epoch], None],
    progress: Progress,
    keep: Callable[[TrainingState], None] | None = None,
    every: float = math.inf,
    resumed: TrainingState | None = None,
    ranks: Ranks | None = None,
) -> list[Epoch]:
    """Train `model` in place; `on_best` is called while it is at its best so far. Raises CheckError when the loss is no number.

    After every epoch, and `every` so many seconds within one, `keep` gets all that is needed to go on from there; given that as
    `resumed`, training does, and ends as if it had never stopped. `ranks`: the processes that train it together, of which the
    first alone validates. Returns all epochs. `model` is left at the last one, not the best one.
    """
    ranks, steps = ranks or Ranks(), settings.epochs * task.n_batches
    rates = settings.learning_rate, settings.weight_decay
    stepper = Stepper(model, task.loss, *rates, lambda step: _rate(step, steps, settings), ranks)
    done: list[Epoch] = []
    begun: Begun | None = None

    def ended(epoch: Epoch) -> None:
        done.append(epoch)
        if epoch.best:
            on_best()
        on_epoch(epoch)

    def kept(begun: Begun | None) -> None:
        if keep is not None:
            keep(captured(model, stepper, done, begun))

    if resumed is not None:
        restore(model, stepper, resumed)
        done.extend(resumed.epochs)
        begun = resumed.begun
    elif task.untrained_counts:
        model.eval()
        ended(Epoch(0, None, task.validate(), best=True, positions=0, seconds=0.0))
    ranks.same(model)
    while not _is_over(done, settings):
        begun = begun or Begun(done[-1].epoch + 1 if done else 1)
        watch = _watch(progress, begun.epoch, settings.epochs, task.n_batches, done)
        best = max((e.ndcg for e in done), default=-1)
        ended(_one_epoch(begun, model, task, stepper, watch, _Keeping(kept, every), ranks, settings.seed, best=best))
        begun = None
        kept(None)
    return done


class _Keeping:
    """Called after every step of an epoch: keeps a state when so many seconds have passed since it was made or kept one."""

    def __init__(self, keep: Callable[[Begun], None], every: float) -> None:
        self._keep, self._every, self._last = keep, every, _now()

    def __call__(self, begun: Begun) -> None:
        if _now() - self._last >= self._every:
            self._keep(begun)
            self._last = _now()


def _now() -> float:
    return time.monotonic()


def _is_over(done: list[Epoch], settings: TrainingSettings) -> bool:
    if not done:
        return False
    last, best = done[-1].epoch, max(e.epoch for e in done if e.best)
    return last >= settings.epochs or last - best >= settings.patience


def _watch(progress: Progress, number: int, epochs: int, n_batches: int, done: list[Epoch]) -> OnStep:
    """Tells of steps of one epoch as steps of the whole training, so that the time left is that of all of it."""
    best = f" · best NDCG@10 {max(e.ndcg for e in done):.4f}" if done else ""

    def watch(step: int, loss: float, rate: float) -> None:
        note = f"epoch {number} of {epochs} · loss {loss:.3f}{best} · {rate:,.0f} positions/s"
        progress("training", (number - 1) * n_batches + step, epochs * n_batches, note)

    return watch


def _rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear warm-up (over a tenth of a short training at most), then half a cosine down to zero, unless it is constant."""
    warm = min(1.0, (step + 1) / max(1, min(settings.warmup_steps, steps // 10)))
    fall = 1.0 if settings.schedule == "constant" else 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    return warm * fall


def _one_epoch(
    begun: Begun,
    model: nn.Module,
    task: Task,
    stepper: Stepper,
    watch: OnStep,
    keep: Callable[[Begun], None],
    ranks: Ranks,
    seed: int,
    *,
    best: float,
) -> Epoch:
    """The rest of an epoch that has `begun`, and how good the model is then."""
    started = time.perf_counter() - begun.seconds
    model.train()
    for rows in islice(task.epoch_batches(begun.epoch), begun.steps, None):
        if not ranks.first:  # dropout of its own; the first one's goes on as it would alone
            torch.manual_seed(stream_seed(seed, "rank", ranks.rank, stepper.steps))
        begun = _one_step(begun, rows, stepper, started)
        watch(begun.steps, begun.total / begun.positions, begun.positions / begun.seconds)
        if begun.steps < task.n_batches:
            keep(begun)
    model.eval()
    ndcg = ranks.agreed(task.validate() if ranks.first else None, device_of(model))
    loss = begun.total / max(1, begun.positions)
    return Epoch(begun.epoch, loss, ndcg, ndcg > best, begun.positions, begun.seconds, begun.note)


def _one_step(begun: Begun, rows: IntArray, stepper: Stepper, started: float) -> Begun:
    """The epoch a step later."""
    step, parts = begun.steps + 1, stepper.parts
    value, n = stepper.step(rows, f"at step {step} of epoch {begun.epoch}")
    halved = f"out of memory at step {step}: from there on batches are worked through in two halves"
    return Begun(
        begun.epoch,
        step,
        begun.total + value * n,
        begun.positions + n,
        time.perf_counter() - started,
        halved if stepper.parts > parts else begun.note,
    )
