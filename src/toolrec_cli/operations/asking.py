"""One run, many users: everybody's exploration goes on record as it ends, whatever stops the run."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.codec import encode
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.operations.pool import each
from toolrec_cli.operations.processes import can_fork, cores, each_in_processes
from toolrec_cli.operations.record import Record
from toolrec_cli.progress import Progress, silent

if TYPE_CHECKING:
    from toolrec_cli.operations.exploring import Agent
    from toolrec_cli.operations.modelling import Speaker

IntArray = npt.NDArray[np.int64]
OnStep = Callable[[Trajectory], None]
T = TypeVar("T")

BLOCK = 512
"""Users whose histories are encoded at once."""

MANY = 1000
"""From so many users on, all cores are used without being told to."""

_CHUNKS = 4
"""Chunks a worker gets at least, where there are users enough."""

_SMALLEST = 64


@dataclass(frozen=True)
class Pace:
    """How many users at once: `concurrency` threads, for a surrogate that waits for a server; else `workers` processes.

    `workers` None: a process a core where there are many users and nobody watches the rounds. Lists do not depend on it.
    """

    concurrency: int = 1
    workers: int | None = None

    def processes(self, n_users: int, *, alone: bool) -> int:
        """How many processes work; one where it has to be `alone`."""
        if alone or self.concurrency > 1 or not can_fork():
            return 1
        return (self.workers or 1) if self.workers or n_users < MANY else cores()


@dataclass(frozen=True)
class _Done(Generic[T]):
    """One user: position, the line to put on record (None: it is there), and what the caller made of it."""

    position: int
    line: bytes | None
    made: T


def ask(
    agent: "Agent",
    users: IntArray,
    record: Record,
    then: Callable[[int, Trajectory], T],
    *,
    again: bool = False,
    on_step: OnStep | None = None,
    progress: Progress = silent,
    pace: Pace | None = None,
) -> Iterator[T]:
    """Explore for those of `users` (user_index) who are not on record, and record them; what `then` makes of each, as it ends.

    `then` gets the position among `users` and the trajectory, and may run in another process: its result is pickled. With
    `again` it gets those on record too. Watched by `on_step`, it is one user after the other. Nobody is asked twice.
    """
    pace = pace or Pace()
    positions = np.arange(len(users)) if again else record.missing
    n_before = len(users) - len(positions)

    def one(position: int) -> _Done[T]:
        if record.has(position):
            return _Done(position, None, then(position, record.trajectory(position)))
        trajectory = agent.explore(int(users[position]), on_step)
        return _Done(position, encode(trajectory), then(position, trajectory))

    asked = agent.speaker is not None  # a server: its answers are waited for, and one process keeps the account
    workers = pace.processes(len(positions), alone=asked or on_step is not None)
    threads = 1 if on_step else pace.concurrency
    clock = _Clock(progress, n_before, len(users), agent.speaker)
    with agent.speaker.asked_for(int(record.missing.size), threads) if agent.speaker else nullcontext():
        for done in _spread(agent, users, positions, one, workers, threads):
            if done.line is not None:
                record.add(done.position, done.line)
            yield done.made
            clock.tick()


def _spread(
    agent: "Agent", users: IntArray, positions: IntArray, one: Callable[[int], T], workers: int, concurrency: int
) -> Iterator[T]:
    """`one` of every position, in this process or in several."""

    def prepared(chunks: Iterable[IntArray]) -> Iterator[int]:
        for chunk in chunks:
            agent.scorer.prepare(users[chunk])
            yield from chunk.tolist()

    def in_worker(chunk: IntArray) -> Iterator[T]:
        _alone_on_its_core()
        return map(one, prepared([chunk]))

    chunks = _chunks(positions, workers)
    if workers > 1 and len(chunks) > 1:
        yield from each_in_processes(chunks, in_worker, workers)
    else:
        yield from each(prepared(chunks), one, concurrency)


def _chunks(positions: IntArray, workers: int) -> Sequence[IntArray]:
    """The positions in blocks that are encoded at once: as many as fit, but enough of them to keep all workers busy."""
    size = BLOCK if workers == 1 else int(np.clip(len(positions) / (workers * _CHUNKS), _SMALLEST, BLOCK))
    return [positions[start : start + size] for start in range(0, len(positions), size)]


def _alone_on_its_core() -> None:
    import torch

    torch.set_num_threads(1)


class _Clock:
    """Tells how far it is, how fast, and what a language model was asked, over the whole run so far."""

    def __init__(self, progress: Progress, done: int, total: int, speaker: "Speaker | None") -> None:
        self._speaker = speaker
        self._progress, self._done, self._total = progress, done, total
        self._began, self._first = time.monotonic(), done

    def tick(self) -> None:
        self._done += 1
        rate = (self._done - self._first) / max(time.monotonic() - self._began, 1e-9)
        said = f"{rate:,.0f} users/s" if rate >= 10 else f"{rate:.2f} users/s"
        said = f"{said} · {self._speaker.progress}" if self._speaker else said
        self._progress("users", self._done, self._total, said)
