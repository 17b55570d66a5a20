"""What is typed about a model arrives where the model is built."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from toolrec_cli.commands import model_options as llm
from toolrec_cli.llm.budgeted import Limits
from toolrec_cli.llm.stack import ModelOptions

app = typer.Typer()
typed: list[ModelOptions] = []


@app.command()
@llm.with_model
def ask(ctx: typer.Context) -> None:
    """A verb with every option there is."""
    typed.append(llm.model_options(ctx.params, Path("w")))


def options(line: str) -> ModelOptions:
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.output
    return typed[-1]


def test_nothing_but_a_name() -> None:
    assert options("--model m") == ModelOptions("m", cache=Path("w/cache/replies.sqlite"))


def test_everything() -> None:
    line = (
        "--model m --base-url http://h/v1 --server vllm --protocol tools --api responses --server-setting send_seed=no "
        "--server-setting headroom=9 --key-file k --timeout 3 --max-retries 2 --concurrency 64 --rpm 500 --no-cache "
        "--max-cost 1.5 --max-tokens 1000 --max-calls 10 --price-input 0.25 --price-output 2 --dry-run"
    )
    assert options(line) == ModelOptions(
        "m",
        "http://h/v1",
        "vllm",
        "responses",
        settings=("send_seed=no", "headroom=9"),
        key_file=Path("k"),
        timeout=3.0,
        max_retries=2,
        concurrency=64,
        rpm=500.0,
        limits=Limits(1.5, 1000, 10),
        price_input=0.25,
        price_output=2.0,
        cache=None,
    )
