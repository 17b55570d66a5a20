"""trajectories.jsonl of a run under way: appended a user at a time, and read back by whose turn it was."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.codec import decode
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import InputError
from toolrec_cli.storage.log import AppendLog

IntArray = npt.NDArray[np.int64]

_HEAD = b'{"user_id":'


class Record:
    """Who of those asked is on record, and where. Holds eight bytes a user, and no trajectory."""

    def __init__(self, path: Path, user_ids: Sequence[str]) -> None:
        """Raises InputError when the file names somebody who was not asked, or anybody twice."""
        self.path = path
        self._places = np.full(len(user_ids), -1, dtype=np.int64)
        if path.exists():
            self._find(user_ids)
        self._log: AppendLog | None = None

    def __enter__(self) -> "Record":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            self._log.__exit__(kind, error, trace)

    @property
    def missing(self) -> IntArray:
        """The positions of those who are not on record yet, ascending."""
        return np.flatnonzero(self._places < 0)

    def has(self, position: int) -> bool:
        """Whether the one asked at `position` (from 0) is on record."""
        return bool(self._places[position] >= 0)

    def add(self, position: int, line: bytes) -> None:
        """Put one trajectory's line on record."""
        if self._log is None:
            self._log = AppendLog(self.path)
        self._places[position] = self._log.append(line)

    def lines(self, positions: Sequence[int] | IntArray | None = None) -> Iterator[bytes]:
        """The lines of these positions, in their order; None: of all who are on record, in the order asked."""
        places = self._places[self._places >= 0] if positions is None else self._places[positions]
        if not len(places):  # nobody is on record: there may be no file
            return
        with self.path.open("rb") as file:
            for place in places.tolist():
                file.seek(place)
                yield file.readline()

    def trajectories(self) -> Iterator[Trajectory]:
        """All who are on record, in the order asked, one at a time."""
        for position in np.flatnonzero(self._places >= 0).tolist():
            yield self.trajectory(position)

    def trajectory(self, position: int) -> Trajectory:
        """The one asked at `position`. Raises InputError when the line cannot be read."""
        return decode(next(self.lines([position])), f"{self.path}, byte {self._places[position]},")

    def _find(self, user_ids: Sequence[str]) -> None:
        positions = {user_id: position for position, user_id in enumerate(user_ids)}
        place = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                user_id = owner(line, f"{self.path}, line {number},")
                position = positions.get(user_id)
                if position is None or self._places[position] >= 0:
                    fault = "was not asked" if position is None else "is on record already"
                    raise InputError(f"{self.path}, line {number}: user {user_id!r} {fault}.")
                self._places[position] = place
                place += len(line)


def owner(line: bytes, where: str) -> str:
    """Whose line it is; lines of this program begin with it, and need not be read to their end."""
    try:
        if line.startswith(_HEAD):
            return json.JSONDecoder().raw_decode(line[len(_HEAD) : len(_HEAD) + 4096].decode("utf-8", "ignore"))[0]
    except ValueError:
        pass
    return decode(line, where).user_id
