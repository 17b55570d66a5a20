"""A recorded run, read again: from its own files alone, without data set, model or torch."""

from collections.abc import Iterator
from pathlib import Path

from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.storage.run_dir import RunDir, find_run, list_runs

TRAJECTORIES = "trajectories.jsonl"


def recorded(runs: Path, name: str | None, users: list[str] | None) -> Iterator[Trajectory]:
    """The trajectories of a run (None: the newest that has any), of some users or of all.

    Raises InputError when there is no such run, UsageError when a user was not in it.
    """
    run = _run(runs, name)
    wanted = dict.fromkeys(users or [])
    seen: list[str] = []
    for trajectory in read_trajectories(run.path / TRAJECTORIES):
        seen.append(trajectory.user_id)
        if users is None or trajectory.user_id in wanted:
            wanted.pop(trajectory.user_id, None)
            yield trajectory
    if wanted:
        hint = f"{run.name} asked {len(seen):,} users."
        raise UsageError(unknown("user", next(iter(wanted)), seen, hint=hint))


def _run(runs: Path, name: str | None) -> RunDir:
    if name is not None:
        run = find_run(runs, name)
        if not (run.path / TRAJECTORIES).is_file():
            raise InputError(f"{run.path} is a {run.manifest.verb} run: it has no trajectories.")
        return run
    for run in list_runs(runs):
        if (run.path / TRAJECTORIES).is_file():
            return run
    raise InputError(f"No run in {runs} has trajectories.", hint="Type: toolrec recommend --user 42 --trace")
