"""A Ray cluster: how it is reached, how large it is, and what comes back from it."""

import logging
import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from toolrec_cli.errors import InputError, ToolRecError

RETRIES = 3
"""How often work is begun anew whose process or machine was lost."""


class Lost(Exception):
    """The process or machine that was at work is gone; says how Ray puts it."""


def result(ray: Any, reference: Any) -> Any:
    """What a task has made. Raises what went wrong in it, Lost where nobody is left to say."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ToolRecError | OSError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise Lost(str(error).splitlines()[0]) from error


def processors(ray: Any) -> int:
    """How many the cluster has; it is asked each time, as machines come and go."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@contextmanager
def connected(address: str | None) -> Generator[Any]:
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
    except Exception as error:
        # None there; another version; no address; slow to start, which has no type of its own.
        if type(error) is not Exception and not isinstance(error, OSError | RuntimeError | ValueError):
            raise
        raise _unusable(address, str(error)) from error
    try:
        signal.signal(signal.SIGTERM, at_end)  # Ray puts one of its own there, which ends the process
        yield ray
    finally:
        ray.shutdown()


def _unusable(address: str | None, why: str) -> InputError:
    """What is said where Ray does not come up."""
    first = (why.splitlines() or ["no reason is given"])[0]
    if address is None:
        hint = "If the machine is busy, try again later; or leave --runner out."
        return InputError(f"Ray could not be started on this machine ({first}).", hint=hint)
    hint = "Is it running (ray status), and of the same versions of Ray and Python?"
    return InputError(f"There is no Ray at {address} that can be used ({first}).", hint=hint)


def _listens(address: str | None) -> None:
    """Raises OSError where nobody does; Ray itself would look for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
