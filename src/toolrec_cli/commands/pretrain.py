"""toolrec pretrain"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from shlex import quote
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output
from toolrec_cli.commands.training_options import BACKBONE_SHAPE, Learning, Shape, Training


@grouped
def pretrain(
    ctx: typer.Context,
    *,
    dataset: options.DatasetName = None,
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="NAME", help="The sequential model: sasrec or bert4rec.")
    ] = "sasrec",
    preset: options.Preset = None,
    learning: Learning,
    shape: Shape,
    targets: Annotated[
        str, typer.Option(help="newest: everybody's last max-length interactions are learnt; all: every one.")
    ] = "newest",
    item_vectors: Annotated[
        str,
        typer.Option(
            help="What item vectors begin as: company (items met together, near each other; up to two million items) or random."
        ),
    ] = "company",
    training: Training,
    output: Output,
) -> None:
    """A data set -> a sequential backbone (SASRec, BERT4Rec), the best epoch by validation NDCG@10.

    [bold]toolrec pretrain ml-1m[/bold]
    [bold]toolrec pretrain ml-1m --backbone bert4rec --preset toolrec-paper[/bold] trains as the paper's code did.
    [bold]toolrec pretrain --resume RUN[/bold] goes on with a run that was interrupted or killed.
    [bold]torchrun --nproc-per-node 2 -m toolrec_cli pretrain ml-1m[/bold] trains in two processes.
    """
    # What is not used here is read from the context: where nothing was typed, a preset may say otherwise.
    from toolrec_cli.models.distributed import Ranks
    from toolrec_cli.operations.presets import DEFAULT, find_preset

    ranks = Ranks.of(os.environ)
    if training.resume is not None:
        return _go_on(ctx, ranks, training.resume, output)
    values = find_preset(preset or DEFAULT).of_backbone(backbone)
    plan = _plan(backbone, options.chosen(ctx, values), training)
    if ranks.first:
        return _begin(output.setting(ctx, values), ranks, plan, dataset, output)
    _follow(ranks, plan, dataset, output)


def _plan(backbone: str, values: dict[str, Any], training: Training) -> Any:
    """The `BackbonePlan` of all options' values."""
    from toolrec_cli.operations.training import BackbonePlan, split_settings

    settings, shape = split_settings(values, BACKBONE_SHAPE)
    minutes = training.checkpoint_minutes
    return BackbonePlan(backbone, shape, settings, training.threads, training.device, checkpoint_minutes=minutes)


def _begin(setting: Any, ranks: Any, plan: Any, dataset: str | None, output: Output) -> None:
    """Train, alone or as the first of several processes."""
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.training import pretrain
    from toolrec_cli.render.progress import watching

    found = ready.dataset(output.workspace, dataset)
    options.say_loss(plan.training.loss, len(found.catalog))
    with watching() as (progress, on_epoch):
        run = pretrain(setting, found, plan, on_epoch, progress, ranks)
    _print(run, found, output)


def _follow(ranks: Any, plan: Any, dataset: str | None, output: Output) -> None:
    """Train as a process that is not the first."""
    from toolrec_cli.commands import ready
    from toolrec_cli.operations.following import follow

    with _in_silence():
        follow(ranks, plan, output.seed, lambda: ready.dataset(output.workspace, dataset))


def _go_on(ctx: typer.Context, ranks: Any, name: str, output: Output) -> None:
    """Go on with a run; how to train is written down in it."""
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.resuming_training import find_interrupted, resume_pretrain
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.progress import watching

    options.alone_with_resume(ctx, name, output.workspace)
    run = find_interrupted(Setting(output.workspace), name)
    if not ranks.first:
        from toolrec_cli.operations.following import follow_resumed

        with _in_silence():
            follow_resumed(ranks, run, lambda: open_dataset(output.workspace, run.manifest.dataset))
        return
    found = open_dataset(output.workspace, run.manifest.dataset)
    with watching() as (progress, on_epoch):
        run = resume_pretrain(run, found, on_epoch, progress, ranks)
    _print(run, found, output)


@contextmanager
def _in_silence() -> Generator[None]:
    """A process that is not the first ends at once when it is told to, and leaves to the first what all meet with."""
    from toolrec_cli.errors import CheckError, WorkerLost

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    except (CheckError, WorkerLost) as error:
        raise typer.Exit(error.exit_code) from None


def _print(run: Any, found: Any, output: Output) -> None:
    from toolrec_cli.render.training import print_trained

    attribute = next(iter(found.catalog.attributes), None)
    following = f"train-encoder {found.name} --attr {quote(attribute)}" if attribute else f"eval {found.name}"
    print_trained(run, as_json=output.as_json, following=options.command(following, output.workspace))
