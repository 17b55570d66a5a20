"""toolrec replay --what-if"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options


@dataclass(frozen=True)
class Supposed:
    """What is supposed, and how the run that finds out goes."""

    PANEL: ClassVar[str] = "What if"
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="NAME=VALUE",
            help="Explore anew with this changed: memory=off, rank=off, attributes=A,B, max-rounds=N, backbone=RUN, fusion=NAME.",
        ),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask the model what is not on record, unasked.")] = False
    resume: Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Go on with a what-if run.")] = None
    allow_drift: Annotated[
        bool,
        typer.Option("--allow-drift", help="Resume although something has changed; it is recorded."),
    ] = False
    out: options.Out = None
    workers: options.Workers = None


def what_if(
    ctx: typer.Context,
    workspace: Path,
    name: str | None,
    users: list[str] | None,
    supposed: Supposed,
    *,
    as_json: bool,
) -> None:
    """Explore anew with what is supposed, or go on with a run that did; print what changed. Exit code 5 where some went unasked.

    The options about a model are read from the context.
    """
    import os

    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.asking import Pace
    from toolrec_cli.operations.planned import plan_of
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.what_if import what_if as run_what_if
    from toolrec_cli.render.progress import bars

    parent, again, said = _of_whom(workspace, name, users, supposed)
    has_model = plan_of(parent).model is not None
    _known(ctx, parent, has_model=has_model)
    setting = Setting(workspace, out=supposed.out, call=options.call_of(ctx), environment=os.environ)
    with bars() as progress:
        run, found = run_what_if(
            setting,
            open_dataset(workspace, parent.manifest.dataset),
            parent,
            said,
            users,
            model=llm.over_recorded(ctx, workspace),
            consent=lambda left, bill: _consent(left, bill, yes=supposed.yes),
            again=again,
            progress=progress,
            pace=Pace(ctx.params["concurrency"] if has_model else 1, supposed.workers),
        )
    _print(run, found, parent, workspace, as_json=as_json)


def _print(run: Any, found: Any, parent: Any, workspace: Path, *, as_json: bool) -> None:
    from toolrec_cli.errors import PARTLY
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.console import say
    from toolrec_cli.render.outcome import untuned
    from toolrec_cli.render.what_if import print_what_if
    from toolrec_cli.wording import counted

    print_what_if(found, as_json=as_json)
    say_usage(run.manifest.result, kept="the record or the cache")
    for note in untuned(run.manifest.result.get("untuned", "")) if "ranker" in parent.manifest.inputs else ():
        say(note, style="dim")
    side_by_side = f"toolrec replay {parent.typed} --against {run.typed} --user ID"
    say(f"Recorded in {run.path}. Side by side: {side_by_side}", style="dim")
    if found.told and (n := found.told.n_unasked):
        go_on = options.command(f"replay --resume {run.typed} --yes", workspace)
        left = counted(n, "user")
        say(f"Left the record, and the model was not asked for them: {left}. To ask it: {go_on}", style="red")
        raise typer.Exit(PARTLY)


def _of_whom(
    workspace: Path, name: str | None, users: list[str] | None, supposed: Supposed
) -> tuple[Any, Any, list[str]]:
    """The run that is replayed, the one that goes on, and what is supposed."""
    from toolrec_cli.agent.replay import run_with_trajectories
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.planned import WhatIfPlan, whole_plan
    from toolrec_cli.operations.resuming import Again
    from toolrec_cli.storage.run_dir import find_run

    runs = workspace / "runs"
    if supposed.resume is None:
        return run_with_trajectories(runs, name), None, supposed.what_if or []
    run = find_run(runs, supposed.resume)
    plan = whole_plan(run)
    if not isinstance(plan, WhatIfPlan):
        hint = f"Type: toolrec {run.manifest.verb} --resume {run.typed}"
        raise UsageError(f"{run.path} is a {run.manifest.verb} run, in which nothing is supposed.", hint=hint)
    if name or users:
        raise UsageError("With --resume, of whom a what-if is asked is settled.", hint="Leave RUN and --user out.")
    return run_with_trajectories(runs, plan.parent), Again(run, supposed.allow_drift), list(plan.supposed)


def _known(ctx: typer.Context, parent: Any, *, has_model: bool) -> None:
    """Raises UsageError for options about a language model where none explored."""
    from toolrec_cli.errors import UsageError

    idle = [name for name in options.all_typed(ctx) if name in llm.asked_options()]
    if idle and not has_model:
        raise UsageError(f"{parent.path} was explored without a language model: {idle[0]} says nothing here.")


def _consent(left: Sequence[Any], bill: Any, *, yes: bool) -> bool:
    """Whether the model may be asked for those who left the record: --yes, or the answer of somebody at a terminal."""
    from toolrec_cli.render.what_if import say_bill

    say_bill(left, bill)
    if yes:
        return True
    return sys.stdin.isatty() and typer.confirm("Ask it?", err=True)
