"""Many users at once: processes, for work that computes. Forked, so that they share what is loaded and start at once.

Not the standard library's pool: that hands over a chunk's results when the chunk is done, and a kill would cost all of them.
Here every user's comes as it is there. Only between these processes anything is pickled, and never to a file.
"""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import connection
from typing import Any, TypeVar

from toolrec_cli.errors import ToolRecError, WorkerLost

T = TypeVar("T")
R = TypeVar("R")

_Result, _Error, _Next = "result", "error", "next"


def can_fork() -> bool:
    """Whether processes can share what is loaded. Elsewhere than on Linux the libraries at hand do not survive a fork."""
    return sys.platform == "linux"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def each_in_processes(chunks: Sequence[T], work: Callable[[T], Iterable[R]], workers: int) -> Iterator[R]:
    """What `work` gives for every chunk, as it comes; results are pickled, everything else is shared.

    Raises what `work` raises, and WorkerLost when a process is killed. However it ends, no process is left.
    """
    waiting = iter(chunks)
    crew = [_Worker(work) for _ in range(min(workers, len(chunks)))]
    try:
        at_work = {worker.link: worker for worker in crew if worker.take(next(waiting, None))}
        while at_work:
            for link in connection.wait(list(at_work)):
                worker = at_work[link]
                kind, value = worker.word()
                if kind == _Result:
                    yield value
                elif kind == _Error:
                    raise value
                elif not worker.take(next(waiting, None)):
                    del at_work[link]
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A forked process that works on one chunk after the other and sends every result as soon as it is there."""

    def __init__(self, work: Callable[[Any], Iterable[Any]]) -> None:
        self.link: Any
        self.link, theirs = connection.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(work, theirs, os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def take(self, chunk: Any) -> bool:
        """Give it the next chunk; False when there is none."""
        if chunk is not None:
            with suppress(BrokenPipeError):  # it is gone: `word` says so
                self.link.send(chunk)
        return chunk is not None

    def word(self) -> tuple[str, Any]:
        """The next thing it says. Raises WorkerLost when it is gone."""
        try:
            return self.link.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            died = self._process.exitcode or 0
            how = f"was killed by signal {-died}" if died < 0 else f"ended with status {died}"
            raise WorkerLost(f"A worker process {how}.", hint="If memory is short, use fewer --workers.") from None

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.link.close()


def _serve(work: Callable[[Any], Iterable[Any]], link: Any, parent: int) -> None:
    """The process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal goes to everybody; the first process decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent)
    while True:
        try:
            chunk = link.recv()
        except (EOFError, OSError):
            return
        try:
            for result in work(chunk):
                link.send((_Result, result))
            link.send((_Next, None))
        except BrokenPipeError:
            return
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the results are taken
            link.send((_Error, _portable(error)))


def die_with(parent: int) -> None:
    """Ask the system to end this process when `parent` dies, also by kill -9."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died in the meantime
        os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error as it can be sent, with where it happened in a note."""
    import traceback

    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an error of a library that cannot be sent is told in words
        return RuntimeError(where)
    if not isinstance(error, ToolRecError | OSError):
        error.add_note(f"In a worker process:\n{where}")
    return error
