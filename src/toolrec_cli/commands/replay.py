"""toolrec replay"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.supposing import Supposed, what_if

AT_ONCE = 20
"""Users that are shown of a run of many, unless all are asked for."""


@dataclass(frozen=True)
class Shown:
    """What is shown of a run, and how."""

    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", metavar="ID", help="Only these users (repeatable).")
    ] = None
    everybody: Annotated[
        bool, typer.Option("--all", help=f"Everybody of a run of many; without it the first {AT_ONCE}.")
    ] = False
    step: Annotated[int | None, typer.Option("--step", min=1, help="Only this round.")] = None
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation.")] = 8
    plain: Annotated[bool, typer.Option("--plain", help="Lines without frames, on stdout.")] = False
    pager: Annotated[
        bool, typer.Option("--pager/--no-pager", help="On a terminal, show what is longer than a screen in a pager.")
    ] = True


@llm.with_model_asked
@grouped
def replay(
    ctx: typer.Context,
    *,
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run's directory or name. Default: the newest with trajectories."),
    ] = None,
    shown: Shown,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN2", help="Compare: whose lists differ, and where they part.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Explore anew with the real tools, and compare with the record.")
    ] = False,
    supposed: Supposed,
    as_json: Annotated[bool, typer.Option("--json", help="JSON: the recorded trajectories, one a line.")] = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Show a recorded run as it was traced. Nothing is computed again, unless it is to be verified, or something supposed.

    [bold]toolrec replay RUN --user 42[/bold]; with --against RUN2 beside another run's.
    [bold]toolrec replay RUN --verify[/bold]: exit code 6 at the first thing that is not as recorded.
    [bold]toolrec replay RUN --what-if rank=off --what-if max-rounds=3[/bold]: what would have changed in lists and metrics.
    """
    from toolrec_cli.render.pager import paged

    meant = {"--verify": verify, "--against": against, "--what-if": supposed.what_if, "--resume": supposed.resume}
    _one_at_a_time(ctx, meant)
    if verify:
        return _verify(workspace, run, shown.user)
    if supposed.what_if or supposed.resume:
        return what_if(ctx, workspace, run, shown.user, supposed, as_json=as_json)
    with paged(wanted=shown.pager and not as_json):
        if against is not None:
            return _compare(workspace, run, against, shown, as_json=as_json)
        return _show(workspace, run, shown, as_json=as_json)


def _one_at_a_time(ctx: typer.Context, given: dict[str, Any]) -> None:
    """Raises UsageError for meanings of replay that exclude each other, and for options that say nothing in this one."""
    from toolrec_cli.errors import UsageError

    said = [name for name, value in given.items() if value]
    if len(said) > 1:
        raise UsageError(f"{said[0]} and {said[1]} exclude each other.", hint="A replay does one of them at a time.")
    of_what_if = ("--out", "--yes", "--allow-drift", "--workers", *llm.asked_options())
    if not {"--what-if", "--resume"} & {*said} and (idle := [n for n in options.all_typed(ctx) if n in of_what_if]):
        raise UsageError(f"{idle[0]} says nothing here: nobody is asked anything.", hint="It belongs to --what-if.")


def _show(workspace: Path, run: str | None, shown: Shown, *, as_json: bool) -> None:
    from toolrec_cli.agent.replay import recorded
    from toolrec_cli.errors import UsageError
    from toolrec_cli.render.console import print_json_line, say
    from toolrec_cli.render.ranking import print_rankings, trajectory_document
    from toolrec_cli.render.trace import print_plain, print_trace

    most = 0
    for number, trajectory in enumerate(recorded(workspace / "runs", run, shown.user)):
        most = max(most, len(trajectory.steps))
        if number == AT_ONCE and not (as_json or shown.everybody or shown.user):
            say(f"The first {AT_ONCE} users; --user ID shows one, --all everybody.", style="dim")
            break
        if as_json:
            print_json_line(trajectory_document(trajectory))
        elif shown.plain:
            print_plain(trajectory, shown.rows, shown.step)
        else:
            print_trace(trajectory, shown.rows, shown.step)
            if shown.step is None:
                print_rankings([trajectory], as_json=False)
    if shown.step is not None and shown.step > most > 0:
        raise UsageError(f"There is no step {shown.step}: whoever is shown has {most} at most.")


def _verify(workspace: Path, name: str | None, users: list[str] | None) -> None:
    from toolrec_cli.agent.replay import run_with_trajectories
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.verifying import verify
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars
    from toolrec_cli.wording import counted

    setting = Setting(workspace)
    run = run_with_trajectories(setting.runs, name)
    with bars() as progress:
        n_same = verify(setting, open_dataset(workspace, run.manifest.dataset), run, users, progress)
    say(
        f"{counted(n_same, 'user')} explored anew: every thought, action and observation is as recorded.", style="green"
    )


def _compare(workspace: Path, one: str | None, other: str, shown: Shown, *, as_json: bool) -> None:
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.verifying import against
    from toolrec_cli.render.comparison import print_comparison

    pairs = against(Setting(workspace), one, other, shown.user)
    print_comparison(pairs, side_by_side=shown.user is not None, as_json=as_json, step=shown.step)
