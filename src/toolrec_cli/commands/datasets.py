"""toolrec datasets, toolrec datasets show"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolrec_cli.commands import options


class _Datasets(TyperGroup):
    """Who types `toolrec datasets NAME` is told of `show`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from toolrec_cli.errors import UsageError, near_misses

        name = args[0]
        if name not in self.commands and not name.startswith("-") and not near_misses(name, self.commands):
            raise UsageError(
                f"'toolrec datasets' has no command {name!r:.60}.", hint=f"Type: toolrec datasets show {name}"
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=_Datasets, invoke_without_command=True)


@app.callback()
def datasets(ctx: typer.Context, as_json: options.Json = False, workspace: options.Workspace = Path()) -> None:
    """What can be prepared, and what is prepared in the workspace.

    [bold]toolrec datasets[/bold] lists both.
    [bold]toolrec datasets show ml-1m[/bold] describes one: lengths, popularity, times, ratings, attributes.
    """
    if ctx.invoked_subcommand is not None:
        return
    from toolrec_cli.operations.listing import listing
    from toolrec_cli.render.console import say
    from toolrec_cli.render.listing import print_listing

    found = listing(workspace)
    print_listing(found, as_json=as_json)
    following = "datasets show NAME" if found.datasets else "prep"
    what = "Next" if found.datasets else "Next, for the built-in sample"
    say(f"{what}: {options.command(following, workspace)}", style="dim")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A prepared data set. Default: the only one there is.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Values shown of each attribute.")] = 5,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Describe a prepared data set: history lengths, popularity, times, ratings, attributes.

    [bold]toolrec datasets show ml-1m[/bold]
    [bold]toolrec datasets show ml-1m --top 20 --json[/bold]
    """
    from toolrec_cli.data.library import choose
    from toolrec_cli.operations.listing import find_dataset
    from toolrec_cli.operations.profiling import profile
    from toolrec_cli.render.console import say
    from toolrec_cli.render.profile import print_profile
    from toolrec_cli.render.progress import bars

    workspace, as_json = options.typed(ctx, "workspace", workspace), options.typed(ctx, "as_json", as_json)
    dataset = find_dataset(workspace, choose(workspace, name))
    with bars() as progress:
        found = profile(dataset, top, progress)
    print_profile(found, as_json=as_json)
    say(f"Next: {options.command(f'pretrain {dataset.name}', workspace)}", style="dim")
