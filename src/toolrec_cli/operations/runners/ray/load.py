"""What every process of the cluster is sent, once."""

import os
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Generic, TypeVar

from toolrec_cli import __version__
from toolrec_cli.errors import InputError
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.operations.running import Job, Then

T = TypeVar("T")


@dataclass(frozen=True)
class Load(Generic[T]):
    """An agent without histories, which reads those of its users there; without the model that it asks, its key and budget."""

    agent: Agent
    then: Then[T]
    version: str = __version__


def load_of(job: Job[T]) -> Load[T]:
    """What is to be done for a job."""
    return Load(replace(job.agent, histories=job.agent.histories.nobodys(), speaker=None), job.then)


_loaded: dict[str, Load[Any]] = {}
"""In a process of the cluster: what it was sent, by the reference; the last one alone is kept."""


def sent(reference: Any) -> Load[Any]:
    """What the reference stands for, fetched once. Raises InputError where another toolrec is installed than was sent by."""
    if reference.hex() not in _loaded:
        _loaded.clear()
        _loaded[reference.hex()] = found = import_module("ray").get(reference)
        if found.version != __version__:
            raise InputError(
                f"A machine of the cluster ({os.uname().nodename}) has toolrec {__version__}, and this one {found.version}.",
                hint="Install the same on all.",
            )
    return _loaded[reference.hex()]
