"""toolrec recommend"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options
from toolrec_cli.commands.again import again, resumable


@resumable
@llm.with_model
def recommend(
    ctx: typer.Context,
    dataset: options.DatasetName = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", metavar="ID", help="Whom to recommend to (repeatable).")
    ] = None,
    users: Annotated[
        str | None,
        typer.Option(
            "--users",
            metavar="all|N|FILE|-",
            help="Many: all; so many, drawn by the seed; or those a file, or the standard input, names, an id a line.",
        ),
    ] = None,
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
    resume: options.Resume = None,
    allow_drift: options.AllowDrift = False,
    workers: options.Workers = None,
    runner: options.Runner = "local",
    ray_address: options.RayAddress = None,
    seed: options.Seed = 42,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """One user or many -> a list each, explored by the built-in surrogate: no LLM, no network, no cost.

    With --model a language model explores instead; --dry-run says beforehand what that may cost.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec recommend --user 42 --trace[/bold]
    [bold]toolrec recommend ml-1m --users all --json[/bold] prints a JSON document a user.
    [bold]toolrec recommend ml-1m --user 42 --trace --model qwen3:8b --base-url http://localhost:11434/v1[/bold]
    """
    import os

    from toolrec_cli.agent.loop import Limits
    from toolrec_cli.commands import ready
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.operations.exploring import AgentPlan, explore_all
    from toolrec_cli.operations.resuming import recorded
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.console import say
    from toolrec_cli.render.outcome import print_documents, print_outcome
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.ranking import print_rankings
    from toolrec_cli.render.trace import LiveTrace

    _one_way(user, users, resume)
    pace = llm.pace(ctx.params, watched=trace)
    found = ready.dataset(workspace, dataset)
    setting = Setting(workspace, seed, out, options.call_of(ctx), os.environ)
    goes_on = again(workspace, resume, allow_drift)
    user_ids = _whom(found, goes_on, user, users, seed)
    found.user_indices(user_ids)
    ready.known(found, attributes=attributes)
    if users is not None and users.isdecimal() and goes_on is None:
        ready.all_there_are(int(users), found.n_users, f"in {found.name}")
    ready.trained(setting, found)
    model_plan = llm.model_plan(ctx.params, workspace)
    before = None if full_history else Part.TEST
    plan = AgentPlan(backbone, attributes, Limits(n, max_rounds), before, tuned, model_plan)
    if ctx.params["dry_run"]:
        llm.show_dry_run(setting, found, user_ids, goes_on, plan, as_json)
        return
    on_step = LiveTrace(rows).step if trace else None
    with bars(shown=not trace) as progress:
        run, outcome = explore_all(
            setting,
            found,
            user_ids,
            plan,
            again=goes_on,
            on_step=on_step,
            progress=progress,
            pace=pace,
        )
    if users is None:
        print_rankings(list(recorded(run).trajectories()), as_json=as_json)
    elif as_json:
        print_documents(recorded(run).trajectories())
    else:
        print_outcome(outcome)
    one = "" if users is None else " --user ID"
    say(f"Recorded in {run.path}. Again: toolrec replay {run.path}{one}", style="dim")
    say_usage(run.manifest.result)
    if tuned and (why := run.manifest.result.get("untuned")):
        say(f"The surrogate went untuned: {why}.", style="dim")
    left_out = "" if full_history else ", which was not told the newest, held-out item (--full-history tells it all)"
    say(f"By {outcome.surrogate}{left_out}.", style="dim")
    options.leave_if_unfinished(run, outcome.statuses, outcome.users, model=model_plan is not None)


def _one_way(user: list[str] | None, users: str | None, resume: str | None) -> None:
    from toolrec_cli.errors import UsageError

    if user and users is not None:
        raise UsageError("--user and --users exclude each other.", hint="--users FILE takes an id a line.")
    if not user and users is None and resume is None:
        raise UsageError("Whom should be recommended to?", hint="Type: --user ID, or --users all|N|FILE|-")


def _whom(found: Any, goes_on: Any, user: list[str] | None, users: str | None, seed: int) -> list[str]:
    """Whom the run asks."""
    from toolrec_cli.operations.resuming import asked
    from toolrec_cli.operations.whom import chosen

    if goes_on is not None:
        return asked(goes_on.run)
    if users is not None:
        return chosen(found, users, seed, sys.stdin)
    return list(dict.fromkeys(user or ()))
