"""One process a run: a lock file that says who holds it, and is recognised when its holder is dead. And folders in which one
process after the other works.

The lock is the system's (flock), so that it ends with its holder, however that dies. The file says who holds it, for the
message and for file systems that know no flock: a holder of this machine is dead when its process is gone, when another
process has its number by now, or when the machine was started anew since. No clock is asked.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from toolrec_cli.errors import InputError

FILE = ".lock"


@dataclass(frozen=True)
class Holder:
    """The process that writes a run. `boot` names the start of the machine, `began` that of the process, in ticks since then."""

    pid: int
    host: str
    boot: str = ""
    began: str = ""

    @property
    def alive(self) -> bool:
        """Whether it still runs; of another machine nothing can be known, and it counts as alive."""
        if self.host != platform.node():
            return True
        if self.boot != _boot():
            return False
        return _running(self.pid) and self.began == _began(self.pid)


@contextmanager
def holding(directory: Path) -> Generator[None]:
    """Hold the run at `directory`; what a dead process has left is taken over.

    Raises InputError when another process that may be alive holds it.
    """
    path = directory / FILE
    descriptor = _claim(path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(_this_process())).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # what cannot be removed is stale as soon as this process has ended
            path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def one_at_a_time(folder: Path, on_wait: Callable[[], None]) -> Generator[None]:
    """Wait until no other process is in here with `folder`, and keep others waiting. `on_wait` is called where there is somebody.

    By the system's lock on the folder itself, which ends with its holder; where the file system knows none, nobody waits.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _locked(descriptor):
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def holder(directory: Path) -> Holder | None:
    """Who holds the run at `directory`, dead or alive; None when nobody does."""
    try:
        return Holder(**json.loads((directory / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _claim(path: Path) -> int:
    """The locked file's descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        free, found = _locked(descriptor), holder(path.parent)
        found = found if found is not None and found.alive else None  # who holds it now has not written its name yet
        if not free or (found is not None and found != _this_process()):
            os.close(descriptor)
            raise _refusal(path, found)
        with suppress(FileNotFoundError):  # the last holder removes the file while it still holds it
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without flock: what the file says must do
            return True
    return True


def _refusal(path: Path, found: Holder | None) -> InputError:
    if found is None:
        return InputError(f"Another process is at work on {path.parent}.", hint="Wait until it has ended.")
    here = found.host == platform.node()
    where = "" if here else f" on {found.host}"
    hint = f"Wait until it has ended{'' if here else f', or remove {path} if you know that it is dead'}."
    return InputError(f"{path.parent} is being written by process {found.pid}{where}.", hint=hint)


def _this_process() -> Holder:
    return Holder(os.getpid(), platform.node(), _boot(), _began(os.getpid()))


def _boot() -> str:
    """What names this start of the machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
