"""toolrec replay"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options

AT_ONCE = 20
"""Users that are shown of a run of many, unless all are asked for."""


def replay(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's directory or name. Default: the newest with trajectories."),
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", metavar="ID", help="Only these users (repeatable).")
    ] = None,
    step: Annotated[int | None, typer.Option("--step", min=1, help="Only this round.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation.")] = 8,
    plain: Annotated[bool, typer.Option("--plain", help="Lines without frames, on stdout.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN2", help="Compare: whose lists differ, and where they part.")
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help=f"Everybody of a run of many; without it the first {AT_ONCE}.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Explore anew with the real tools, and compare with the record.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The recorded trajectories, a JSON document a line.")] = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Show a recorded run as it was traced. Nothing is computed again, unless it is to be verified.

    [bold]toolrec replay RUN --user 42[/bold]
    [bold]toolrec replay RUN --against RUN2[/bold]
    [bold]toolrec replay RUN --verify[/bold]: exit code 6 at the first thing that is not as recorded.
    """
    from toolrec_cli.agent.replay import recorded
    from toolrec_cli.render.console import print_json_line, say
    from toolrec_cli.render.ranking import print_rankings, trajectory_document
    from toolrec_cli.render.trace import print_plain, print_trace

    if verify:
        return _verify(workspace, run, user)
    if against is not None:
        return _compare(workspace, run, against, user, as_json)
    for number, trajectory in enumerate(recorded(workspace / "runs", run, user)):
        if number == AT_ONCE and not (as_json or everybody or user):
            say(f"The first {AT_ONCE} users; --user ID shows one, --all everybody.", style="dim")
            break
        if as_json:
            print_json_line(trajectory_document(trajectory))
        elif plain:
            print_plain(trajectory, rows, step)
        else:
            print_trace(trajectory, rows, step)
            if step is None:
                print_rankings([trajectory], as_json=False)
    return None


def _verify(workspace: Path, name: str | None, users: list[str] | None) -> None:
    from toolrec_cli.agent.replay import run_with_trajectories
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.verifying import verify
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars

    setting = Setting(workspace)
    run = run_with_trajectories(setting.runs, name)
    with bars() as progress:
        n_same = verify(setting, open_dataset(workspace, run.manifest.dataset), run, users, progress)
    say(f"{n_same:,} users explored anew: every thought, action and observation is as recorded.", style="green")


def _compare(workspace: Path, one: str | None, other: str, users: list[str] | None, as_json: bool) -> None:
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.verifying import against
    from toolrec_cli.render.comparison import print_comparison

    pairs = against(Setting(workspace), one, other, users)
    print_comparison(pairs, side_by_side=users is not None, as_json=as_json)
