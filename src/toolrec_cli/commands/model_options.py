"""Options about a language model that several verbs share, and what they say together."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from toolrec_cli.llm.stack import ModelOptions

_PANEL = "Language model"
_BOUNDS = "What may be spent"

Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="As its server names it: gpt-4.1-mini, qwen3:8b.", rich_help_panel=_PANEL
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="An OpenAI-compatible server, as http://HOST:PORT/v1. Default: OPENAI_BASE_URL, else OpenAI.",
        rich_help_panel=_PANEL,
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="NAME",
        help="What kind it is: openai, ollama, vllm, llamacpp, lmstudio, openrouter, gemini, anthropic, generic. "
        "Default: by the URL.",
        rich_help_panel=_PANEL,
    ),
]
Protocol = Annotated[
    Literal["json", "tools", "react"] | None,
    typer.Option("--protocol", help="How the model acts. Default: as the preset says.", rich_help_panel=_PANEL),
]
Api = Annotated[
    Literal["chat", "responses"] | None,
    typer.Option("--api", help="Which of OpenAI's interfaces. Default: as the preset says.", rich_help_panel=_PANEL),
]
ServerSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--server-setting",
        metavar="NAME=VALUE",
        help="Override a setting of the preset (repeatable); toolrec doctor says which.",
        rich_help_panel=_PANEL,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", help="Holds the key; readable by its owner only.", rich_help_panel=_PANEL
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, help="Seconds that one answer may take.", rich_help_panel=_PANEL)
]
MaxRetries = Annotated[
    int, typer.Option("--max-retries", min=0, help="Tries after a failed one.", rich_help_panel=_PANEL)
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, help="Questions under way at once.", rich_help_panel=_PANEL)
]
Rpm = Annotated[
    float | None, typer.Option("--rpm", min=0.001, help="Questions a minute at most.", rich_help_panel=_PANEL)
]
Cache = Annotated[
    bool,
    typer.Option("--cache/--no-cache", help="Keep answers, and never pay for one twice.", rich_help_panel=_PANEL),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", min=0, metavar="DOLLARS", help="Stop before it.", rich_help_panel=_BOUNDS)
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="Input and output together.", rich_help_panel=_BOUNDS)
]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=1, help="Paid calls.", rich_help_panel=_BOUNDS)]
PriceInput = Annotated[
    float | None,
    typer.Option("--price-input", min=0, help="$ per million input tokens.", rich_help_panel=_BOUNDS),
]
PriceOutput = Annotated[
    float | None,
    typer.Option("--price-output", min=0, help="$ per million output tokens.", rich_help_panel=_BOUNDS),
]
Prompt = Annotated[
    Literal["films", "books", "businesses", "products", "generic"] | None,
    typer.Option(
        "--prompt", help="What the model is told the items are. Default: by the data set.", rich_help_panel=_PANEL
    ),
]
RankSamples = Annotated[
    int,
    typer.Option(
        "--rank-samples",
        min=1,
        max=20,
        help="Orders asked for, each over a fresh permutation of the candidates.",
        rich_help_panel=_PANEL,
    ),
]
RankMerge = Annotated[
    Literal["borda", "rrf"],
    typer.Option("--rank-merge", help="How several orders become one.", rich_help_panel=_PANEL),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say how many calls, tokens and dollars, and ask nothing.", rich_help_panel=_BOUNDS),
]


_ALL: dict[str, tuple[Any, Any]] = {
    "model": (Model, None),
    "base_url": (BaseUrl, None),
    "server": (Server, None),
    "protocol": (Protocol, None),
    "api": (Api, None),
    "server_setting": (ServerSettings, None),
    "prompt": (Prompt, None),
    "rank_samples": (RankSamples, 1),
    "rank_merge": (RankMerge, "borda"),
    "key_file": (KeyFile, None),
    "timeout": (Timeout, 120.0),
    "max_retries": (MaxRetries, 5),
    "concurrency": (Concurrency, 8),
    "rpm": (Rpm, None),
    "cache": (Cache, True),
    "max_cost": (MaxCost, None),
    "max_tokens": (MaxTokens, None),
    "max_calls": (MaxCalls, None),
    "price_input": (PriceInput, None),
    "price_output": (PriceOutput, None),
    "dry_run": (DryRun, False),
}
"""Every option of a verb that a model can play in, with its default."""


def with_model(command: Callable[..., None]) -> Callable[..., None]:
    """A command, with its context first, that takes these options too; it finds their values in `ctx.params`."""
    return _taking(command, _ALL)


def with_model_asked(command: Callable[..., None]) -> Callable[..., None]:
    """The same with those options only that say who is asked, how fast and for how much, not what he is told."""
    return _taking(command, {name: option for name, option in _ALL.items() if name not in _TOLD})


def asked_options() -> list[str]:
    """How those options are written."""
    return [f"--{name.replace('_', '-')}" for name in _ALL if name not in _TOLD]


_TOLD = ("protocol", "prompt", "rank_samples", "rank_merge", "dry_run")


def _taking(command: Callable[..., None], options: dict[str, tuple[Any, Any]]) -> Callable[..., None]:
    own = inspect.signature(command)
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=default, annotation=of) for name, (of, default) in options.items()]

    @wraps(command)
    def taking_more(ctx: typer.Context, **given: Any) -> None:
        command(ctx, **{name: value for name, value in given.items() if name not in options})

    found: Any = taking_more
    found.__signature__ = own.replace(parameters=[*own.parameters.values(), *added])
    found.__annotations__ = {**command.__annotations__, **{name: of for name, (of, _) in options.items()}}
    return taking_more


def model_options(params: dict[str, Any], workspace: Path) -> "ModelOptions":
    """What was typed, from a context's `params` (names as above in snake case); a verb may lack any but `model`."""
    from toolrec_cli.llm.budgeted import Limits
    from toolrec_cli.llm.stack import ModelOptions, cache_path

    straight = (
        *("model", "base_url", "server", "api", "timeout", "max_retries", "concurrency", "rpm"),
        *("price_input", "price_output"),
    )
    given: dict[str, Any] = {name: params[name] for name in straight if name in params}
    given["model"] = params["model"] or ""
    return ModelOptions(
        **given,
        key_file=Path(params["key_file"]) if params.get("key_file") else None,
        settings=tuple(params.get("server_setting") or ()),
        limits=Limits(params.get("max_cost"), params.get("max_tokens"), params.get("max_calls")),
        cache=cache_path(workspace) if params.get("cache") else None,
    )


