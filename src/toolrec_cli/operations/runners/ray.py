"""Users are explored on the machines of a Ray cluster: a task a chunk of users, its trajectories a file that is whole or absent.

Every process of the cluster is sent what this one has loaded, once; it reads the histories of its chunk itself, so that the
workspace has to lie where all machines see it. A task that is repeated, as its process or machine was lost, finds the file of
the one before or makes it anew: nobody is there twice. Ray is an extra (`toolrec-cli[ray]`) and imported when it is asked for.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from toolrec_cli import __version__
from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.errors import InputError, ToolRecError, UsageError, WorkerLost
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.operations.runners.local import Local
from toolrec_cli.operations.running import Done, IntArray, Job, Then, chunks
from toolrec_cli.operations.shards import FOLDER
from toolrec_cli.storage.atomic import replacing

T = TypeVar("T")

RETRIES = 3
"""How often a chunk is begun anew whose process or machine was lost."""

AHEAD = 2
"""Chunks under way or waiting for each processor: no more is handed out, however many users there are."""


@dataclass(frozen=True)
class Ray:
    """A cluster at `address` ("HOST:PORT", or "auto" on one of its machines); None: a Ray of its own on this machine."""

    address: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError where Ray is not installed, or the address is none that can be used."""
        if find_spec("ray") is None:
            raise UsageError(
                "--runner ray needs Ray, which is not installed.", hint="Type: pip install 'toolrec-cli[ray]'"
            )
        if self.address and self.address.startswith("ray://"):
            raise UsageError(
                f"{self.address} is an address of Ray Client, through which no files are shared.",
                hint="Run on a machine of the cluster, with --ray-address auto or HOST:6379.",
            )

    def explore(self, job: Job[T], positions: IntArray) -> Iterator[Done[T]]:
        """As a `Runner` does; those on record are read here."""
        if job.agent.speaker is not None or job.on_step is not None:
            raise ValueError("only the built-in surrogate, unwatched, explores on other machines")
        known = np.array([job.record.has(position) for position in positions.tolist()], dtype=np.bool_)
        yield from Local().explore(job, positions[known])
        if not known.all():
            with redirect_stdout(sys.stderr), _connected(self.address) as ray:  # Ray tells there what it has lost
                yield from _Crew(ray, job).explore(positions[~known])


@dataclass(frozen=True)
class _Load(Generic[T]):
    """What every process of the cluster is sent, once. Who is asked reads the histories itself."""

    agent: Agent
    then: Then[T]
    version: str = __version__


@dataclass(frozen=True)
class _Part:
    """A chunk under way: positions among those asked, and where the lines of their trajectories will be, in this order."""

    positions: IntArray
    shard: Path


class _Crew(Generic[T]):
    """The chunks of one job on a cluster, and what is under way."""

    def __init__(self, ray: Any, job: Job[T]) -> None:
        self._ray, self._job = ray, job
        self._folder = (job.record.path.parent / FOLDER).resolve()
        # A task that outlives a dead first process writes beside this one's files, not into them.
        self._sitting = secrets.token_hex(4)
        self._under_way: dict[Any, _Part] = {}
        task = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")
        self._task = task(_explore).options(name="toolrec-explore")
        self._load = ray.put(_Load(replace(job.agent, histories=job.agent.histories.nobodys()), job.then))

    def explore(self, positions: IntArray) -> Iterator[Done[T]]:
        """Everybody's, as the chunks end."""
        self._folder.mkdir(exist_ok=True)
        waiting = iter(chunks(positions, self._processors()))
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

    def _processors(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _most(self) -> int:
        """How many may be under way: it is asked each time, as machines come and go."""
        return self._job.pace.workers or AHEAD * self._processors()

    def _begin(self, positions: IntArray) -> None:
        part = _Part(positions, self._folder / f"{self._sitting}-{positions[0]:012d}.jsonl")
        reference = self._task.remote([self._load], positions, self._job.users[positions], str(part.shard))
        self._under_way[reference] = part

    def _of(self, reference: Any) -> Iterator[Done[T]]:
        """A chunk that has ended; its file is removed when all of it is on record."""
        part, made = self._under_way[reference], _result(self._ray, reference)
        yield from (Done(*each) for each in zip(part.positions.tolist(), _lines(part), made, strict=True))
        part.shard.unlink()
        del self._under_way[reference]

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


def _result(ray: Any, reference: Any) -> Any:
    """What `then` made of a chunk. Raises what went wrong in it, WorkerLost where it was begun too often."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ToolRecError | OSError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise WorkerLost(
            f"A part of the work was lost {1 + RETRIES} times ({str(error).splitlines()[0]}).",
            hint="Look at memory and health of the cluster's machines.",
        ) from error


_loaded: dict[str, _Load[Any]] = {}
"""In a process of the cluster: what it was sent, by the reference; the last one alone is kept."""


def _explore(load: list[Any], positions: IntArray, users: IntArray, shard: str) -> list[Any]:
    """A task: explore for `users`, put their lines into `shard`; what `then` makes of each."""
    import torch

    torch.set_num_threads(1)
    found, path = _sent(load[0]), Path(shard)
    agent = found.agent.reading(users)
    if path.exists():  # another try at this chunk was lost after it was done
        trajectories = [decode(line, shard) for line in path.read_bytes().splitlines()]
    else:
        agent.scorer.prepare(users)
        trajectories = [agent.explore(user) for user in users.tolist()]
        _write(path, b"".join(map(encode, trajectories)))
    asked = zip(positions.tolist(), users.tolist(), trajectories, strict=True)
    return [found.then(agent, position, user, trajectory) for position, user, trajectory in asked]


def _sent(reference: Any) -> _Load[Any]:
    if reference.hex() not in _loaded:
        _loaded.clear()
        _loaded[reference.hex()] = found = import_module("ray").get(reference)
        if found.version != __version__:
            raise InputError(
                f"A machine of the cluster ({os.uname().nodename}) has toolrec {__version__}, and this one {found.version}.",
                hint="Install the same on all.",
            )
    return _loaded[reference.hex()]


def _write(shard: Path, lines: bytes) -> None:
    try:
        with replacing(shard) as temporary:
            temporary.write_bytes(lines)
    except FileNotFoundError as error:
        raise InputError(
            f"A machine of the cluster ({os.uname().nodename}) does not see {shard.parent}.",
            hint="Put the workspace, and --out, where all machines see them under the same path.",
        ) from error


@contextmanager
def _connected(address: str | None) -> Generator[Any]:
    """The cluster, or whatever Ray this process is connected to already. Raises InputError where there is none."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a Ray of our own tells nobody that it runs
    ray: Any = import_module("ray")
    if ray.is_initialized():
        yield ray
        return
    own: dict[str, Any] = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    at_end = signal.getsignal(signal.SIGTERM)
    try:
        _listens(address)
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, RuntimeError, ValueError) as error:  # none there; another version of Ray or Python; no address
        raise InputError(
            f"There is no Ray at {address or 'this machine'} that can be used ({str(error).splitlines()[0]}).",
            hint="Is it running (ray status), and of the same versions of Ray and Python?",
        ) from error
    try:
        signal.signal(signal.SIGTERM, at_end)  # Ray puts one of its own there, which ends the process
        yield ray
    finally:
        ray.shutdown()


def _listens(address: str | None) -> None:
    """Raises OSError where nobody does; Ray itself would look for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
