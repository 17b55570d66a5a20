"""The built-in surrogate on a cluster: a task is a chunk of users, its trajectories a file that is whole or absent.

A task that is repeated, as its process or machine was lost, finds the file of the one before or makes it anew: nobody is there
twice.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.errors import InputError, WorkerLost
from toolrec_cli.operations.runners.ray.cluster import RETRIES, Lost, processors, result
from toolrec_cli.operations.runners.ray.load import load_of, sent
from toolrec_cli.operations.running import Done, IntArray, Job, chunks
from toolrec_cli.operations.shards import FOLDER
from toolrec_cli.storage.atomic import replacing

T = TypeVar("T")

AHEAD = 2
"""Chunks under way or waiting for each processor: no more is handed out, however many users there are."""


@dataclass(frozen=True)
class _Part:
    """A chunk under way: positions among those asked, and where the lines of their trajectories will be, in this order."""

    positions: IntArray
    shard: Path


class Chunks(Generic[T]):
    """The chunks of one job on a cluster, and what is under way."""

    def __init__(self, ray: Any, job: Job[T]) -> None:
        self._ray, self._job = ray, job
        self._folder = (job.record.path.parent / FOLDER).resolve()
        # A task that outlives a dead first process writes beside this one's files, not into them.
        self._sitting = secrets.token_hex(4)
        self._under_way: dict[Any, _Part] = {}
        task = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")
        self._task = task(_explore).options(name="toolrec-explore")
        self._load = ray.put(load_of(job))

    def explore(self, positions: IntArray) -> Iterator[Done[T]]:
        """Everybody's, as the chunks end."""
        self._folder.mkdir(exist_ok=True)
        waiting = iter(chunks(positions, processors(self._ray)))
        try:
            while True:
                while len(self._under_way) < self._most() and (part := next(waiting, None)) is not None:
                    self._begin(part)
                if not self._under_way:
                    break
                ended, _ = self._ray.wait(list(self._under_way), num_returns=1)
                yield from self._of(ended[0])
        finally:
            self._end()

    def _most(self) -> int:
        """How many may be under way."""
        return self._job.pace.workers or AHEAD * processors(self._ray)

    def _begin(self, positions: IntArray) -> None:
        part = _Part(positions, self._folder / f"{self._sitting}-{positions[0]:012d}.jsonl")
        reference = self._task.remote([self._load], positions, self._job.users[positions], str(part.shard))
        self._under_way[reference] = part

    def _of(self, reference: Any) -> Iterator[Done[T]]:
        """A chunk that has ended; its file is removed when all of it is on record."""
        part, made = self._under_way[reference], self._made(reference)
        yield from (Done(*each) for each in zip(part.positions.tolist(), _lines(part), made, strict=True))
        part.shard.unlink()
        del self._under_way[reference]

    def _made(self, reference: Any) -> Any:
        """What `then` made of a chunk. Raises what went wrong in it, WorkerLost where it was begun too often."""
        try:
            return result(self._ray, reference)
        except Lost as lost:
            raise WorkerLost(
                f"A part of the work was lost {1 + RETRIES} times ({lost}).",
                hint="Look at memory and health of the cluster's machines.",
            ) from lost

    def _end(self) -> None:
        """Stop what is under way; what has ended by then goes on record."""
        for reference in self._under_way:
            self._ray.cancel(reference, force=True)
        for part in self._under_way.values():
            if part.shard.exists():
                for position, line in zip(part.positions.tolist(), _lines(part), strict=True):
                    if not self._job.record.has(position):
                        self._job.record.add(position, line)
                part.shard.unlink()
        if not self._under_way:  # who is not on record by now never will be: what lies here is of tries that were lost
            shutil.rmtree(self._folder, ignore_errors=True)


def _lines(part: _Part) -> list[bytes]:
    """Raises InputError where the file is not seen from here."""
    try:
        return part.shard.read_bytes().splitlines(keepends=True)
    except FileNotFoundError as error:
        raise InputError(
            f"What a machine of the cluster wrote to {part.shard.parent} is not there.",
            hint="Put the workspace, and --out, where all machines see them under the same path.",
        ) from error


def _explore(load: list[Any], positions: IntArray, users: IntArray, shard: str) -> list[Any]:
    """A task: explore for `users`, put their lines into `shard`; what `then` makes of each."""
    import torch

    torch.set_num_threads(1)
    found, path = sent(load[0]), Path(shard)
    agent = found.agent.reading(users)
    if path.exists():  # another try at this chunk was lost after it was done
        trajectories = [decode(line, shard) for line in path.read_bytes().splitlines()]
    else:
        agent.scorer.prepare(users)
        trajectories = [agent.explore(user) for user in users.tolist()]
        _write(path, b"".join(map(encode, trajectories)))
    asked = zip(positions.tolist(), users.tolist(), trajectories, strict=True)
    return [found.then(agent, position, user, trajectory) for position, user, trajectory in asked]


def _write(shard: Path, lines: bytes) -> None:
    try:
        with replacing(shard) as temporary:
            temporary.write_bytes(lines)
    except FileNotFoundError as error:
        raise InputError(
            f"A machine of the cluster ({os.uname().nodename}) does not see {shard.parent}.",
            hint="Put the workspace, and --out, where all machines see them under the same path.",
        ) from error
