"""toolrec pretrain"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options

SHAPE = ("embedding_size", "n_layers", "n_heads", "max_length", "dropout", "mask_ratio", "time_aware", "blocks")


def pretrain(
    ctx: typer.Context,
    dataset: options.DatasetName = None,
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="NAME", help="The sequential model: sasrec or bert4rec.")
    ] = "sasrec",
    preset: options.Preset = None,
    loss: options.Loss = "auto",
    negatives: options.Negatives = None,
    epochs: Annotated[int, typer.Option(min=1, help="At most so many passes over the data.")] = 24,
    patience: Annotated[int, typer.Option(min=1, help="Stop after so many epochs without a better NDCG@10.")] = 12,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="The highest rate of the schedule.")] = 2e-3,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Sequences a step. Default: 32, up to 128 where histories are short.")
    ] = None,
    embedding_size: Annotated[int, typer.Option(min=1, help="Width of the model.")] = 64,
    n_layers: Annotated[int, typer.Option(min=1, help="Transformer blocks.")] = 2,
    n_heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads; must divide the width. Default: the backbone's own.")
    ] = None,
    max_length: Annotated[int, typer.Option(min=1, help="The newest items of a history that are read.")] = 200,
    dropout: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.95, help="Share of numbers dropped in training. Default: 0.2; 0.4 where histories are short."
        ),
    ] = None,
    time_aware: Annotated[
        bool | None,
        typer.Option(
            "--time-aware/--no-time-aware",
            help="Read when a history's items were, too (never when the next one will be). Default: where there are times.",
        ),
    ] = None,
    blocks: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="plain, or ligr: gated residuals and a SwiGLU; more parameters and work, as in eSASRec.",
        ),
    ] = "plain",
    targets: Annotated[
        str, typer.Option(help="newest: everybody's last max-length interactions are learnt; all: every one.")
    ] = "newest",
    seed: options.Seed = 42,
    device: options.Device = "auto",
    threads: options.Threads = None,
    out: options.Out = None,
    checkpoint_minutes: options.CheckpointMinutes = 5.0,
    resume: options.ResumeTraining = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """A data set -> a sequential backbone (SASRec, BERT4Rec), the best epoch by validation NDCG@10.

    [bold]toolrec pretrain ml-1m[/bold]
    [bold]toolrec pretrain ml-1m --backbone bert4rec --preset toolrec-paper[/bold] trains as the paper's code did.
    [bold]toolrec pretrain --resume RUN[/bold] goes on with a run that was interrupted or killed.
    [bold]torchrun --nproc-per-node 2 -m toolrec_cli pretrain ml-1m[/bold] trains in two processes.
    """
    from toolrec_cli.models.distributed import Ranks

    ranks = Ranks.of(os.environ)
    if resume is not None:
        _go_on(ctx, ranks, resume, workspace, as_json=as_json)
        return
    from toolrec_cli.commands.ready import dataset as the_dataset
    from toolrec_cli.operations.presets import find_preset
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.training import BackbonePlan, split_settings
    from toolrec_cli.operations.training import pretrain as run_pretrain
    from toolrec_cli.render.progress import watching

    values = find_preset(preset).of_backbone(backbone) if preset else {}
    training, shape = split_settings(options.chosen(ctx, values), SHAPE)
    plan = BackbonePlan(backbone, shape, training, threads, device, checkpoint_minutes=checkpoint_minutes)
    if not ranks.first:
        from toolrec_cli.operations.following import follow

        with _in_silence():
            follow(ranks, plan, seed, lambda: the_dataset(workspace, dataset))
        return
    found = the_dataset(workspace, dataset)
    setting = Setting(workspace, seed, out, options.call_of(ctx, values))
    options.say_loss(training.loss, len(found.catalog))
    with watching() as (progress, on_epoch):
        run = run_pretrain(setting, found, plan, on_epoch, progress, ranks)
    _print(run, found, workspace, as_json=as_json)


def _go_on(ctx: typer.Context, ranks: Any, name: str, workspace: Path, *, as_json: bool) -> None:
    """Go on with a run; how to train is written down in it."""
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.resuming_training import find_interrupted, resume_pretrain
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.progress import watching

    options.alone_with_resume(ctx, name, workspace)
    run = find_interrupted(Setting(workspace), name)
    if not ranks.first:
        from toolrec_cli.operations.following import follow_resumed

        with _in_silence():
            follow_resumed(ranks, run, lambda: open_dataset(workspace, run.manifest.dataset))
        return
    found = open_dataset(workspace, run.manifest.dataset)
    with watching() as (progress, on_epoch):
        run = resume_pretrain(run, found, on_epoch, progress, ranks)
    _print(run, found, workspace, as_json=as_json)


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


def _print(run: Any, found: Any, workspace: Path, *, as_json: bool) -> None:
    from toolrec_cli.render.training import print_trained

    attribute = next(iter(found.catalog.attributes), None)
    following = f"train-encoder {found.name} --attr {quote(attribute)}" if attribute else f"eval {found.name}"
    print_trained(run, as_json=as_json, following=options.command(following, workspace))
