"""toolrec recommend"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options


def recommend(
    ctx: typer.Context,
    user: Annotated[list[str], typer.Option("--user", "-u", metavar="ID", help="Whom to recommend to (repeatable).")],
    dataset: options.DatasetName = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show every thought, action and observation (stderr).")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation in a trace.")] = 8,
    n: options.Length = 10,
    max_rounds: options.Rounds = 7,
    attributes: options.Attributes = None,
    backbone: options.Backbone = None,
    tuned: options.Tuned = True,
    full_history: Annotated[
        bool,
        typer.Option("--full-history", help="Use every interaction, the held-out ones too (to serve, not to score)."),
    ] = False,
    seed: options.Seed = 42,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """One user or more -> a list each, explored by the built-in surrogate: no LLM, no network, no cost.

    [bold]toolrec recommend --user 42 --trace[/bold]
    [bold]toolrec recommend ml-1m --user 42 --user 7 --json[/bold] prints a JSON document a user.
    """
    from toolrec_cli.agent.loop import Limits
    from toolrec_cli.agent.trajectory import Status
    from toolrec_cli.commands import ready
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.errors import PARTLY
    from toolrec_cli.operations.exploring import AgentPlan
    from toolrec_cli.operations.exploring import recommend as run_recommend
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.console import say
    from toolrec_cli.render.ranking import print_rankings
    from toolrec_cli.render.trace import LiveTrace

    found = ready.dataset(workspace, dataset)
    setting = Setting(workspace, seed, out, options.call_of(ctx))
    ready.known(found, users=user, attributes=attributes)
    ready.trained(setting, found)
    plan = AgentPlan(backbone, attributes, Limits(n, max_rounds), None if full_history else Part.TEST, tuned)
    on_step = LiveTrace(rows).step if trace else None
    run, done = run_recommend(setting, found, list(dict.fromkeys(user)), plan, on_step)
    print_rankings(done, as_json=as_json)
    say(f"Recorded in {run.path}. Again: toolrec replay {run.path}", style="dim")
    if tuned and (why := run.manifest.result.get("untuned")):
        say(f"The surrogate went untuned: {why}.", style="dim")
    left_out = "" if full_history else ", which was not told the newest, held-out item (--full-history tells it all)"
    say(f"By {done[0].surrogate}{left_out}.", style="dim")
    if any(trajectory.status is Status.FAILED for trajectory in done):
        say("Not everybody has a list: see the status.", style="red")
        raise typer.Exit(PARTLY)
