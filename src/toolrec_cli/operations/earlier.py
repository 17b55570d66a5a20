"""The trajectories of an earlier run, found by user, none of them held."""

from collections.abc import Iterable

from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.replay import TRAJECTORIES
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.resuming import ASKED_FILE, asked
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.wording import counted


class Before:
    """Who is on record of a run, and what was explored for him."""

    def __init__(self, run: RunDir) -> None:
        """Raises InputError where its files cannot be read. Older runs say whom they asked in their trajectories alone."""
        path = run.path / TRAJECTORIES
        known = (run.path / ASKED_FILE).is_file()
        user_ids = asked(run) if known else [each.user_id for each in read_trajectories(path)]
        self._name, self._record = run.name, Record(path, user_ids)
        self._positions = {user_id: place for place, user_id in enumerate(user_ids) if self._record.has(place)}

    @property
    def user_ids(self) -> list[str]:
        """Who is on record, in the order asked."""
        return list(self._positions)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._positions

    def check(self, users: Iterable[str]) -> None:
        """Raises UsageError, with the near miss, for the first of `users` who is not on record."""
        for user_id in users:
            if user_id not in self._positions:
                hint = f"{self._name} asked {counted(len(self._positions), 'user')}."
                raise UsageError(unknown("user", user_id, self._positions, hint=hint, option="--user"))

    def trajectory(self, user_id: str) -> Trajectory:
        """One user's."""
        return self._record.trajectory(self._positions[user_id])

    def line(self, user_id: str) -> bytes:
        """The same as it is written."""
        return next(self._record.lines([self._positions[user_id]]))
