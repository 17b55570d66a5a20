"""Help, version and examples: quick to load, and true."""

import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from subprocess import CompletedProcess
from typing import Any

import pytest
import typer

from toolrec_cli.app import app

Run = Callable[..., CompletedProcess[str]]

GROUP: Any = typer.main.get_command(app)
VERBS = [
    "prep",
    "pretrain",
    "train-encoder",
    "tune",
    "recommend",
    "replay",
    "eval",
    "report",
    "stress",
    "audit",
    "doctor",
    "datasets",
    "runs",
]


def examples(verb: str) -> list[str]:
    """The command lines in a verb's docstring."""
    return re.findall(r"\[bold\]toolrec ([^\[]*)\[/bold\]", inspect.getdoc(GROUP.commands[verb].callback) or "")


EXAMPLES = [line for verb in VERBS for line in examples(verb)]


def test_these_are_the_verbs() -> None:
    assert list(GROUP.commands) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_on_stdout(toolrec: Run, verb: str) -> None:
    said = toolrec(verb, "--help")
    assert (said.returncode, said.stderr) == (0, "")
    assert f"Usage: toolrec {verb}" in said.stdout
    assert "--workspace" in said.stdout


def test_the_short_form_is_the_same_help(toolrec: Run) -> None:
    assert toolrec("-h").stdout == toolrec("--help").stdout
    assert all(verb in toolrec("-h").stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_two_or_three_examples(verb: str) -> None:
    assert len(examples(verb)) in (2, 3)


@pytest.mark.parametrize("line", [*EXAMPLES, "recommend --user 42 --trace"])
def test_every_example_parses(line: str) -> None:
    verb, *words = line.split()
    assert GROUP.commands[verb].make_context(verb, words).params


def test_help_loads_nothing_heavy(process: Run) -> None:
    """One process asks every verb for its help, then looks at what has been loaded."""
    watch = f"""
import atexit, sys
heavy = ("torch", "polars", "pyarrow", "openai", "numpy", "rapidfuzz", "safetensors", "jinja2")
atexit.register(lambda: print("heavy:", [name for name in heavy if name in sys.modules], file=sys.stderr))
from toolrec_cli.app import app
for words in {[[verb] for verb in VERBS] + [["datasets", "show"]]}:
    app([*words, "--help"], standalone_mode=False)
"""
    said = process("--help", before=watch)
    assert said.returncode == 0
    assert said.stderr == "heavy: []\n"
    assert said.stdout.count("Usage:") == len(VERBS) + 2


def test_the_version(process: Run) -> None:
    said = process("--version")
    assert (said.returncode, said.stdout, said.stderr) == (0, f"toolrec {version('toolrec-cli')}\n", "")
