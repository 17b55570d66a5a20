"""A recorded run, read again: from its own files alone, without data set, model or torch."""

from collections.abc import Iterator
from pathlib import Path

from toolrec_cli.agent.codec import read_trajectories, read_users
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.storage.run_dir import RunDir, find_run, list_runs
from toolrec_cli.wording import counted

TRAJECTORIES = "trajectories.jsonl"


def recorded(runs: Path, name: str | None, users: list[str] | None) -> Iterator[Trajectory]:
    """The trajectories of a run (None: the newest that has any), of some users or of all.

    Raises InputError when there is no such run, UsageError when a user was not in it.
    """
    run = run_with_trajectories(runs, name)
    if users is None:
        return read_trajectories(run.path / TRAJECTORIES)
    found, asked = read_users(run.path / TRAJECTORIES, users)
    for user_id in users:
        if user_id not in found:
            hint = f"{run.name} asked {counted(len(asked), 'user')}."
            raise UsageError(unknown("user", user_id, asked, hint=hint, option="--user"))
    return iter([found[user_id] for user_id in dict.fromkeys(users)])


def run_with_trajectories(runs: Path, name: str | None) -> RunDir:
    """The run called `name` (None: the newest that has trajectories). Raises InputError when there is none."""
    if name is not None:
        run = find_run(runs, name)
        if not (run.path / TRAJECTORIES).is_file():
            raise InputError(f"{run.path} is a {run.manifest.verb} run: it has no trajectories.")
        return run
    for run in list_runs(runs):
        if (run.path / TRAJECTORIES).is_file():
            return run
    raise InputError(f"No run in {runs} has trajectories.", hint="Type: toolrec recommend --user 42 --trace")
