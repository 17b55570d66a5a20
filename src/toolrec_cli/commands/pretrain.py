"""toolrec pretrain"""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from toolrec_cli.commands import options

SHAPE = ("embedding_size", "n_layers", "n_heads", "max_length", "dropout", "mask_ratio")


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
    patience: Annotated[int, typer.Option(min=1, help="Stop after so many epochs without a better NDCG@10.")] = 6,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="The highest rate of the schedule.")] = 2e-3,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences a step; small ones learn faster on a CPU.")] = 32,
    embedding_size: Annotated[int, typer.Option(min=1, help="Width of the model.")] = 64,
    n_layers: Annotated[int, typer.Option(min=1, help="Transformer blocks.")] = 2,
    n_heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads; must divide the width. Default: the backbone's own.")
    ] = None,
    max_length: Annotated[int, typer.Option(min=1, help="The newest items of a history that are read.")] = 200,
    dropout: Annotated[float, typer.Option(min=0.0, max=0.95, help="Share of numbers dropped in training.")] = 0.2,
    targets: Annotated[
        str, typer.Option(help="newest: everybody's last max-length interactions are learnt; all: every one.")
    ] = "newest",
    seed: options.Seed = 42,
    threads: options.Threads = None,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """A data set -> a sequential backbone (SASRec, BERT4Rec), the best epoch by validation NDCG@10.

    [bold]toolrec pretrain ml-1m[/bold]
    [bold]toolrec pretrain ml-1m --backbone bert4rec --epochs 48[/bold]
    [bold]toolrec pretrain ml-1m --preset toolrec-paper[/bold] trains as the paper's code did.
    """
    from toolrec_cli.commands.ready import dataset as the_dataset
    from toolrec_cli.operations.presets import find_preset
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.training import BackbonePlan, split_settings
    from toolrec_cli.operations.training import pretrain as run_pretrain
    from toolrec_cli.render.progress import watching
    from toolrec_cli.render.training import print_trained

    values = find_preset(preset).of_backbone(backbone) if preset else {}
    training, shape = split_settings(options.chosen(ctx, values), SHAPE)
    found = the_dataset(workspace, dataset)
    setting = Setting(workspace, seed, out, options.call_of(ctx, values))
    plan = BackbonePlan(backbone, shape, training, threads)
    options.say_loss(training.loss, len(found.catalog))
    with watching() as (progress, on_epoch):
        run = run_pretrain(setting, found, plan, on_epoch, progress)
    attribute = next(iter(found.catalog.attributes), None)
    following = f"train-encoder {found.name} --attr {quote(attribute)}" if attribute else f"eval {found.name}"
    print_trained(run, as_json=as_json, following=options.command(following, workspace))
