"""toolrec train-encoder"""

from collections.abc import Callable
from shlex import quote
from typing import Annotated, Any

import typer

from toolrec_cli.commands import options
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output
from toolrec_cli.commands.training_options import ENCODER_SHAPE, EncoderLearning, Training, Variant


@grouped
def train_encoder(
    ctx: typer.Context,
    *,
    dataset: options.DatasetName = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attr", metavar="NAME", help="The attribute, such as genre (repeatable), or all."),
    ] = None,
    backbone: options.Backbone = None,
    preset: options.Preset = None,
    learning: EncoderLearning,
    variant: Variant,
    training: Training,
    output: Output,
) -> None:
    """A frozen backbone + one attribute -> an attribute-oriented retrieval tool; several are trained in one go.

    Interrupted or killed, a run goes on with --resume RUN.

    [bold]toolrec train-encoder --attr genre[/bold]
    [bold]toolrec train-encoder ml-1m --attr all[/bold] trains one for every attribute, with a table at the end.
    [bold]toolrec train-encoder ml-1m --attr genre --full[/bold] trains the unfrozen variant, to set it beside the frozen one.
    """
    # `learning` is read from the context: where nothing was typed, a preset may say otherwise.
    from toolrec_cli.commands import ready
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.encoders import attributes_wanted, train_encoders
    from toolrec_cli.operations.presets import DEFAULT, find_preset
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import watching
    from toolrec_cli.unseen import clean

    if training.resume is not None:
        return _go_on(ctx, training.resume, output)
    if not attributes:
        raise UsageError("Which attribute should be encoded?", hint="Type: --attr NAME, or --attr all.")
    values = find_preset(preset or DEFAULT).encoder
    found = ready.dataset(output.workspace, dataset)
    wanted, passed_over = attributes_wanted(found.catalog, attributes)
    for reason in passed_over:
        say(clean(reason))
    _check_texts(variant.text_encoder, found.catalog, wanted)
    plan = _plan(wanted[0], backbone, options.chosen(ctx, values), variant, training)
    options.say_loss(plan.training.loss, len(found.catalog))
    with watching() as (progress, on_epoch):
        setting = output.setting(ctx, values)
        runs = train_encoders(setting, found, wanted, plan, _announced(len(wanted)), on_epoch, progress)
    _print(runs, found, output)


def _plan(attribute: str, backbone: str | None, values: dict[str, Any], variant: Variant, training: Training) -> Any:
    """The `EncoderPlan` of all options' values."""
    from toolrec_cli.operations.training import ENCODER_TRAINING, FULL_TRAINING, EncoderPlan, split_settings

    base = FULL_TRAINING if variant.full else ENCODER_TRAINING
    settings, shape = split_settings(values, ENCODER_SHAPE, base)
    return EncoderPlan(
        attribute,
        backbone,
        shape,
        settings,
        training.threads,
        training.device,
        variant.controls,
        variant.full,
        training.checkpoint_minutes,
        variant.text_encoder,
    )


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


def _go_on(ctx: typer.Context, name: str, output: Output) -> None:
    """Go on with a run; how to train is written down in it."""
    from toolrec_cli.data.library import open_dataset
    from toolrec_cli.operations.resuming_training import find_interrupted, resume_encoder
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.progress import watching

    options.alone_with_resume(ctx, name, output.workspace)
    setting = Setting(output.workspace)
    run = find_interrupted(setting, name, "train-encoder")
    found = open_dataset(output.workspace, run.manifest.dataset)
    with watching() as (progress, on_epoch):
        run = resume_encoder(setting, run, found, on_epoch, progress)
    _print([run], found, output)


def _print(runs: list[Any], found: Any, output: Output) -> None:
    from toolrec_cli.render.training import print_encoders

    following = options.command(f"recommend {found.name} --user {quote(found.user_id(0))} --trace", output.workspace)
    print_encoders(runs, as_json=output.as_json, following=following)


def _announced(n: int) -> Callable[[str], None]:
    """Says which of several attributes is trained now."""
    from toolrec_cli.render.console import say
    from toolrec_cli.unseen import clean

    return lambda name: say(clean(name)) if n > 1 else None
