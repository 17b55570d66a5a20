"""toolrec tune"""

from typing import Annotated

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output


@grouped
def tune(
    ctx: typer.Context,
    *,
    dataset: options.DatasetName = None,
    backbone: options.Backbone = None,
    attributes: options.Attributes = None,
    full_encoders: options.FullEncoders = False,
    users: Annotated[int, typer.Option(min=20, help="Learn from so many users at most, drawn by the seed.")] = 10_000,
    k: Annotated[int, typer.Option("--k", min=10, max=200, help="How many items each tool is asked for.")] = 100,
    output: Output,
) -> None:
    """Validation split -> what the built-in surrogate trusts: tools, sequence, company, make-up, popularity.

    Learned once, then used by recommend and eval wherever it fits. No LLM, no test item, about a minute.

    [bold]toolrec tune ml-1m[/bold]
    [bold]toolrec tune ml-1m --attr genre --k 200[/bold]
    """
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.tuning import TunePlan
    from toolrec_cli.operations.tuning import tune as run_tune
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.training import print_tuned

    found = ready.dataset(output.workspace, dataset)
    ready.known(found, attributes=attributes)
    setting = output.setting(ctx)
    ready.trained(setting, found)
    plan = TunePlan(backbone, attributes, users, k, full_encoders=full_encoders)
    ready.tools(setting, found, plan.agent)
    with bars() as progress:
        run = run_tune(setting, found, plan, progress=progress)
    print_tuned(
        run,
        as_json=output.as_json,
        following=options.command(f"eval {found.name}{options.named(backbone)}", output.workspace),
    )
