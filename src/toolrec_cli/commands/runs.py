"""toolrec runs, toolrec runs show, rm, export"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options

app = typer.Typer(invoke_without_command=True)

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's directory or name.")]


class Format(StrEnum):
    """What lists are written as."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@app.callback()
def runs(ctx: typer.Context, as_json: options.Json = False, workspace: options.Workspace = Path()) -> None:
    """What ran in the workspace: how it ended, for how many users, with what figure, made from what.

    [bold]toolrec runs[/bold] lists them, newest first.
    [bold]toolrec runs show RUN[/bold] tells all of one.
    """
    if ctx.invoked_subcommand is not None:
        return
    from toolrec_cli.operations.runs import lines
    from toolrec_cli.render.console import say
    from toolrec_cli.render.runs import print_runs
    from toolrec_cli.storage.run_dir import resumed_by

    found = lines(workspace / "runs")
    if found or as_json:
        print_runs(found, as_json=as_json)
    else:
        say(f"Nothing has run in {workspace} yet.")
    for line in found:
        if line.resumable:
            say(f"Go on: {options.command(f'{resumed_by(line.verb)} --resume {line.name}', workspace)}", style="dim")


@app.command()
def show(
    ctx: typer.Context, run: RunName, as_json: options.Json = False, workspace: options.Workspace = Path()
) -> None:
    """All that is known of one run.

    [bold]toolrec runs show RUN[/bold]
    [bold]toolrec runs show RUN --json[/bold]
    """
    from toolrec_cli.operations.runs import shown
    from toolrec_cli.render.runs import print_run
    from toolrec_cli.storage.run_dir import find_run

    where = options.typed(ctx, "workspace", workspace) / "runs"
    print_run(shown(where, find_run(where, run)), as_json=options.typed(ctx, "as_json", as_json))


@app.command()
def rm(
    ctx: typer.Context,
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when other runs were made from it.")] = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Delete a run. One that others were made from is kept, unless forced.

    [bold]toolrec runs rm RUN[/bold]
    [bold]toolrec runs rm RUN --yes[/bold] does not ask.
    """
    import sys

    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.runs import remove
    from toolrec_cli.render.console import say
    from toolrec_cli.storage.run_dir import find_run

    where = options.typed(ctx, "workspace", workspace) / "runs"
    found = find_run(where, run)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{found.path} is not deleted unasked.", hint="Add --yes.")
        typer.confirm(f"Delete {found.path}?", abort=True, err=True)
    remove(where, found, force=force)
    say(f"Deleted {found.path}.")


@app.command()
def export(
    ctx: typer.Context,
    run: RunName,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    kind: Annotated[Format | None, typer.Option("--format", help="Default: as the file's name ends.")] = None,
    row: Annotated[str | None, typer.Option("--row", help="Only this method's lists, as surrogate.")] = None,
    workspace: options.Workspace = Path(),
) -> None:
    """Write a run's lists, with titles: a line an item, with row, user_id, rank, item_id, title.

    [bold]toolrec runs export RUN --out lists.csv[/bold]
    [bold]toolrec runs export RUN --format parquet --out lists.parquet[/bold]
    """
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.runs import export as write
    from toolrec_cli.render.console import say
    from toolrec_cli.storage.run_dir import find_run

    where: Any = options.typed(ctx, "workspace", workspace)
    ending = out.suffix.removeprefix(".")
    kinds = {each.value for each in Format}
    if kind is None and ending not in kinds:
        raise UsageError(
            f"{out} does not say what it is to be written as.",
            hint=f"End it in one of {', '.join(sorted(kinds))}, or add --format.",
        )
    chosen = kind.value if kind else ending
    n_lines = write(where, find_run(where / "runs", run), chosen, out, row)
    say(f"{n_lines:,} lines in {out}.")
