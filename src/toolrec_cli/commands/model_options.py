"""Options about a language model that several verbs share, and what they say together."""

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
        help="An OpenAI-compatible server: http://localhost:11434/v1. Default: OPENAI_BASE_URL, else OpenAI.",
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
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say how many calls, tokens and dollars, and ask nothing.", rich_help_panel=_BOUNDS),
]


def model_options(params: dict[str, Any], workspace: Path) -> "ModelOptions":
    """What was typed, from a context's `params` (names as above in snake case); a verb may lack any but `model`."""
    from toolrec_cli.llm.budgeted import Limits
    from toolrec_cli.llm.stack import ModelOptions, cache_path

    straight = (
        *("model", "base_url", "server", "api", "key_file", "timeout", "max_retries", "concurrency", "rpm"),
        *("price_input", "price_output"),
    )
    given: dict[str, Any] = {name: params[name] for name in straight if name in params}
    given["model"] = params["model"] or ""
    return ModelOptions(
        **given,
        settings=tuple(params.get("server_setting") or ()),
        limits=Limits(params.get("max_cost"), params.get("max_tokens"), params.get("max_calls")),
        cache=cache_path(workspace) if params.get("cache") else None,
    )
