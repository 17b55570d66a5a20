"""Options that several verbs share, and where each setting came from."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

DatasetName = Annotated[
    str | None,
    typer.Argument(
        metavar="DATASET", help="A prepared data set. Default: the only one there is; in an empty folder, the sample."
    ),
]
Workspace = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar="TOOLREC_WORKSPACE", metavar="DIR", help="Where datasets/ and runs/ lie."),
]
Seed = Annotated[int, typer.Option("--seed", help="One seed for everything that is drawn.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run's directory. Default: a new one under runs/.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of a table.")]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="RUN",
        help="A pretrain run. Default: the newest finished one that fits; to explore with, the newest that has encoders.",
    ),
]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attr", metavar="NAME", help="Only these attributes' tools (repeatable). Default: all that are trained."
    ),
]
Tuned = Annotated[bool, typer.Option("--tuned/--untuned", help="Use what toolrec tune learned, where it fits.")]
Rounds = Annotated[int, typer.Option("--max-rounds", min=1, help="Rounds after which the list must stand.")]
Length = Annotated[int, typer.Option("--n", min=1, max=100, help="How many items the final list has.")]
UsersOrAll = Annotated[
    str, typer.Option("--users", metavar="N|all", help="So many users, drawn by the seed; or all of them.")
]
Split = Annotated[
    Literal["test", "validation"], typer.Option("--split", help="Which part of the split: its items are looked for.")
]
Loss = Annotated[
    str,
    typer.Option(
        "--loss",
        metavar="NAME",
        help="cross-entropy (full softmax), sampled (softmax over drawn items), gbce, bpr (the paper's); "
        "auto: cross-entropy, or sampled above 30,000 items.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="draft: a third of the time; default: as without; best: wider backbones, three to four times the time; "
        "toolrec-paper: as the paper's code. Other options override.",
    ),
]
Negatives = Annotated[
    int | None,
    typer.Option("--negatives", min=1, help="Items drawn a step by sampled and gbce. Default: 3,000 and 256."),
]
Epochs = Annotated[int, typer.Option(min=1, help="At most so many passes over the data.")]
LearningRate = Annotated[float, typer.Option(min=0.0, help="The highest rate of the schedule.")]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="cpu, cuda or mps; auto: cuda where it is there, else cpu.")
]
FullEncoders = Annotated[
    bool,
    typer.Option(
        "--full-encoders",
        help="Only encoders of train-encoder --full. Default: frozen ones, and a full one where there is no other.",
    ),
]
CheckpointMinutes = Annotated[
    float,
    typer.Option(
        "--checkpoint-minutes",
        min=0.0,
        metavar="N",
        help="Within an epoch, too, keep every N minutes what --resume goes on from; 0: behind every epoch alone.",
    ),
]
ResumeTraining = Annotated[
    str | None,
    typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run, exactly as it began."),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Processor threads. Default: all cores.")]

Resume = Annotated[
    str | None,
    typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped: nobody is asked twice."),
]
AllowDrift = Annotated[
    bool,
    typer.Option("--allow-drift", help="Resume although data, models or settings have changed; it is recorded."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that work at once. Default: all cores when there are many users."),
]

Retrieval = Annotated[
    Literal["exact", "index"] | None,
    typer.Option(
        "--retrieval",
        help="Score every item, or use an index (an extra). Default: an index above a million items, if it is good.",
    ),
]
Runner = Annotated[
    Literal["local", "ray"],
    typer.Option("--runner", help="Where users are explored: on this machine, or on a Ray cluster (an extra)."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        envvar="RAY_ADDRESS",
        metavar="HOST:PORT",
        help="The cluster; auto on one of its machines. Default: a Ray of its own on this one.",
    ),
]


def command(words: str, workspace: Path) -> str:
    """The command to type next, with the workspace if it is not the current folder: "toolrec pretrain shop -w DIR"."""
    return f"toolrec {words}" + ("" if workspace == Path() else f" -w {shlex.quote(str(workspace))}")


def named(backbone: str | None) -> str:
    """What is typed, too, where a backbone was named: " --backbone RUN"."""
    return f" --backbone {shlex.quote(backbone)}" if backbone else ""


def number_or_all(said: str, option: str) -> int | None:
    """ "200" -> 200, "all" -> None. Raises UsageError for anything else."""
    from toolrec_cli.errors import UsageError

    if said == "all":
        return None
    if not (said.isdecimal() and int(said) > 0):
        raise UsageError(f"{option} takes a number above 0, or all; not {said!r}.")
    return int(said)


def held_out(found: Any, split: Literal["test", "validation"]) -> tuple[int, str]:
    """How many users of a data set have a held-out item, and how they are called."""
    from toolrec_cli.data.interactions import Part

    return len(found.users_with(Part(split))), f"with a held-out item ({split} split)"


def cutoffs(said: list[str] | None, most: int = 100, option: str = "--k") -> tuple[int, ...]:
    """["5,10", "20"] -> (5, 10, 20); nothing -> (10,). Raises UsageError for what is no cut-off."""
    from toolrec_cli.errors import UsageError

    words = [word.strip() for each in said or ["10"] for word in str(each).split(",")]
    for word in words:
        if not (word.isdecimal() and 1 <= int(word) <= most):
            raise UsageError(f"{option} takes numbers from 1 to {most}, as in 5,10,20; not {word!r}.")
    return tuple(sorted({int(word) for word in words}))


def chosen(ctx: typer.Context, preset: dict[str, Any]) -> dict[str, Any]:
    """Every option's value, the preset's where nothing was typed; also what a preset says beyond the options."""
    return {**ctx.params, **{name: value for name, value in preset.items() if _is_default(ctx, name)}}


def typed(ctx: typer.Context, option: str, value: Any) -> Any:
    """`value`, unless the option was typed before a sub-command and not after it: then what was typed there."""
    before = ctx.parent
    if before is None or _is_typed(ctx, option) or not _is_typed(before, option):
        return value
    return before.params[option]


def _is_typed(ctx: Any, option: str) -> bool:
    source = ctx.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def call_of(ctx: typer.Context, preset: dict[str, Any] | None = None) -> Any:
    """The call as the record keeps it: argv, and every setting with its value and where it came from."""
    from toolrec_cli.operations.setting import Call

    settings: dict[str, Any] = {}
    for name, value in chosen(ctx, preset or {}).items():
        source = ctx.get_parameter_source(name)
        origin = "default" if source is None else source.name.lower()
        origin = "preset" if name in (preset or {}) and _is_default(ctx, name) else origin
        settings[name] = {"value": _plain(value), "from": origin}
    return Call(tuple(sys.argv), settings)


def alone_with_resume(ctx: typer.Context, run: str, workspace: Path) -> None:
    """Raises UsageError when anything is typed that a training which goes on cannot do otherwise than it began."""
    from toolrec_cli.errors import UsageError

    if others := [each for each in all_typed(ctx) if each not in ("--resume", "--workspace", "--json")]:
        raise UsageError(
            f"A run goes on exactly as it began: leave out {', '.join(others)}.",
            hint=f"Type: {command(f'{ctx.info_name} --resume {shlex.quote(run)}', workspace)}",
        )


def all_typed(ctx: typer.Context) -> list[str]:
    """The options and arguments that were typed, as they are written on the command line."""
    names = {each.name: each.opts[0] if each.opts[0].startswith("-") else str(each.name) for each in ctx.command.params}
    sources = {name: ctx.get_parameter_source(str(name)) for name in names}
    return [names[name] for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _is_default(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is None or source.name.lower() in ("default", "default_map")


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, bool | int | float | None) else str(value)


def leave_if_unfinished(
    run: Any, statuses: dict[str, int], n_users: int, *, model: bool, llm_rows: dict[str, Any] | None = None
) -> None:
    """Exit code 5 where somebody has no list; with a language model also where a list is not its own but memory's.

    `llm_rows`: those of the model without tools (`LLMRow`); also where a list of one is missing, or not all the model's. Where
    the server failed to answer somebody, what asks him again is said.
    """
    from toolrec_cli.errors import PARTLY
    from toolrec_cli.render.console import say

    failed, forced = statuses.get("failed", 0), statuses.get("forced", 0) if model else 0
    if failed:
        say(f"{failed:,} of {n_users:,} have no list, and count as misses: see the status.", style="red")
    if forced:
        say(f"{forced:,} of {n_users:,} have a list that memory made, since the model finished none.", style="red")
    unfinished = failed + forced
    for name, row in (llm_rows or {}).items():
        missing, filled = (sum(row.ends.get(end, 0) for end in ends) for ends in _NOT_ORDERED)
        if missing:
            say(f"{missing:,} of {n_users:,} have no list in the row {name}, and count as misses there.", style="red")
        if filled:
            say(f"{filled:,} of {n_users:,} have a list in the row {name} that the tools filled up.", style="red")
        unfinished += missing + filled
    if unheard := run.manifest.result.get("unheard", 0):
        again = f"toolrec {run.manifest.verb} --resume {run.typed}"
        say(f"The server failed to answer {unheard:,} of them. To ask these again, type: {again}")
    if unfinished:
        raise typer.Exit(PARTLY)


def leave_if_without(without: dict[str, int], n_users: int) -> None:
    """Exit code 5 where somebody has no list in a row; `without`: how many, by row."""
    from toolrec_cli.errors import PARTLY
    from toolrec_cli.render.console import say

    for name, missing in without.items():
        if missing:
            say(f"{missing:,} of {n_users:,} have no list in the row {name}, and count as misses there.", style="red")
    if any(without.values()):
        raise typer.Exit(PARTLY)


_NOT_ORDERED = ("refused", "rejected", "unheard"), ("filled",)
"""How a list of the model without tools ends that is missing, and one that is not all the model's."""


def say_loss(name: str, n_items: int) -> None:
    """Say what "auto" has chosen where that is not the full softmax. Raises UsageError for a loss that does not exist."""
    from toolrec_cli.models.losses import AUTO, chosen_loss
    from toolrec_cli.render.console import say

    chosen = chosen_loss(name, n_items)
    if name == AUTO and chosen != "cross-entropy":
        say(
            f"{n_items:,} items: training with --loss {chosen}, because the full softmax over all would take very long."
        )
