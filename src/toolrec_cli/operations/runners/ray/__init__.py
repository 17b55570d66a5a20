"""Users are explored on the machines of a Ray cluster. Ray is an extra (`toolrec-cli[ray]`) and imported when it is asked for.

Every process of the cluster is sent what this one has loaded, once; it reads the histories of its users itself, so that the
workspace has to lie where all machines see it. The built-in surrogate goes there whole (`chunks`). A language model stays here,
with key, budget, pace and record, and is asked from there (`spoken`).
"""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

import numpy as np

from toolrec_cli.errors import UsageError
from toolrec_cli.operations.runners.local import Local
from toolrec_cli.operations.runners.ray.chunks import Chunks
from toolrec_cli.operations.runners.ray.cluster import connected
from toolrec_cli.operations.runners.ray.spoken import Spoken
from toolrec_cli.operations.running import Done, IntArray, Job

T = TypeVar("T")


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
        if job.on_step is not None:
            raise ValueError("whoever is watched explores on this machine")
        known = np.array([job.record.has(position) for position in positions.tolist()], dtype=np.bool_)
        yield from Local().explore(job, positions[known])
        if not known.all():
            with redirect_stdout(sys.stderr), connected(self.address) as ray:  # Ray tells there what it has lost
                crew = Chunks(ray, job) if job.agent.speaker is None else Spoken(ray, job, job.agent.speaker)
                yield from crew.explore(positions[~known])
