"""Single steps: two halves teach what the whole does, and memory that runs out is met once."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolrec_cli.errors import CheckError, UsageError
from toolrec_cli.models import stepping
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.stepping import Stepper, is_out_of_memory
from toolrec_cli.models.training import Task, TrainingSettings, train
from toolrec_cli.models.windows import IntArray
from toolrec_cli.progress import silent

ROWS = np.arange(5)
FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried …"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    MemoryError(),
]


class Line(nn.Module):
    """A slope that is fitted to y = 3 x, x being a row's number."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(1.0))

    def loss(self, rows: IntArray) -> tuple[Tensor, int]:
        """Row r has r + 1 targets."""
        x = torch.from_numpy(np.repeat(rows, rows + 1)).float()
        return ((self.slope * x - 3 * x) ** 2).mean(), len(x)


def stepper(line: Line, most: int | None = None, error: Exception = FULL[0]) -> Stepper:
    """Where more than `most` rows do not fit into memory."""

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        if most is not None and len(rows) > most:
            raise error
        return line.loss(rows)

    return Stepper(line, loss, 0.1, 0.0, lambda step: 1.0)


@pytest.mark.parametrize("error", FULL, ids=["cuda", "processor", "mps", "python"])
def test_two_halves_teach_what_the_whole_does(error: Exception) -> None:
    whole, halved = Line(), Line()
    one, other = stepper(whole), stepper(halved, most=3, error=error)
    for _ in range(4):
        assert other.step(ROWS, "here") == pytest.approx(one.step(ROWS, "here"))
    assert halved.slope.item() == pytest.approx(whole.slope.item(), rel=1e-5)
    torch.testing.assert_close(halved.slope.grad, whole.slope.grad, rtol=1e-4, atol=0)
    assert (one.parts, other.parts, other.steps) == (1, 2, 4)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_what_does_not_fit_even_then_is_refused(rows: IntArray) -> None:
    line = Line()
    with pytest.raises(UsageError, match="Out of memory at step 7 of epoch 2, even for half a batch") as caught:
        stepper(line, most=0).step(rows, "at step 7 of epoch 2")
    assert "--batch-size" in str(caught.value.hint)
    assert line.slope.item() == 1.0


def test_other_errors_are_not_memory() -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        stepper(Line(), most=0, error=RuntimeError("shapes do not match")).step(ROWS, "here")


def test_a_half_whose_loss_is_no_number_is_refused_too() -> None:
    calls: list[int] = []

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        calls.append(len(rows))
        if len(calls) == 1:
            raise MemoryError
        return torch.tensor(float("nan"), requires_grad=True), 1

    with pytest.raises(CheckError, match="The loss is nan at step 1"):
        Stepper(Line(), loss, 0.1, 0.0, lambda step: 1.0).step(ROWS, "at step 1")


def trained(most: int | None, on_epoch: Callable[[Epoch], None]) -> Line:
    line = Line()
    steps = stepper(line, most)
    task = Task(lambda _: iter([ROWS[:3], ROWS, ROWS[:2]]), 3, steps._loss, lambda: 0.5)
    train(line, task, TrainingSettings(epochs=2), on_best=lambda: None, on_epoch=on_epoch, progress=silent)
    return line


def test_the_epoch_in_which_memory_ran_out_says_so() -> None:
    epochs: list[Epoch] = []
    trained(4, epochs.append)
    assert [epoch.note for epoch in epochs] == [
        "out of memory at step 2: from there on batches are worked through in two halves",
        "",
    ]


def test_memory_is_trimmed_every_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    line = Line()
    steps = stepper(line)
    monkeypatch.setattr(stepping, "trim", lambda: trimmed.append(steps.steps))
    for _ in range(2 * stepping.TRIM_EVERY + 1):
        steps.step(ROWS, "here")
    assert trimmed == [stepping.TRIM_EVERY, 2 * stepping.TRIM_EVERY]
