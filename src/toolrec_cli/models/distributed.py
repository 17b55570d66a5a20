"""Training in several processes that torchrun has started: each learns from its share of every batch, one writes.

All hold the same model and the same data. A step's gradient is that of the mean over all targets of the whole batch, whoever
had them: sums are exchanged and divided by how many there were in all, so that what is learnt does not depend on how many
processes there are, but for the dropout that each draws for itself.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from toolrec_cli.errors import UsageError, WorkerLost
from toolrec_cli.models.windows import IntArray

distributed: Any = torch.distributed  # leaves its functions untyped

LAUNCHED = "TORCHELASTIC_RUN_ID"
"""Set by torchrun in the processes that it starts."""

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, who may wait for the first one while it validates; a dead one is noticed at once."""


@dataclass
class Ranks:
    """Which of how many processes this is, by `rank` from 0: the first writes, prints and validates. `here` are on a machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    here: int = 1
    others_cpu: float = field(default=0.0, init=False)
    """CPU-seconds that the others have taken since they joined, as of the last epoch's end."""
    _began: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Ranks":
        """As torchrun says; one process where it did not start this one."""
        if LAUNCHED not in environment:
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(environment[name]) for name in names))

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.size == 1

    @property
    def first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    @property
    def launch(self) -> str:
        """How such a training is typed, up to the verb."""
        return "toolrec" if self.alone else f"torchrun --nproc-per-node {self.here} -m toolrec_cli"

    def join(self, device: torch.device) -> None:
        """Meet the others, on this device. The first joins last: until then the others wait, and say nothing.

        Raises UsageError for a device that processes cannot share, WorkerLost where the others do not come.
        """
        if self.alone:
            return
        if device.type not in ("cpu", "cuda"):
            raise UsageError(f"Several processes cannot train on {device.type}.", hint="Type: --device cpu")
        if device.type == "cuda":
            torch.cuda.set_device(self.local_rank)
        try:
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise _lost(error) from error
        self._began = time.process_time()

    @contextmanager
    def together(self, device: torch.device) -> Generator[None]:
        """Within, the others are there."""
        self.join(device)
        try:
            yield
        finally:
            if not self.alone:
                distributed.destroy_process_group()

    def share(self, rows: IntArray) -> IntArray:
        """This process's part of a batch: every so manieth row, as rows come in order of length."""
        return rows if self.alone else rows[self.rank :: self.size]

    def same(self, model: nn.Module) -> None:
        """Give everybody the first one's numbers."""
        if not self.alone:
            for value in model.state_dict().values():
                _exchanged(distributed.broadcast, value, 0)

    def summed(self, parameters: Sequence[nn.Parameter], total: float, n: int) -> tuple[float, int]:
        """Put the sum of everybody's gradients in the place of each one's; also (total, n), summed."""
        for parameter in parameters:
            if parameter.grad is None:  # no row was left for this process
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([gradient.reshape(-1) for gradient in _gradients(parameters)])
        numbers = torch.tensor([total, n], dtype=torch.float64, device=flat.device)
        _exchanged(distributed.all_reduce, flat)
        _exchanged(distributed.all_reduce, numbers)
        shares: tuple[Tensor, ...] = torch.split(flat, [parameter.numel() for parameter in parameters])
        for gradient, found in zip(_gradients(parameters), shares, strict=True):
            gradient.copy_(found.view_as(gradient))
        return float(numbers[0]), int(numbers[1])

    def agreed(self, value: float | None, device: torch.device) -> float:
        """What the first one has found (the others have None); all learn besides how much processor time all have taken."""
        if self.alone:
            return 0.0 if value is None else value
        own = time.process_time() - self._began
        numbers = torch.tensor([value or 0.0, own], dtype=torch.float64, device=device)
        _exchanged(distributed.all_reduce, numbers)
        self.others_cpu = float(numbers[1]) - own
        return float(numbers[0])


def _exchanged(exchange: Callable[..., Any], *given: Any) -> None:
    try:
        exchange(*given)
    except RuntimeError as error:
        raise _lost(error) from error


def _gradients(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _lost(error: Exception) -> WorkerLost:
    return WorkerLost(
        f"Another process of this training is gone ({str(error).splitlines()[0]:.80}).",
        hint="Its own words stand above.",
    )
