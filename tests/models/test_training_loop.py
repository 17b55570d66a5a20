"""The training loop on a model of one number: schedule, early stopping, what is reported, what is refused."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolrec_cli.errors import CheckError
from toolrec_cli.models.training import (
    Epoch,
    Task,
    TrainingSettings,
    chosen_batch_size,
    chosen_dropout,
    chosen_validation_users,
    train,
)
from toolrec_cli.models.windows import IntArray
from toolrec_cli.progress import Progress, silent


class Number(nn.Module):
    """One number that learns and one that must not."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.0))
        self.frozen = nn.Parameter(torch.tensor(5.0), requires_grad=False)


def scripted(
    model: Number, losses: list[float], sizes: list[int] | None = None, ndcgs: Callable[[], float] = lambda: 0.5
) -> Task:
    """Each epoch has a step a loss, of so many targets; every gradient is 1."""

    def batches(epoch: int) -> Iterator[IntArray]:
        yield from (np.array([step]) for step in range(len(losses)))

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        step = int(rows[0])
        return model.value - model.value.detach() + losses[step], 1 if sizes is None else sizes[step]

    return Task(batches, len(losses), loss, ndcgs)


@dataclass
class Diary:
    """What the loop called, in order."""

    best: list[float] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)

    def run(self, model: Number, task: Task, settings: TrainingSettings, progress: Progress = silent) -> list[Epoch]:
        def on_best() -> None:
            self.best.append(model.value.item())

        return train(model, task, settings, on_best=on_best, on_epoch=self.epochs.append, progress=progress)


def step_sizes(n_steps: int, **settings: Any) -> list[float]:
    """How far each step went, as a share of the learning rate: under a constant gradient, Adam goes exactly that far."""
    model, values = Number(), [0.0]

    def watch(task: str, done: int, total: int, note: str = "") -> None:
        values.append(model.value.item())

    chosen = TrainingSettings(epochs=1, learning_rate=1e-2, weight_decay=0.0, **settings)
    Diary().run(model, scripted(model, [1.0] * n_steps), chosen, watch)
    return (-np.diff(values) / 1e-2).tolist()


def test_the_rate_warms_up_over_a_tenth_at_most_and_falls_by_half_a_cosine() -> None:
    rates = step_sizes(40)
    falling = [0.5 * (1 + math.cos(math.pi * step / 40)) for step in range(40)]
    rising = [1 / 4, 2 / 4, 3 / 4, *[1] * 37]
    assert rates == pytest.approx([a * b for a, b in zip(rising, falling, strict=True)], rel=1e-3, abs=1e-5)


def test_the_rate_warms_up_over_so_many_steps_of_a_long_training() -> None:
    rates = step_sizes(60, warmup_steps=2)
    assert rates[0] == pytest.approx(0.5, rel=1e-3)
    assert max(rates) == rates[1] == pytest.approx(1.0, rel=1e-2)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_a_constant_rate_warms_up_and_stays() -> None:
    assert step_sizes(40, schedule="constant") == pytest.approx([1 / 4, 2 / 4, 3 / 4, *[1] * 37], rel=1e-3)


@pytest.mark.parametrize("n_steps", [1, 2, 9])
def test_a_very_short_training_does_not_warm_up(n_steps: int) -> None:
    assert step_sizes(n_steps)[0] == pytest.approx(1.0, rel=1e-3)


def test_it_stops_after_so_many_epochs_without_a_better_one_and_an_equal_one_is_none() -> None:
    ndcgs = iter([0.1, 0.3, 0.2, 0.3, 0.25, 0.9])
    model, diary = Number(), Diary()
    done = diary.run(model, scripted(model, [1.0], ndcgs=lambda: next(ndcgs)), TrainingSettings(epochs=9, patience=3))
    assert [epoch.ndcg for epoch in done] == [0.1, 0.3, 0.2, 0.3, 0.25]
    assert [epoch.best for epoch in done] == [True, True, False, False, False]
    assert [epoch.epoch for epoch in done] == [1, 2, 3, 4, 5]
    assert diary.epochs == done
    assert len(diary.best) == 2


def test_the_model_is_at_its_best_when_that_is_said_and_at_its_last_in_the_end() -> None:
    ndcgs = iter([0.3, 0.1])
    model, diary = Number(), Diary()
    task = scripted(model, [1.0], ndcgs=lambda: next(ndcgs))
    diary.run(model, task, TrainingSettings(epochs=2, learning_rate=1e-2, weight_decay=0.0))
    assert diary.best == [pytest.approx(-0.01, rel=1e-3)]
    assert model.value.item() == pytest.approx(-0.015, rel=1e-3)


def test_a_first_epoch_that_knows_nothing_is_still_the_best_so_far() -> None:
    model, diary = Number(), Diary()
    diary.run(model, scripted(model, [1.0], ndcgs=lambda: 0.0), TrainingSettings(epochs=1))
    assert len(diary.best) == 1


