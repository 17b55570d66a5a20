"""toolrec prep"""

from pathlib import Path
from typing import Any

from toolrec_cli.commands import options
from toolrec_cli.commands import prep_options as given


def prep(
    source: given.Source = "sample",
    raw: given.Raw = None,
    interactions: given.InteractionsFile = None,
    items: given.ItemsFile = None,
    user_col: given.UserCol = None,
    item_col: given.ItemCol = None,
    time_col: given.TimeCol = None,
    rating_col: given.RatingCol = None,
    title_col: given.TitleCol = None,
    list_separator: given.ListSeparator = None,
    kind: given.Kind = None,
    min_rating: given.MinRating = None,
    deduplicate: given.Deduplicate = None,
    k_core: given.KCore = None,
    user_core: given.UserCore = None,
    item_core: given.ItemCore = None,
    min_history: given.MinHistory = None,
    sample_users: given.SampleUsers = None,
    seed: given.SampleSeed = None,
    split: given.Split = None,
    preset: given.Preset = None,
    name: given.Name = None,
    skip_bad: given.SkipBad = False,
    report: given.ReportFile = None,
    force: given.Force = False,
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
    wanted = {
        "min_rating": min_rating,
        "deduplicate": deduplicate,
        "user_core": user_core or k_core,
        "item_core": item_core or k_core,
        "min_history": min_history,
        "sample_users": sample_users,
        "seed": seed,
        "split": split,
    }
    choices = resolve(wanted, preset)
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
