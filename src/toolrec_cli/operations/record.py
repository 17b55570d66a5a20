"""trajectories.jsonl of a run under way: appended a user at a time, and read back by whose turn it was."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.codec import decode, may_be_unheard, owner, superseded
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import InputError
from toolrec_cli.storage.atomic import replacing
from toolrec_cli.storage.log import AppendLog
from toolrec_cli.storage.unbroken import unbroken

IntArray = npt.NDArray[np.int64]


class Record:
    """Who of those asked is on record, and where. Holds eight bytes a user, and no trajectory.

    Of a user whom the server failed to answer the file may hold a later line, which counts instead; who closes it takes out
    what no longer counts.
    """

    def __init__(self, path: Path, user_ids: Sequence[str]) -> None:
        """Raises InputError when the file names somebody who was not asked, or anybody twice."""
        self.path = path
        self._places = np.full(len(user_ids), -1, dtype=np.int64)
        self._unheard: set[int] = set()
        self._open: set[int] = set()
        """Who counts as missing although he is on record: he is asked again."""
        self._untidy = False
        if path.exists():
            self._find(user_ids)
        self._log = AppendLog(path)

    def __enter__(self) -> "Record":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        if self._untidy:
            self._tidy()

    @property
    def missing(self) -> IntArray:
        """The positions of those who are still to be asked, ascending."""
        missing = self._places < 0
        missing[list(self._open)] = True
        return np.flatnonzero(missing)

    @property
    def there(self) -> IntArray:
        """The positions of those who are on record, ascending."""
        return np.flatnonzero(self._places >= 0)

    @property
    def unheard(self) -> int:
        """How many are on record whom the server failed to answer."""
        return len(self._unheard)

    def ask_again(self) -> None:
        """Whom the server failed to answer counts as missing until he is added anew; till then he stays on record."""
        self._open = set(self._unheard)

    def has(self, position: int) -> bool:
        """Whether the one asked at `position` (from 0) is on record, and not to be asked again."""
        return bool(self._places[position] >= 0) and position not in self._open

    def add(self, position: int, line: bytes) -> None:
        """Put one trajectory's line on record. Ctrl-C waits: what is in the file and not known to be would be added again."""
        with unbroken():
            self._untidy = self._untidy or bool(self._places[position] >= 0)
            self._places[position] = self._log.append(line)
            self._open.discard(position)
            self._judge(position, line)

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
        for position in self.there.tolist():
            yield self.trajectory(position)

    def trajectory(self, position: int) -> Trajectory:
        """The one asked at `position`. Raises InputError when the line cannot be read."""
        return decode(next(self.lines([position])), f"{self.path}, byte {self._places[position]},")

    def _find(self, user_ids: Sequence[str]) -> None:
        positions = {user_id: position for position, user_id in enumerate(user_ids)}
        place, left_out = 0, superseded(self.path)
        self._untidy = bool(left_out)
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if number not in left_out:
                    where = f"{self.path}, line {number}"
                    user_id = owner(line, f"{where},")
                    position = positions.get(user_id)
                    if position is None or self._places[position] >= 0:
                        fault = "was not asked" if position is None else "is on record already"
                        raise InputError(f"{where}: user {user_id!r} {fault}.")
                    self._places[position] = place
                    self._judge(position, line)
                place += len(line)

    def _judge(self, position: int, line: bytes) -> None:
        """Remember whether the server failed to answer him."""
        self._unheard.discard(position)
        if may_be_unheard(line) and decode(line, str(self.path)).unheard:
            self._unheard.add(position)

    def _tidy(self) -> None:
        """Write the file anew, beside it and then in its place, with the lines that count, in their order."""
        standing = np.argsort(self._places, kind="stable")
        standing = standing[self._places[standing] >= 0]
        with replacing(self.path) as beside, beside.open("wb") as file:
            places = [
                (position, file.tell(), file.write(line))
                for position, line in zip(standing, self.lines(standing), strict=True)
            ]
        for position, place, _ in places:
            self._places[position] = place
        self._untidy = False