def over_recorded(ctx: typer.Context, workspace: Path) -> Any:
    """What a recorded `ModelPlan` becomes by what was typed: options not typed stay, budgets do not (they were another run's)."""
    from dataclasses import fields, replace

    from toolrec_cli.llm.budgeted import Limits

    typed = {name for name in ctx.params if _is_typed(ctx, name)}
    found = model_options({**ctx.params, "model": ctx.params["model"] or "-"}, workspace)
    kept = {each.name for each in fields(found)} & typed
    if "server_setting" in typed:
        kept.add("settings")
    elsewhere = typed & {"model", "base_url", "server"}

    def over(recorded: Any) -> Any:
        limits = Limits(ctx.params["max_cost"], ctx.params["max_tokens"], ctx.params["max_calls"])
        then = replace(recorded.options, base_url=None) if "server" in elsewhere else recorded.options
        cache = found.cache if "cache" in typed else then.cache
        new = replace(then, limits=limits, **{name: getattr(found, name) for name in kept - {"cache"}})
        return replace(recorded, options=replace(new, cache=cache))

    return over


def _is_typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


_OF_A_MODEL = {
    "base_url": "--base-url",
    "server": "--server",
    "protocol": "--protocol",
    "api": "--api",
    "server_setting": "--server-setting",
    "key_file": "--key-file",
    "max_cost": "--max-cost",
    "max_tokens": "--max-tokens",
    "max_calls": "--max-calls",
    "prompt": "--prompt",
}


def model_plan(params: dict[str, Any], workspace: Path) -> Any:
    """The `ModelPlan` that was typed; None without --model. Raises UsageError for what says nothing without one."""
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.modelling import ModelPlan

    if params["model"] is not None:
        options = model_options(params, workspace)
        return ModelPlan(options, params["protocol"], params["prompt"], params["rank_samples"], params["rank_merge"])
    said = [flag for name, flag in _OF_A_MODEL.items() if params[name]] + ["--dry-run"] * params["dry_run"]
    if said:
        raise UsageError(
            f"{said[0]} is about a language model, and none is named.",
            hint="Say which: --model NAME. Without it the built-in surrogate plays, at no cost.",
        )
    return None


def pace(params: dict[str, Any], work: Any, *, watched: bool) -> Any:
    """How many users at once, and where: as many as questions under way with a model, else as many as there are processors.

    Raises UsageError where a cluster is asked for that cannot be used, or for what is done here alone (what is `watched`: a
    trace, an ablation).
    """
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.running import Pace

    threads = params["concurrency"] if params["model"] else 1
    if work.runner == "local":
        return Pace(threads, work.workers)
    if watched:
        raise UsageError(
            "--trace and --ablate follow one user after the other, on this machine.", hint="Leave --runner out."
        )
    from toolrec_cli.operations.runners.ray import Ray

    return Pace(threads, work.workers, Ray(work.ray_address))


def show_dry_run(
    setting: Any, found: Any, user_ids: list[str], goes_on: Any, plan: Any, as_json: bool, beside: tuple[str, ...] = ()
) -> None:
    """`--dry-run`: the bill for those who are still to be asked; `beside`: with these baselines, which ask everybody."""
    from toolrec_cli.operations.estimating import dry_run
    from toolrec_cli.operations.resuming import recorded
    from toolrec_cli.render.bill import print_dry_run

    left = len(user_ids)
    if goes_on:
        record = recorded(goes_on.run)
        record.ask_again()
        left = len(record.missing)
    print_dry_run(dry_run(setting, found, user_ids, plan, left, beside=beside), as_json=as_json)
