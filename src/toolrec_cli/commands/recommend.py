"""toolrec recommend"""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options
from toolrec_cli.commands.again import resumable
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output, Resumed, Surrogate, Work


@dataclass(frozen=True)
class Whom:
    """To whom."""

    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", metavar="ID", help="Whom to recommend to (repeatable).")
    ] = None
    users: Annotated[
        str | None,
        typer.Option(
            "--users",
            metavar="all|N|FILE|-",
            help="Many: all; so many, drawn by the seed; or those a file, or the standard input, names, an id a line.",
        ),
    ] = None


@dataclass(frozen=True)
class Traced:
    """What is shown while it explores."""

    trace: Annotated[bool, typer.Option("--trace", help="Show every thought, action and observation (stderr).")] = False
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation in a trace.")] = 8

    def on_step(self) -> Any:
        """What is told of every step; None where nothing is shown."""
        from toolrec_cli.render.trace import LiveTrace

        return LiveTrace(self.rows).step if self.trace else None


@resumable
@llm.with_model
@grouped
def recommend(
    ctx: typer.Context,
    *,
    dataset: options.DatasetName = None,
    whom: Whom,
    traced: Traced,
    full_history: Annotated[
        bool,
        typer.Option("--full-history", help="Use every interaction, the held-out ones too (to serve, not to score)."),
    ] = False,
    surrogate: Surrogate,
    resumed: Resumed,
    work: Work,
    output: Output,
) -> None:
    """One user or many -> a list each, explored by the built-in surrogate: no LLM, no network, no cost.

    With --model a language model explores instead; --dry-run says beforehand what that may cost.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec recommend --user 42 --trace[/bold]
    [bold]toolrec recommend ml-1m --users all --json[/bold] prints a JSON document a user.
    [bold]toolrec recommend ml-1m --user 42 --trace --model qwen3:8b --base-url http://localhost:11434/v1[/bold]
    """
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.exploring import explore_all
    from toolrec_cli.render.progress import bars

    _one_way(whom.user, whom.users, resumed.resume)
    pace = llm.pace(ctx.params, work, watched=traced.trace)
    found = ready.dataset(output.workspace, dataset)
    setting, again = output.setting(ctx), resumed.again(output.workspace)
    user_ids = _whom(found, again, whom, output.seed)
    found.user_indices(user_ids)
    ready.known(found, attributes=surrogate.attributes)
    if whom.users is not None and whom.users.isdecimal() and again is None:
        ready.all_there_are(int(whom.users), found.n_users, f"in {found.name}")
    plan = surrogate.plan(None if full_history else "test", llm.model_plan(ctx.params, output.workspace))
    ready.trained(setting, found)
    ready.tools(setting, found, plan)
    if ctx.params["dry_run"]:
        return llm.show_dry_run(setting, found, user_ids, again, plan, output.as_json)
    with bars(shown=not traced.trace) as progress:
        run, outcome = explore_all(
            setting, found, user_ids, plan, again=again, on_step=traced.on_step(), progress=progress, pace=pace
        )
    _print(run, outcome, many=whom.users is not None, as_json=output.as_json)
    _say_how(run, outcome, plan, many=whom.users is not None)
    options.leave_if_unfinished(run, outcome.statuses, outcome.users, model=plan.model is not None)


def _print(run: Any, outcome: Any, *, many: bool, as_json: bool) -> None:
    """The lists; of many, as JSON, else how it ended."""
    from toolrec_cli.operations.resuming import recorded
    from toolrec_cli.render.outcome import print_documents, print_outcome
    from toolrec_cli.render.ranking import print_rankings

    if not many:
        print_rankings(list(recorded(run).trajectories()), as_json=as_json)
    elif as_json:
        print_documents(recorded(run).trajectories())
    else:
        print_outcome(outcome)


def _say_how(run: Any, outcome: Any, plan: Any, *, many: bool) -> None:
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.console import say
    from toolrec_cli.render.outcome import say_retrieval, untuned

    say(f"Recorded in {run.path}. Again: toolrec replay {run.typed}{' --user ID' if many else ''}", style="dim")
    say_usage(run.manifest.result)
    say_retrieval(run.manifest.result)
    for note in untuned(run.manifest.result.get("untuned", "")) if plan.tuned else ():
        say(note, style="dim")
    told_all = plan.before is None
    left_out = "" if told_all else ", which was not told the newest, held-out item (--full-history tells it all)"
    say(f"By {outcome.surrogate}{left_out}.", style="dim", prose=True)


def _one_way(user: list[str] | None, users: str | None, resume: str | None) -> None:
    from toolrec_cli.errors import UsageError

    if user and users is not None:
        raise UsageError("--user and --users exclude each other.", hint="--users FILE takes an id a line.")
    if not user and users is None and resume is None:
        raise UsageError("Whom should be recommended to?", hint="Type: --user ID, or --users all|N|FILE|-")


def _whom(found: Any, again: Any, whom: Whom, seed: int) -> list[str]:
    """Whom the run asks."""
    from toolrec_cli.operations.resuming import asked
    from toolrec_cli.operations.whom import chosen

    if again is not None:
        return asked(again.run)
    if whom.users is not None:
        return chosen(found, whom.users, seed, sys.stdin)
    return list(dict.fromkeys(whom.user or ()))
