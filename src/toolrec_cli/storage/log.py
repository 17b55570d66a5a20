"""A file of lines that is only appended to: kill -9 at any moment costs at most the line that was being written."""

import os
import time
from pathlib import Path
from types import TracebackType

SYNC_LINES, SYNC_SECONDS = 64, 1.0
"""After so many lines, or so long, what was appended is put on the disk, to outlive a power cut too."""

_TAIL = 1 << 16


class AppendLog:
    """Appends whole lines. A line that fails half-way (a full disk, a signal) is taken back; one that is all there stays.

    The file is opened, and there, as soon as it has a line.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1
        self._end, self._unsynced, self._synced_at = 0, 0, time.monotonic()

    def __enter__(self) -> "AppendLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Put on the disk what is not there yet, and close the file, if it was opened."""
        if self._file < 0:
            return
        file, self._file = self._file, -1
        try:
            if self._unsynced:
                os.fsync(file)
        finally:
            os.close(file)

    def append(self, line: bytes) -> int:
        """Append one line (with its newline) and hand it to the system; where it begins, in bytes."""
        if self._file < 0:
            self._open()
        start = self._end
        try:
            self._write(line)
        except BaseException:  # a signal may come when the line is there and nobody has been told yet
            if os.fstat(self._file).st_size != start + len(line):
                os.ftruncate(self._file, start)
            raise
        self._end = start + len(line)
        self._unsynced += 1
        if self._unsynced >= SYNC_LINES or time.monotonic() - self._synced_at > SYNC_SECONDS:
            os.fsync(self._file)
            self._unsynced, self._synced_at = 0, time.monotonic()
        return start

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._end, self._unsynced = os.fstat(self._file).st_size, 0

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(self._file, left) :]


def trim(path: Path) -> int:
    """Cut a torn last line off; how many bytes it had. A file that is not there has none."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = _last_line_end(path, size)
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end


def has_lines(path: Path) -> bool:
    """Whether the file is there and holds at least one whole line."""
    return path.is_file() and _last_line_end(path, path.stat().st_size) > 0


def _last_line_end(path: Path, size: int) -> int:
    """Where the last whole line ends: just after the last newline; 0 when there is none."""
    with path.open("rb") as file:
        stop = size
        while stop > 0:
            start = max(0, stop - _TAIL)
            file.seek(start)
            place = file.read(stop - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            stop = start
    return 0
