"""The seam between a run and where its users are explored: what a runner is given, and what it gives back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.operations.processes import can_fork, cores
from toolrec_cli.operations.record import Record

if TYPE_CHECKING:
    from toolrec_cli.operations.exploring import Agent

IntArray = npt.NDArray[np.int64]
OnStep = Callable[[Trajectory], None]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

BLOCK = 512
"""Users whose histories are encoded at once."""

MANY = 1000
"""From so many users on, all cores are used without being told to."""

_CHUNKS = 4
"""Chunks a worker gets at least, where there are users enough."""

_SMALLEST = 64


class Then(Protocol[T_co]):
    """What is made of a user's trajectory. It may run elsewhere than here: it and its result can be pickled."""

    def __call__(self, agent: "Agent", position: int, user_index: int, trajectory: Trajectory, /) -> T_co:
        """`position` is the user's place among those asked."""
        ...


@dataclass(frozen=True)
class Done(Generic[T]):
    """One user: position, the line to put on record (None: it is there), and what was made of the trajectory."""

    position: int
    line: bytes | None
    made: T


@dataclass(frozen=True)
class Job(Generic[T]):
    """What is to be done for some of `users` (user_index): explore (who is on `record` is not explored again), then `then`."""

    agent: "Agent"
    users: IntArray
    record: Record
    then: Then[T]
    pace: "Pace"
    on_step: OnStep | None = None
    """Watches every round; then it is one user after the other, in this process."""

    @property
    def threads(self) -> int:
        """That wait for a server beside each other."""
        return 1 if self.on_step else self.pace.concurrency


class Runner(Protocol):
    """Explores for users wherever it does."""

    def explore(self, job: Job[T], positions: IntArray) -> Iterator[Done[T]]:
        """Each of `positions` (among the job's users) once, in whatever order they end; lists do not depend on where.

        Raises what an exploration raises, WorkerLost where a process that worked on it is gone.
        """
        ...


@dataclass(frozen=True)
class Pace:
    """How many users at once: `concurrency` threads, for a surrogate that waits for a server; else `workers` processes.

    `workers` None: a process a core where there are many users and nobody watches the rounds. Lists do not depend on it.
    """

    concurrency: int = 1
    workers: int | None = None
    runner: Runner | None = None
    """Where; None: on this machine."""

    def processes(self, n_users: int, *, alone: bool) -> int:
        """How many processes work on this machine; one where it has to be `alone`."""
        if alone or self.concurrency > 1 or not can_fork():
            return 1
        return (self.workers or 1) if self.workers or n_users < MANY else cores()

    def readers(self, n_users: int, *, asked: bool) -> int:
        """How many processes read the record at the end: forked where neither a model was `asked` nor Ray has threads here."""
        return self.processes(n_users, alone=asked or self.runner is not None)


def chunks(positions: IntArray, workers: int, smallest: int | None = None, at_once: int = BLOCK) -> Sequence[IntArray]:
    """The positions in blocks that are encoded at once: as many as fit, but enough of them to keep all workers busy.

    `smallest`: how many are worth a block of their own (None: _SMALLEST, as it is then). `at_once`: so many are begun before
    the first one ends, and none of them is to wait until later ones are encoded.
    """
    share = at_once if workers == 1 else len(positions) / (workers * _CHUNKS)
    size = int(np.clip(share, smallest or _SMALLEST, BLOCK))
    return [positions[start : start + size] for start in range(0, len(positions), size)]
