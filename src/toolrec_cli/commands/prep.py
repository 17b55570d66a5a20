"""toolrec prep"""

from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options


def prep(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]",
            help="sample, table for your own files, or one of: ml-1m, ml-32m, amazon, yelp, recbole, …",
        ),
    ] = "sample",
    raw: Annotated[
        Path | None, typer.Option("--raw", metavar="PATH", help="The downloaded archive as it comes, or its folder.")
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="table, amazon: who met what (CSV, TSV, Parquet, JSON lines; .gz too), a folder, or a quoted 'logs/*.csv'.",
        ),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(metavar="FILE", help="table, amazon: titles and attributes of the items.")
    ] = None,
    user_col: Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the users' ids.")] = None,
    item_col: Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the items' ids.")] = None,
    time_col: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="table: time, or position in the history.")
    ] = None,
    rating_col: Annotated[str | None, typer.Option(metavar="COLUMN", help="table: ratings.")] = None,
    title_col: Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the items' titles.")] = None,
    list_separator: Annotated[
        str | None, typer.Option(metavar="TEXT", help="table: what separates the labels of a multi-valued attribute.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTR=KIND", help="table: categorical, multi-valued, numeric or text (repeatable)."),
    ] = None,
    min_rating: Annotated[float | None, typer.Option(metavar="R", help="Leave out what is rated lower.")] = None,
    deduplicate: Annotated[
        str | None,
        typer.Option(metavar="first|last|none", help="Of repeats (same user and item), keep one. Default: none."),
    ] = None,
    k_core: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Only users and items with K interactions among themselves.")
    ] = None,
    user_core: Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for users alone.")] = None,
    item_core: Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for items alone.")] = None,
    min_history: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Then leave out users with fewer interactions.")
    ] = None,
    sample_users: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep so many users, drawn by the seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="S", help="What --sample-users draws by. Default: 42.")] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="leave-one-out (the default), or by time for all alike: time:0.8/0.1/0.1"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The values of a paper, where none is given: toolrec-paper, recbole, s3-rec."
        ),
    ] = None,
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
    from toolrec_cli.data.choices import resolve
    from toolrec_cli.data.source import ReadOptions
    from toolrec_cli.operations.preparing import PrepOptions, prepare
    from toolrec_cli.render.console import print_json, say
    from toolrec_cli.render.dataset import dataset_document, print_dataset, print_notes
    from toolrec_cli.render.progress import bars

    read = ReadOptions(
        raw=raw,
        interactions=interactions,
        items=items,
        user_column=user_col,
        item_column=item_col,
        time_column=time_col,
        rating_column=rating_col,
        title_column=title_col,
        list_separator=list_separator,
        kinds=_kinds(kind or []),
    )
    given = {
        "min_rating": min_rating,
        "deduplicate": deduplicate,
        "user_core": user_core or k_core,
        "item_core": item_core or k_core,
        "min_history": min_history,
        "sample_users": sample_users,
        "seed": seed,
        "split": split,
    }
    choices = resolve(given, preset)
    with bars() as progress:
        dataset = prepare(workspace, source, PrepOptions(read, name, force, skip_bad, report, choices), progress)
    if as_json:
        print_json(dataset_document(dataset))
    else:
        print_dataset(dataset)
    print_notes(dataset)
    if report is not None:
        say(f"Rejected rows: {sum(dataset.card.bad_rows.values()):,}, in {report}", style="dim")
    say(f"Next: {options.command(f'pretrain {dataset.name}', workspace)}", style="dim")


def _kinds(pairs: list[str]) -> dict[str, Any]:
    """["price=numeric"] -> {"price": Kind.NUMERIC}."""
    from toolrec_cli.data.catalog import Kind
    from toolrec_cli.errors import UsageError, unknown

    found: dict[str, Kind] = {}
    for pair in pairs:
        name, _, kind = pair.partition("=")
        if kind not in list(Kind):
            raise UsageError(f"--kind {pair!r}: {unknown('kind', kind, list(Kind))}")
        found[name] = Kind(kind)
    return found
