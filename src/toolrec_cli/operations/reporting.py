"""toolrec report: what there is of runs to be shown, read from their own files. Nothing is computed again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from toolrec_cli.agent.codec import read_trajectories, read_users
from toolrec_cli.agent.replay import TRAJECTORIES
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.evaluation.audit import Audit
from toolrec_cli.evaluation.report import Report
from toolrec_cli.evaluation.variants import Comparison
from toolrec_cli.evaluation.what_if import WhatIf
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.operations.runs import described
from toolrec_cli.operations.whole import Figures, check_whole
from toolrec_cli.storage.atomic import write_text
from toolrec_cli.storage.log import has_lines
from toolrec_cli.storage.run_dir import MANIFEST, RunDir, find_run, list_runs

REPORT, WHAT_IF, METRICS = "report.json", "what-if.json", "metrics.jsonl"

_KINDS: dict[str, tuple[str, type[Figures]]] = {
    "eval": (REPORT, Report),
    "ablate": (REPORT, Comparison),
    "stress": (REPORT, Comparison),
    "audit": (REPORT, Audit),
    "what-if": (WHAT_IF, WhatIf),
}
"""Verb -> where its figures are, and what they are."""

_NEWEST = 1
"""The schema of all of these."""


@dataclass(frozen=True)
class Told:
    """One run: what `toolrec runs show` knows of it, its figures (None: it has none, or not yet), the epochs of a training, and
    some of its explorations.
    """

    run: RunDir
    about: dict[str, Any]
    figures: Figures | None
    epochs: tuple[Epoch, ...]
    explored: tuple[Trajectory, ...]
    has_trajectories: bool
    within: tuple[str, ...]
    """Directories of the runs within this one."""
    workspace: Path
    """Where its data set is to be looked for."""


def gather(workspace: Path, names: Sequence[str], users: Sequence[str] | None, most: int) -> list[Told]:
    """Of every run named (none: the newest that has anything to show, of any users if some are named), with the explorations of
    `users`, or the first `most`. Its path is whole, however it was named: a page is read elsewhere.

    Raises InputError for a run that is not there, or has a file that is damaged or newer than this program; UsageError for a
    user who is in none of them.
    """
    runs = workspace / "runs"
    every = list_runs(runs)
    named = [find_run(runs, name) for name in names] or [_newest(runs, every, explored=users is not None)]
    chosen = [RunDir(path, run.manifest) for path, run in {run.path.resolve(): run for run in named}.items()]
    explored = _first(chosen, most) if users is None else _of_users(chosen, users)
    return [_told(workspace, every, run, of_run) for run, of_run in zip(chosen, explored, strict=True)]


def _newest(runs: Path, every: Sequence[RunDir], *, explored: bool) -> RunDir:
    """The newest that has anything to show; with `explored`, of users."""
    for run in every:
        if _has_anything(run) and (_has_trajectories(run) or not explored):
            return run
    raise InputError(
        f"No run in {runs} has anything to show.",
        hint="Type: toolrec recommend --user 42, or name a run by its directory.",
    )


def _has_anything(run: RunDir) -> bool:
    """Whether it is over, or has figures, an epoch or an exploration: a training has a result before it has any of these."""
    logs, figures = (TRAJECTORIES, METRICS), (REPORT, WHAT_IF)
    return (
        run.manifest.status == "done"
        or any(has_lines(run.path / name) for name in logs)
        or any((run.path / name).is_file() for name in figures)
    )


def _told(workspace: Path, every: list[RunDir], run: RunDir, explored: Sequence[Trajectory]) -> Told:
    return Told(
        run=run,
        about=described(every, run),
        figures=_figures(run),
        epochs=_epochs(run.path / METRICS),
        explored=tuple(explored),
        has_trajectories=_has_trajectories(run),
        within=tuple(sorted(str(each.parent) for each in run.path.glob(f"*/{MANIFEST}"))),
        workspace=_workspace_of(run) or workspace.resolve(),
    )


def _workspace_of(run: RunDir) -> Path | None:
    """The workspace in whose `runs` it lies; None for one that was made by --out, or within another."""
    return run.path.parents[1] if run.path.parent.name == "runs" else None


def _figures(run: RunDir) -> Figures | None:
    """What the run found out; None where it has nothing of the kind, or not yet."""
    file, kind = _KINDS.get(run.manifest.verb, (None, None))
    if file is None or kind is None or not (run.path / file).is_file():
        return None
    raw = (run.path / file).read_bytes()
    try:
        version = TypeAdapter(dict[str, Any]).validate_json(raw)["schema_version"]
        if version <= _NEWEST:
            found = TypeAdapter(kind).validate_json(raw)
            check_whole(found)
            return found
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run.path / file} cannot be read ({str(error).splitlines()[0]}).") from error
    raise InputError(
        f"{run.path / file} has schema {version}; this toolrec reads up to {_NEWEST}.", hint="Upgrade toolrec."
    )


def _epochs(path: Path) -> tuple[Epoch, ...]:
    """The epochs of a training that are over; a line that is not whole yet is none."""
    if not path.is_file():
        return ()
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    adapter, found = TypeAdapter(Epoch), list[Epoch]()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(adapter.validate_json(line))
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}, line {number}, is not an epoch of a training ({reason}).") from error
    return tuple(found)


def _has_trajectories(run: RunDir) -> bool:
    return (run.path / TRAJECTORIES).is_file()


def _first(chosen: Sequence[RunDir], most: int) -> list[list[Trajectory]]:
    """The first `most` of each run; what comes after them is not read into memory."""
    return [
        list(islice(read_trajectories(run.path / TRAJECTORIES, under_way=_is_under_way(run)), most))
        if _has_trajectories(run)
        else []
        for run in chosen
    ]


def _is_under_way(run: RunDir) -> bool:
    """Whether its record may end in a line that is not whole: while it is written, and when its writer was killed."""
    return run.manifest.status == "running"


def _of_users(chosen: Sequence[RunDir], users: Sequence[str]) -> list[list[Trajectory]]:
    """Those of `users` whom each run explored for, in the order named."""
    if not any(map(_has_trajectories, chosen)):
        names = ", ".join(run.name for run in chosen)
        raise UsageError(
            f"Nobody was explored for in {names}.", hint="Leave out --user, or name a run of recommend or eval."
        )
    per_run: list[list[Trajectory]] = []
    there: dict[str, None] = {}
    found: set[str] = set()
    for run in chosen:
        path, under_way = run.path / TRAJECTORIES, _is_under_way(run)
        on_record, asked = read_users(path, users, under_way=under_way) if path.is_file() else ({}, [])
        per_run.append([on_record[user_id] for user_id in dict.fromkeys(users) if user_id in on_record])
        there |= dict.fromkeys(asked)
        found |= on_record.keys()
    for user_id in users:
        if user_id not in found:
            raise UsageError(unknown("user", user_id, there, hint=f"{len(there):,} users were explored for."))
    return per_run


BEGINS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="toolrec report">
"""
"""How a page of ours begins: by this it is known that it may be replaced."""


def check_place(out: Path) -> None:
    """Raise UsageError where a page cannot go: there is no such folder, or something there that is not one of ours."""
    if not out.parent.is_dir():
        raise UsageError(f"The folder of --out {out} does not exist.", hint="Make it, or choose another place.")
    if out.exists() and not _is_ours(out):
        raise UsageError(
            f"{out} is there already, and is no page of toolrec report.", hint="Choose another --out, or remove it."
        )


def _is_ours(out: Path) -> bool:
    if not out.is_file():
        return False
    with out.open("rb") as file:
        return file.read(len(BEGINS)) == BEGINS.encode()


def write_page(out: Path, page: str) -> None:
    """Write it, whole or not at all. Replaces an earlier page; raises UsageError for anything else that is there, and where the
    system has no place for a file (/proc).
    """
    check_place(out)
    try:
        write_text(out, page)
    except FileNotFoundError as error:
        raise UsageError(f"{out} cannot be made.", hint="Choose another --out.") from error
