"""toolrec train-encoder"""

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options

SHAPE = ("embedding_size", "n_layers", "n_heads", "dropout")


def train_encoder(
    ctx: typer.Context,
    dataset: options.DatasetName = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attr", metavar="NAME", help="The attribute, such as genre (repeatable), or all."),
    ] = None,
    backbone: options.Backbone = None,
    preset: options.Preset = None,
    loss: options.Loss = "auto",
    negatives: options.Negatives = None,
    epochs: Annotated[int, typer.Option(min=1, help="At most so many passes over the data.")] = 3,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="The highest rate of the schedule.")] = 3e-4,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Sequences a step. Default: 32; with --full up to 128 where histories are short."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Share of the histories that an epoch learns, drawn anew. Default: 0.25; 1 with --full or --preset.",
        ),
    ] = None,
    embedding_size: Annotated[int, typer.Option(min=2, help="Width of the attribute tower.")] = 32,
    seed: options.Seed = 42,
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Also train the head without the attribute, to compare.")
    ] = True,
    text_encoder: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Read texts by a local Model2Vec model, too (extra toolrec-cli[text]); nothing is downloaded.",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full/--frozen", help="Let a copy of the backbone and its item table learn, too, to compare."),
    ] = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    out: options.Out = None,
    checkpoint_minutes: options.CheckpointMinutes = 5.0,
    resume: options.ResumeTraining = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """A frozen backbone + one attribute -> an attribute-oriented retrieval tool; several are trained in one go.

    Interrupted or killed, a run goes on with --resume RUN.

    [bold]toolrec train-encoder --attr genre[/bold]
    [bold]toolrec train-encoder ml-1m --attr all[/bold] trains one for every attribute, with a table at the end.
    [bold]toolrec train-encoder ml-1m --attr genre --full[/bold] trains the unfrozen variant, to set it beside the frozen one.
    """
    if resume is not None:
        _go_on(ctx, resume, workspace, as_json=as_json)
        return
    from toolrec_cli.commands.ready import dataset as the_dataset
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.encoders import attributes_wanted, train_encoders
    from toolrec_cli.operations.presets import find_preset
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.training import ENCODER_TRAINING, FULL_TRAINING, EncoderPlan, split_settings
    from toolrec_cli.render.console import clean, say
    from toolrec_cli.render.progress import watching

    if not attributes:
        raise UsageError("Which attribute should be encoded?", hint="Type: --attr NAME, or --attr all.")
    values = find_preset(preset).encoder if preset else {}
    base = FULL_TRAINING if full or preset else ENCODER_TRAINING
    training, shape = split_settings(options.chosen(ctx, values), SHAPE, base)
    found = the_dataset(workspace, dataset)
    wanted, passed_over = attributes_wanted(found.catalog, attributes)
    for reason in passed_over:
        say(clean(reason))
    setting = Setting(workspace, seed, out, options.call_of(ctx, values))
    _check_texts(text_encoder, found.catalog, wanted)
    plan = EncoderPlan(
        wanted[0], backbone, shape, training, threads, device, controls, full, checkpoint_minutes, text_encoder
    )
    options.say_loss(training.loss, len(found.catalog))
    with watching() as (progress, on_epoch):
        runs = train_encoders(setting, found, wanted, plan, _announced(len(wanted)), on_epoch, progress)
    _print(runs, found, workspace, as_json=as_json)


def _check_texts(text_encoder: str | None, catalog: Any, attributes: list[str]) -> None:
    """Raises UsageError where a text encoder has nothing to read, InputError where there is none."""
    from toolrec_cli.data.catalog import Kind
    from toolrec_cli.errors import UsageError
    from toolrec_cli.models.text_vectors import find_text_encoder

    if text_encoder is None:
        return
    if not any(catalog.attribute(name).kind is Kind.TEXT for name in attributes):
        texts = [name for name, each in catalog.attributes.items() if each.kind is Kind.TEXT]
        hint = f"Texts are: {', '.join(texts)}." if texts else "This data set has no text among its attributes."
        raise UsageError(f"--text-encoder reads texts, and {', '.join(attributes)} holds none.", hint=hint)
    find_text_encoder(text_encoder)


def _go_on(ctx: typer.Context, name: str, workspace: Path, *, as_json: bool) -> None:
    """Go on with a run; how to train is written down in it."""
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.resuming_training import find_interrupted, resume_encoder
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.progress import watching

    options.alone_with_resume(ctx, name, workspace)
    setting = Setting(workspace)
    run = find_interrupted(setting, name, "train-encoder")
    found = open_dataset(workspace, run.manifest.dataset)
    with watching() as (progress, on_epoch):
        run = resume_encoder(setting, run, found, on_epoch, progress)
    _print([run], found, workspace, as_json=as_json)


def _print(runs: list[Any], found: Any, workspace: Path, *, as_json: bool) -> None:
    from toolrec_cli.render.training import print_encoders

    following = options.command(f"recommend {found.name} --user {quote(found.user_id(0))} --trace", workspace)
    print_encoders(runs, as_json=as_json, following=following)


def _announced(n: int) -> Callable[[str], None]:
    """Says which of several attributes is trained now."""
    from toolrec_cli.render.console import clean, say

    return lambda name: say(clean(name)) if n > 1 else None
