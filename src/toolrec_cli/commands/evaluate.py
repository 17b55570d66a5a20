"""toolrec eval"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.again import again, resumable


class Split(StrEnum):
    """The part of the split whose items are held out."""

    VALIDATION = "validation"
    TEST = "test"


@resumable
def evaluate(
    ctx: typer.Context,
    dataset: options.DatasetName = None,
    users: Annotated[
        str, typer.Option("--users", metavar="N|all", help="So many users, drawn by the seed; or all of them.")
    ] = "all",
    split: Annotated[Split, typer.Option(help="Which held-out items to look for.")] = Split.TEST,
    k: Annotated[
        list[int] | None, typer.Option("--k", min=1, max=100, help="Cut-offs (repeatable). Default: 10.")
    ] = None,
    max_rounds: options.Rounds = 7,
    attributes: options.Attributes = None,
    backbone: options.Backbone = None,
    tuned: options.Tuned = True,
    resume: options.Resume = None,
    allow_drift: options.AllowDrift = False,
    workers: options.Workers = None,
    seed: options.Seed = 42,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Many users -> metrics with 95 % intervals: backbone, each tool alone, their fusion, and the surrogate.

    Every user asked is in the denominator, and no held-out item is read before all lists are written.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec eval ml-1m[/bold]
    [bold]toolrec eval ml-1m --users 200 --split validation[/bold]
    """
    from toolrec_cli.agent.loop import Limits
    from toolrec_cli.commands import ready
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.asking import Pace
    from toolrec_cli.operations.evaluating import EvalPlan
    from toolrec_cli.operations.evaluating import evaluate as run_evaluate
    from toolrec_cli.operations.exploring import AgentPlan
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.report import print_report

    if users != "all" and not (users.isdecimal() and int(users) > 0):
        raise UsageError(f"--users takes a number above 0, or all; not {users!r}.")
    found = ready.dataset(workspace, dataset)
    ready.known(found, attributes=attributes)
    setting = Setting(workspace, seed, out, options.call_of(ctx))
    ready.trained(setting, found)
    ks = tuple(sorted(set(k or [10])))
    agent = AgentPlan(backbone, attributes, Limits(max(10, *ks), max_rounds), Part(split.value), tuned)
    plan = EvalPlan(agent, None if users == "all" else int(users), ks)
    with bars() as progress:
        goes_on = again(workspace, resume, allow_drift)
        run, report = run_evaluate(setting, found, plan, progress, again=goes_on, pace=Pace(workers=workers))
    print_report(report, as_json=as_json)
    say(f"Recorded in {run.path}. One user: toolrec replay {run.path} --user ID", style="dim")
