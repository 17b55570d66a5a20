"""toolrec prep"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.prep_options import Choices, Files


@grouped
def prep(
    ctx: typer.Context,
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="sample, table for your own files, or one of: ml-1m, ml-32m, amazon, yelp, recbole, …",
        ),
    ] = "sample",
    files: Files,
    choices: Choices,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call it. Default: the source's name.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Go on when more than 1 % of the rows are bad.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="List all rejected rows in this Parquet file, with their reasons."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a data set that is prepared already.")] = False,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Raw logs -> a data set: Parquet, indexed, in time order, split.

    What papers differ in is applied in this order: rating, repeats, core, history, sample, split; dataset.json keeps it all.

    [bold]toolrec prep[/bold] makes the built-in sample.
    [bold]toolrec prep ml-1m --raw ml-1m.zip[/bold] takes MovieLens 1M as GroupLens packs it.
    [bold]toolrec prep table --interactions clicks.csv --items products.csv --name shop[/bold] takes anybody's tables.
    """
    from toolrec_cli.operations.preparing import PrepOptions, prepare
    from toolrec_cli.render.console import print_json, say
    from toolrec_cli.render.dataset import dataset_document, print_dataset, print_notes
    from toolrec_cli.render.progress import bars

    wanted = PrepOptions(files.read_options(), name, force, skip_bad, report, choices.resolved())
    with bars() as progress:
        dataset = prepare(workspace, source, wanted, progress)
    if as_json:
        print_json(dataset_document(dataset))
    else:
        print_dataset(dataset)
    print_notes(dataset)
    if report is not None:
        say(f"Rejected rows: {sum(dataset.card.bad_rows.values()):,}, in {report}", style="dim")
    say(f"Next: {options.command(f'pretrain {dataset.name}', workspace)}", style="dim")
