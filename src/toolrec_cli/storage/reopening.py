"""Going on with a run that was interrupted or killed, in its own directory, and by one process at a time."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from toolrec_cli.errors import InputError
from toolrec_cli.storage.run_dir import RunDir

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None


@contextmanager
def alone(run: RunDir) -> Generator[None]:
    """Keep other processes from going on with `run`; the system lets go when this one dies. Raises InputError when one has it."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InputError(f"Another process is at work on {run.path}.", hint="Wait for it, or stop it first.") from error
    finally:
        os.close(descriptor)


@contextmanager
def reopened(run: RunDir) -> Generator[RunDir]:
    """`run`, going on: finished when the block ends well, else interrupted once more. Nothing that is there is removed."""
    run.update(status="running", finished=None, outputs={})
    try:
        yield run
        run.finish("done")
    except BaseException as stopped:
        run.finish("interrupted")
        stopped.add_note(f"Kept: {run.path}")
        raise
