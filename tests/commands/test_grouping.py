"""Groups of options: typer sees the options, a command gets the groups; and what a second model is asked with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from toolrec_cli.app import app
from toolrec_cli.commands.eval_options import Ablation
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.errors import UsageError
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.modelling import ModelPlan


@dataclass(frozen=True)
class Size:
    """How much."""

    width: Annotated[int, typer.Option("--width", min=1)] = 3
    height: Annotated[int | None, typer.Option("--height")] = None


def called(*words: str) -> tuple[int, list[Any]]:
    """The exit code, and what the command was called with: its own parameters, the group, and the names in its context."""
    seen: list[Any] = []
    program = typer.Typer()

    @program.command()
    @grouped
    def draw(ctx: typer.Context, *, name: str = "x", size: Size, bold: bool = False) -> None:
        """Draw it."""
        seen.extend([name, bold, size, list(ctx.params)])

    return CliRunner().invoke(program, list(words)).exit_code, seen


def test_the_command_gets_the_group_and_typer_its_fields_in_their_order() -> None:
    assert called() == (0, ["x", False, Size(3, None), ["name", "width", "height", "bold"]])
    assert called("--height", "2", "--bold", "--width", "5")[1][1:3] == [True, Size(5, 2)]


def test_options_of_a_group_with_a_heading_stand_under_it_and_nowhere_else() -> None:
    """`--workers` is another verb's too, and stays among its options there."""
    shown = toolrec_help("replay")
    plain, supposed = (part.partition("╰")[0] for part in shown.split("╭─ ")[2:4])
    for option in ("--what-if", "--yes", "--resume", "--allow-drift", "--out", "--workers"):
        assert (f" {option} " in plain, f" {option} " in supposed) == (False, True), option
    assert " --workers " in toolrec_help("recommend").split("╭─ Options")[1].partition("╰")[0]


def toolrec_help(verb: str) -> str:
    return CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "120"}).stdout


def test_a_field_is_checked_as_any_option_is() -> None:
    assert called("--width", "0") == (2, [])
    assert called("--size", "1") == (2, [])


def test_help_names_only_variables_with_a_name_of_their_own_but_all_of_them_work(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["eval", "--help"]).stdout
    assert "TOOLREC_WORKSPACE" in said
    assert "TOOLREC_EVAL" not in said
    told = CliRunner().invoke(app, ["eval", "-w", str(tmp_path)], env={"TOOLREC_EVAL_USERS": "none"})
    assert "--users takes a number above 0, or all; not 'none'." in told.stderr


ONE = ModelPlan(
    ModelOptions(
        "one",
        "https://one.example/v1",
        api="responses",
        settings=("headroom=9",),
        key_file=Path("key"),
        price_input=1.0,
    ),
    protocol="tools",
)


def test_a_second_model_on_the_same_server_is_asked_as_the_first_at_its_own_price() -> None:
    other = Ablation("models", against_model="two").other_model(ONE)
    assert (other.options.model, other.options.base_url, other.protocol) == ("two", ONE.options.base_url, "tools")
    assert (other.options.key_file, other.options.settings, other.options.price_input) == (
        Path("key"),
        ("headroom=9",),
        None,
    )


@pytest.mark.parametrize("where", [{"against_base_url": "http://two.example/v1"}, {"against_server": "gemini"}])
def test_nothing_of_the_first_one_s_server_goes_to_another(where: dict[str, str]) -> None:
    other = Ablation("models", against_model="two", **where).other_model(ONE)
    assert other.options.key_file is None
    assert (other.options.api, other.options.settings) == (None, ())
    assert other.options.base_url == where.get("against_base_url")
    own = Ablation("models", against_model="two", against_key_file=Path("other"), **where).other_model(ONE)
    assert own.options.key_file == Path("other")


def test_what_is_about_a_second_model_says_nothing_without_one() -> None:
    assert Ablation().other_model(ONE) is None
    for given in ({"against_base_url": "http://two.example/v1"}, {"against_price_input": 1.0}):
        with pytest.raises(UsageError, match="is about a second language model"):
            Ablation(**given).other_model(ONE)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--against-model is about a second language model"):
        Ablation("models", against_model="two").other_model(None)
    with pytest.raises(UsageError, match="--against-model is about a second language model"):
        Ablation("rounds", against_model="two").other_model(ONE)


def test_a_version_in_the_environment_is_no_option(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["datasets", "-w", str(tmp_path)], env={"TOOLREC_VERSION": "0.1.0"})
    assert (told.exit_code, "0.1.0" in told.output) == (0, False)
