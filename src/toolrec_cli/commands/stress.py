"""toolrec stress"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.again import again, resumable


@resumable
def stress(
    ctx: typer.Context,
    kind: Annotated[
        Literal["ids", "histories"] | None, typer.Argument(metavar="ids|histories", help="What goes wrong.")
    ] = None,
    dataset: options.DatasetName = None,
    users: Annotated[str, typer.Option(metavar="N|all", help="So many users, drawn by the seed; or all.")] = "500",
    split: options.Split = "test",
    rates: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="PER CENT[,…]", help="ids: how many names go wrong. Default: 1,5,20."),
    ] = None,
    reruns: Annotated[int, typer.Option(min=0, max=10, help="ids: how often a tool is run again.")] = 1,
    n: options.Length = 10,
    max_rounds: options.Rounds = 7,
    attributes: options.Attributes = None,
    backbone: options.Backbone = None,
    tuned: options.Tuned = True,
    resume: options.Resume = None,
    allow_drift: options.AllowDrift = False,
    seed: options.Seed = 42,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """What becomes of the lists when names go wrong on their way to memory, or when a history makes no sense.

    Always against the same users, unstressed. Lists are written before any held-out item is read.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec stress ids ml-1m --rate 1,5,20 --reruns 1[/bold]
    [bold]toolrec stress histories ml-1m --users all[/bold]
    """
    from toolrec_cli.agent.loop import Limits
    from toolrec_cli.commands import ready
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.exploring import AgentPlan
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.stressing import StressPlan
    from toolrec_cli.operations.stressing import stress as run_stress
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.variants import print_comparison

    if kind is None:
        raise UsageError("What is to go wrong?", hint="Type: toolrec stress ids, or toolrec stress histories.")
    shares = tuple(rate / 100 for rate in options.cutoffs(rates or ["1,5,20"], option="--rate"))
    n_users = options.number_or_all(users, "--users")
    found = ready.dataset(workspace, dataset)
    ready.known(found, attributes=attributes)
    setting = Setting(workspace, seed, out, options.call_of(ctx))
    ready.trained(setting, found)
    agent = AgentPlan(backbone, attributes, Limits(n, max_rounds), Part(split), tuned)
    goes_on = again(workspace, resume, allow_drift)
    if goes_on is None:
        ready.all_there_are(n_users, len(found.users_with(Part(split))), f"with a held-out item ({split} split)")
    plan = StressPlan(agent, n_users, shares, reruns)
    with bars() as progress:
        run, compared = run_stress(setting, found, kind, plan, progress, goes_on)
    print_comparison(compared, as_json=as_json)
    say(f"Recorded in {run.path}: variants.parquet, variants.svg, rankings.parquet, report.json", style="dim")
