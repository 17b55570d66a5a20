"""The one training loop: warm-up and cosine decay, early stopping on validation NDCG@10, the best state kept."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from toolrec_cli.errors import CheckError
from toolrec_cli.models.windows import IntArray
from toolrec_cli.progress import Progress

OnStep = Callable[[int, float, float], None]
"""Called after every step of an epoch: which one, the mean loss so far, positions a second."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. `batch_size` counts sequences; `patience` epochs without a better validation NDCG@10 end it."""

    loss: str = "auto"
    """One of `losses.LOSSES`, or "auto": by the number of items."""
    epochs: int = 24
    learning_rate: float = 2e-3
    batch_size: int = 32
    patience: int = 6
    weight_decay: float = 0.01
    warmup_steps: int = 100
    schedule: str = "cosine"
    """After the warm-up: "cosine" falls to nothing at the last step, "constant" stays."""
    targets: str = "newest"
    """Every interaction ("all"), or everybody's "newest" max_length: see `targets.py`."""
    validation_users: int = 2000
    """Early stopping looks at so many users (drawn by the seed); final figures are `eval`'s, on all of them."""
    negatives: int | None = None
    """How many items a loss that draws negatives draws (None: its own number)."""
    seed: int = 42
    """Overruled by that of the `Setting` where a run is recorded: there is one seed."""


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.jsonl."""

    epoch: int
    loss: float
    ndcg: float
    best: bool
    positions: int
    seconds: float

    @property
    def positions_per_second(self) -> float:
        return self.positions / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Task:
    """What is trained: batches of rows for an epoch, the loss of one (and how many targets it has), how good it is now."""

    epoch_batches: Callable[[int], Iterator[IntArray]]
    n_batches: int
    loss: Callable[[IntArray], tuple[Tensor, int]]
    validate: Callable[[], float]


def train(
    model: nn.Module,
    task: Task,
    settings: TrainingSettings,
    *,
    on_best: Callable[[], None],
    on_epoch: Callable[[Epoch], None],
    progress: Progress,
) -> list[Epoch]:
    """Train `model` in place; `on_best` is called while it is at its best so far. Raises CheckError when the loss is no number.

    Returns the epochs. `model` is left at the last epoch, not the best one.
    """
    steps = settings.epochs * task.n_batches
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, settings))
    done: list[Epoch] = []
    for number in range(1, settings.epochs + 1):
        watch = _watch(progress, number, settings.epochs, task.n_batches, done)
        best = max((e.ndcg for e in done), default=-1)
        epoch = _one_epoch(number, model, task, optimiser, schedule, watch, best=best)
        done.append(epoch)
        if epoch.best:
            on_best()
        on_epoch(epoch)
        if number - max(e.epoch for e in done if e.best) >= settings.patience:
            break
    return done


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
    number: int,
    model: nn.Module,
    task: Task,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    watch: OnStep,
    *,
    best: float,
) -> Epoch:
    started, total, positions = time.perf_counter(), 0.0, 0
    model.train()
    for done, rows in enumerate(task.epoch_batches(number), start=1):
        loss, n = task.loss(rows)
        value = loss.item()
        if not math.isfinite(value):
            raise CheckError(
                f"The loss is {value} at step {done} of epoch {number}.", hint="Try a lower --learning-rate."
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        total, positions = total + value * n, positions + n
        watch(done, total / positions, positions / (time.perf_counter() - started))
    seconds = time.perf_counter() - started
    model.eval()
    ndcg = task.validate()
    return Epoch(number, total / max(1, positions), ndcg, ndcg > best, positions, seconds)
