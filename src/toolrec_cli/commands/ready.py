"""Which data set a verb works on; the sample is made ready by itself, in the open."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from toolrec_cli.commands import options
from toolrec_cli.render.console import say
from toolrec_cli.render.progress import bars, watching


def dataset(workspace: Path, name: str | None) -> Any:
    """The data set meant; the built-in sample is prepared when it is meant and missing."""
    from toolrec_cli.data.library import SAMPLE, choose, open_dataset, prepared
    from toolrec_cli.operations.preparing import prepare

    chosen = choose(workspace, name)
    if chosen == SAMPLE and SAMPLE not in prepared(workspace):
        say(f"Nothing is prepared in {workspace}: making the built-in sample (invented films) ready.")
        with bars() as progress:
            prepare(workspace, SAMPLE, progress=progress)
    return open_dataset(workspace, chosen)


def known(found: Any, users: Sequence[str] = (), attributes: Sequence[str] | None = None) -> None:
    """Complain of a misspelt user or attribute now, before anything is trained for it."""
    for user_id in users:
        found.user_index(user_id)
    for name in attributes or ():
        found.catalog.attribute(name)


def all_there_are(n_asked: int | None, n_possible: int, who: str) -> None:
    """Say it, where more users are asked for than there are: then all of them are."""
    if n_asked is not None and n_asked > n_possible:
        say(f"{n_asked:,} users are more than the {n_possible:,} {who}: all of them are asked.", prose=True)


def trained(setting: Any, found: Any) -> None:
    """Train what the built-in sample still lacks to be explored. Other data sets are trained by their owner, on purpose."""
    from toolrec_cli.data.library import SAMPLE
    from toolrec_cli.operations.sample import sample_plans

    if (found.name, found.card.source) != (SAMPLE, SAMPLE):
        return
    for what, train in sample_plans(setting, found):
        say(what)
        with watching() as (progress, on_epoch):
            train(on_epoch, progress)


def tools(setting: Any, found: Any, plan: Any) -> None:
    """Say it, where the newest backbone is passed over for want of attribute encoders, and where one without is explored with.

    `plan` is an `AgentPlan`. Raises InputError where there is no backbone, or an encoder that is wanted is missing.
    """
    first = next(iter(found.catalog.attributes), None)
    if first is None:
        return
    chosen = plan.chosen(setting.runs, found)
    if (newest := chosen.passed_over) is not None:
        say(
            f"The newest backbone, {newest.name}, has no {'full ' * plan.full_encoders}attribute encoder: {chosen.run.name} is "
            f"explored with, which has. To take the newest, add{options.named(newest.name)}"
        )
    if plan.attributes is not None or plan.encoders(setting.runs, found, chosen):
        return
    following = f"train-encoder {found.name} --attr {quote(first)}{options.named(plan.backbone)}"
    say(
        f"No attribute encoder is trained on this backbone: it is explored with alone. "
        f"To train one, type: {options.command(following, setting.workspace)}"
    )
