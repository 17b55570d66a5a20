"""toolrec replay"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options


def replay(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's directory or name. Default: the newest with trajectories."),
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", metavar="ID", help="Only these users (repeatable).")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="The recorded trajectories, a JSON document a line.")] = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Show a recorded run as it was traced. Nothing is computed again.

    [bold]toolrec replay[/bold] shows the newest run.
    [bold]toolrec replay RUN --user 42[/bold]
    """
    from toolrec_cli.agent.replay import recorded
    from toolrec_cli.render.console import print_json_line
    from toolrec_cli.render.ranking import print_rankings, trajectory_document
    from toolrec_cli.render.trace import print_trace

    for trajectory in recorded(workspace / "runs", run, user):
        if as_json:
            print_json_line(trajectory_document(trajectory))
            continue
        print_trace(trajectory, rows)
        print_rankings([trajectory], as_json=False)
