"""What `toolrec pretrain` and `toolrec train-encoder` can be told of learning."""

from dataclasses import dataclass
from typing import Annotated

import typer

from toolrec_cli.commands import options


@dataclass(frozen=True)
class Learning:
    """How a backbone learns."""

    loss: options.Loss = "auto"
    negatives: options.Negatives = None
    epochs: Annotated[int, typer.Option(min=1, help="At most so many passes over the data; with bert4rec 30.")] = 24
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many epochs without a better NDCG@10; with bert4rec 15.")
    ] = 12
    learning_rate: options.LearningRate = 2e-3
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Sequences a step. Default: 32, up to 128 where histories are short.")
    ] = None


@dataclass(frozen=True)
class Shape:
    """What a backbone is built like."""

    embedding_size: Annotated[int, typer.Option(min=1, help="Width of the model.")] = 64
    n_layers: Annotated[int, typer.Option(min=1, help="Transformer blocks.")] = 2
    n_heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads; must divide the width. Default: the backbone's own.")
    ] = None
    max_length: Annotated[int, typer.Option(min=1, help="The newest items of a history that are read.")] = 200
    dropout: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.95, help="Share of numbers dropped in training. Default: 0.2; 0.4 where histories are short."
        ),
    ] = None
    time_aware: Annotated[
        bool | None,
        typer.Option(
            "--time-aware/--no-time-aware",
            help="Read when a history's items were, too (never when the next one will be). Default: where there are times.",
        ),
    ] = None
    relative_positions: Annotated[
        bool | None,
        typer.Option(
            "--relative-positions/--no-relative-positions",
            help="Learn how much items mean to each other by how many places they are apart. Default: with bert4rec.",
        ),
    ] = None
    blocks: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="plain, or ligr: gated residuals and a SwiGLU; more parameters and work, as in eSASRec.",
        ),
    ] = "plain"


BACKBONE_SHAPE = (*Shape.__dataclass_fields__, "mask_ratio", "ends")
"""Settings of a backbone's configuration; of the last two a preset alone says something."""


@dataclass(frozen=True)
class EncoderLearning:
    """How an attribute encoder learns, and how wide it is."""

    loss: options.Loss = "auto"
    negatives: options.Negatives = None
    epochs: options.Epochs = 3
    learning_rate: options.LearningRate = 3e-4
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Sequences a step. Default: 32; with --full up to 128 where histories are short."),
    ] = None
    share: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Share of the histories that an epoch learns, drawn anew. Default: 0.25; 1 with --full or the paper's preset.",
        ),
    ] = None
    embedding_size: Annotated[int, typer.Option(min=2, help="Width of the attribute tower.")] = 32


ENCODER_SHAPE = ("embedding_size", "n_layers", "n_heads", "dropout")
"""Settings of an encoder's configuration; a preset alone says all but the width."""


@dataclass(frozen=True)
class Variant:
    """What else is trained for a comparison, or read, or with it."""

    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Also train the head without the attribute, to compare.")
    ] = True
    text_encoder: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Read texts by a local Model2Vec model, too (extra text); nothing is downloaded.",
        ),
    ] = None
    full: Annotated[
        bool,
        typer.Option("--full/--frozen", help="Let a copy of the backbone and its item table learn, too, to compare."),
    ] = False


@dataclass(frozen=True)
class Training:
    """Where a training computes, and what an interrupted one goes on from."""

    device: options.Device = "auto"
    threads: options.Threads = None
    checkpoint_minutes: options.CheckpointMinutes = 5.0
    resume: options.ResumeTraining = None
