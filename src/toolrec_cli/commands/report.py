"""toolrec report"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options

AT_ONCE = 20
"""Users whose explorations are shown of a run of many, unless some are named."""

STDOUT = Path("-")


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs' directories or names. Default: the newest with anything to show."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; - is stdout. Default: NAME.html of the first run, here."),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            "-u",
            metavar="ID",
            help=f"Whose explorations (repeatable). Default: the first {AT_ONCE} of a run.",
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Items shown of each observation.")] = 8,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Runs as one page of HTML, to be read, printed or mailed: figures with intervals, plots, every step of explorations.

    The page is one file without scripts that loads nothing from anywhere. An earlier page is replaced, no other file is.

    [bold]toolrec report[/bold] shows the newest run.
    [bold]toolrec report RUN --user 42 --out why.html[/bold]: how a user's list came about.
    [bold]toolrec report RUN RUN2 --out both.html[/bold]
    """
    from toolrec_cli import __version__
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.reporting import check_place, gather, write_page
    from toolrec_cli.render.html.made import print_made
    from toolrec_cli.render.html.page import page

    if out == STDOUT and as_json:
        raise UsageError("--out - and --json both want stdout.", hint="Name a file for the page.")
    if out not in (None, STDOUT):
        check_place(out)
    told = gather(workspace, runs or [], user, AT_ONCE)
    made = page(told, rows, __version__)
    if out == STDOUT:
        sys.stdout.buffer.write(made.encode())  # as the page says of itself, whatever the terminal speaks
        sys.stdout.buffer.flush()
        return
    place = out or Path(f"{told[0].run.name}.html")
    write_page(place, made)
    print_made(told, place, len(made.encode()), as_json=as_json)
