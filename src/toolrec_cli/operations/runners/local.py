"""Users are explored on this machine: one after the other, in threads that wait for a server, or in forked processes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from toolrec_cli.agent.codec import encode
from toolrec_cli.operations.pool import each
from toolrec_cli.operations.processes import each_in_processes
from toolrec_cli.operations.running import BLOCK, Done, IntArray, Job, chunks

T = TypeVar("T")


class Local:
    """Threads with a language model, processes without."""

    def explore(self, job: Job[T], positions: IntArray) -> Iterator[Done[T]]:
        """As a `Runner` does."""
        asked = job.agent.speaker is not None  # a server: its answers are waited for, and one process keeps the account
        workers = job.pace.processes(len(positions), alone=asked or job.on_step is not None)
        parts, one = chunks(positions, workers, at_once=job.threads if asked else BLOCK), _one(job)
        if workers > 1 and len(parts) > 1:
            yield from each_in_processes(parts, lambda part: _in_worker(job, part), workers)
        else:
            yield from each(_prepared(job, parts), one, job.threads)


def _one(job: Job[T]) -> Callable[[int], Done[T]]:
    """What is done for one position."""

    def one(position: int) -> Done[T]:
        user = int(job.users[position])
        if job.record.has(position):
            return Done(position, None, job.then(job.agent, position, user, job.record.trajectory(position)))
        trajectory = job.agent.explore(user, job.on_step)
        return Done(position, encode(trajectory), job.then(job.agent, position, user, trajectory))

    return one


def _prepared(job: Job[T], parts: Iterable[IntArray]) -> Iterator[int]:
    for part in parts:
        job.agent.scorer.prepare(job.users[part])
        yield from part.tolist()


def _in_worker(job: Job[T], part: IntArray) -> Iterator[Done[T]]:
    import torch

    torch.set_num_threads(1)  # it is alone on its core
    return map(_one(job), _prepared(job, [part]))