def test_the_loss_of_an_epoch_is_the_mean_over_its_targets() -> None:
    model = Number()
    (epoch,) = Diary().run(model, scripted(model, [1.0, 4.0], [3, 1]), TrainingSettings(epochs=1))
    assert (epoch.loss, epoch.positions) == (1.75, 4)
    assert epoch.seconds > 0
    assert epoch.positions_per_second == pytest.approx(4 / epoch.seconds)
    assert Epoch(1, 0.0, 0.0, best=True, positions=3, seconds=0.0).positions_per_second == 0.0


def test_progress_is_told_after_every_step() -> None:
    told: list[tuple[str, int, int, str]] = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        told.append((task, done, total, note))

    model = Number()
    Diary().run(model, scripted(model, [1.0, 2.0]), TrainingSettings(epochs=2), progress)
    assert [entry[:3] for entry in told] == [("training", step, 4) for step in (1, 2, 3, 4)]
    said = [note.rsplit(" · ", 1)[0] for *_, note in told]
    assert said[:2] == ["epoch 1 of 2 · loss 1.000", "epoch 1 of 2 · loss 1.500"]
    assert all(re.match(r"epoch 2 of 2 · loss 1\.\d00 · best NDCG@10 0\.\d{4}$", note) for note in said[2:])
    assert all(note.endswith(" positions/s") for *_, note in told)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_refused_with_its_step(value: float) -> None:
    model, diary = Number(), Diary()
    with pytest.raises(CheckError, match=f"The loss is {value} at step 2 of epoch 1.") as caught:
        diary.run(model, scripted(model, [1.0, value, 1.0]), TrainingSettings(epochs=3, learning_rate=1e-2))
    assert caught.value.exit_code == 6
    assert caught.value.hint == "Try a lower --learning-rate."
    assert math.isfinite(model.value.item())
    assert diary == Diary()


def test_only_what_may_learn_learns() -> None:
    model = Number()
    Diary().run(model, scripted(model, [1.0] * 3), TrainingSettings(epochs=1))
    assert model.value.item() < 0
    assert model.frozen.item() == 5.0


def test_dropout_is_on_in_training_and_off_in_validation() -> None:
    model, modes = Number(), []

    def note(mode: str) -> float:
        modes.append((mode, model.training))
        return 0.5

    task = scripted(model, [1.0], ndcgs=lambda: note("validation"))
    watched = Task(task.epoch_batches, 1, lambda rows: (note("training"), task.loss(rows))[1], task.validate)
    Diary().run(model, watched, TrainingSettings(epochs=2))
    assert modes == [("training", True), ("validation", False)] * 2


def test_where_the_untrained_counts_it_is_epoch_0_and_may_stay_the_best() -> None:
    ndcgs = iter([0.3, 0.3, 0.2, 0.9])
    model, diary = Number(), Diary()
    task = scripted(model, [1.0], ndcgs=lambda: next(ndcgs))
    counting = Task(task.epoch_batches, 1, task.loss, task.validate, untrained_counts=True)
    done = diary.run(model, counting, TrainingSettings(epochs=9, patience=2))
    assert [(epoch.epoch, epoch.best, epoch.loss is None) for epoch in done] == [
        (0, True, True),
        (1, False, False),
        (2, False, False),
    ]
    assert diary.best == [0.0]
    assert done[0].positions == 0


@pytest.mark.parametrize(
    ("targets", "sequences"), [(0.5, 128), (6.9, 128), (8.4, 119), (20.0, 50), (31.25, 32), (43.8, 32), (163.6, 32)]
)
def test_a_step_learns_from_more_sequences_where_they_are_short(targets: float, sequences: int) -> None:
    assert chosen_batch_size(targets) == sequences


@pytest.mark.parametrize(("targets", "dropout"), [(6.9, 0.4), (15.9, 0.4), (16.0, 0.2), (163.6, 0.2)])
def test_more_is_dropped_where_histories_are_short(targets: float, dropout: float) -> None:
    assert chosen_dropout(targets) == dropout


@pytest.mark.parametrize(
    ("targets", "n_items", "users"),
    [
        (163.6, 3706, 2_000),  # MovieLens 1M
        (50.0, 3706, 2_000),
        (20.0, 3706, 5_000),
        (6.9, 12_086, 10_000),  # Amazon Beauty
        (6.9, 100_000, 10_000),
        (6.9, 250_000, 4_000),
        (0.0, 1_000_000, 2_000),
    ],
)
def test_more_users_are_looked_at_where_few_find_their_item_and_it_is_affordable(
    targets: float, n_items: int, users: int
) -> None:
    assert chosen_validation_users(targets, n_items) == users
