"""toolrec stress"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.again import resumable
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output, Resumed, Surrogate


@resumable
@grouped
def stress(
    ctx: typer.Context,
    *,
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="ids|histories", help="What goes wrong: names (ids), or histories; not said with --resume."
        ),
    ] = None,
    dataset: options.DatasetName = None,
    users: options.UsersOrAll = "500",
    split: options.Split = "test",
    rates: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="PER CENT[,…]", help="ids: how many names go wrong. Default: 1,5,20."),
    ] = None,
    reruns: Annotated[int, typer.Option(min=0, max=10, help="ids: how often a tool is run again.")] = 1,
    surrogate: Surrogate,
    resumed: Resumed,
    output: Output,
) -> None:
    """What becomes of the lists when names go wrong on their way to memory, or when a history makes no sense.

    Always against the same users, unstressed. Lists are written before any held-out item is read.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec stress ids ml-1m --rate 1,5,20 --reruns 1[/bold]
    [bold]toolrec stress histories ml-1m --users all[/bold]
    """
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.stressing import StressPlan
    from toolrec_cli.operations.stressing import stress as run_stress
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.variants import print_comparison, say_recorded

    kind = _known(kind, output.workspace)
    shares = tuple(rate / 100 for rate in options.cutoffs(rates or ["1,5,20"], option="--rate"))
    n_users = options.number_or_all(users, "--users")
    found = ready.dataset(output.workspace, dataset)
    ready.known(found, attributes=surrogate.attributes)
    setting, again = output.setting(ctx), resumed.again(output.workspace)
    if again is None:
        ready.all_there_are(n_users, *options.held_out(found, split))
    ready.trained(setting, found)
    plan = StressPlan(surrogate.plan(split), n_users, shares, reruns)
    ready.tools(setting, found, plan.agent)
    with bars() as progress:
        run, compared = run_stress(setting, found, kind, plan, progress, again)
    print_comparison(compared, as_json=output.as_json)
    say_recorded(run.path)


def _known(kind: str | None, workspace: Path) -> str:
    """What is to go wrong. Raises UsageError where it was not said, not even when a data set was."""
    from toolrec_cli.data.library import prepared
    from toolrec_cli.errors import UsageError, unknown
    from toolrec_cli.operations.stressing import KINDS

    if kind in KINDS:
        return kind
    if kind is None or kind in prepared(workspace):
        dataset = "" if kind is None else f" {kind}"
        both = ", or ".join(options.command(f"stress {each}{dataset}", workspace) for each in KINDS)
        raise UsageError("What is to go wrong, ids or histories?", hint=f"Type: {both}")
    raise UsageError(
        unknown("stress", kind, KINDS), hint="Type: toolrec stress ids DATASET, or toolrec stress histories DATASET"
    )
