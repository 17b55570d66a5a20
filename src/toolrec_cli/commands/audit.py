"""toolrec audit"""

from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output


@grouped
def audit(
    ctx: typer.Context,
    *,
    lists: Annotated[
        str,
        typer.Argument(metavar="RUN|FILE", help="A run with lists, or a table of user_id, item_id, rank or score."),
    ],
    dataset: options.DatasetName = None,
    row: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which row of it. Default: the only one, or the surrogate.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="test|validation", help="Which held-out items. Default: the run's; else test.")
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=100, help="The cut-off.")] = 10,
    output: Output,
) -> None:
    """Anybody's lists, scored in every way that is in use: how much of a claim is denominators.

    Survivors only or all users, history masked or left in, an item named twice counted once or twice: eight figures.
    The audit is a run of its own, with the digest of what was audited.

    [bold]toolrec audit runs/20261125T131746.998-eval-ml-1m-ca60[/bold]
    [bold]toolrec audit theirs.tsv ml-1m --k 10[/bold]
    """
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.auditing import AuditPlan
    from toolrec_cli.operations.auditing import audit as run_audit
    from toolrec_cli.render.audit import print_audit
    from toolrec_cli.render.console import say

    path, name, part = _found(lists, dataset, split, output.workspace)
    run, found = run_audit(output.setting(ctx), ready.dataset(output.workspace, name), AuditPlan(path, row, part, k))
    print_audit(found, as_json=output.as_json)
    say(f"Recorded in {run.path}: report.json", style="dim")


def _found(lists: str, dataset: str | None, split: str | None, workspace: Path) -> tuple[Path, str | None, Any]:
    """Where the lists are, whose they are, and what was held out. Raises for what does not exist, and what does not fit."""
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.auditing import run_split
    from toolrec_cli.storage.run_dir import find_run

    if split not in (None, "test", "validation"):
        raise UsageError(f"--split takes test or validation, not {split!r}.")
    part = Part(split) if split else None
    if Path(lists).is_file() or Path(lists).suffix in (".csv", ".tsv", ".txt", ".parquet"):
        return Path(lists), dataset, part or Part.TEST
    run = find_run(workspace / "runs", lists)
    if dataset is not None and dataset != run.manifest.dataset:
        raise UsageError(
            f"{run.name} is a run on {run.manifest.dataset!r}, not on {dataset!r}.", hint="Leave the name out."
        )
    return run.path, run.manifest.dataset, part or run_split(run)
