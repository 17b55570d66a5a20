"""What the doctor found, as a table or as JSON."""

import shlex
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.operations.doctoring import Consultation, Examination
from toolrec_cli.render.console import foreign, print_json, say, stdout
from toolrec_cli.render.listing import size
from toolrec_cli.unseen import clean
from toolrec_cli.wording import counted

_STYLES = {"yes": "green", "ignored": "yellow", "refused": "red", "failed": "red", "unclear": "dim"}

_ROWS = {
    "json_schema": ("json_schema", "an answer obeys a schema"),
    "tools": ("tools", "native calls"),
    "tool_choice": ("tool_choice: required", "a call is made even when it need not be"),
    "seed": ("seed", "accepted"),
    "temperature": ("temperature: 0", "accepted"),
    "stop": ("stop", "the text ends before a stop sequence"),
    "max_tokens": ("max_tokens", "limits an answer"),
    "max_completion_tokens": ("max_completion_tokens", "limits an answer"),
    "max_output_tokens": ("max_output_tokens", "limits an answer"),
    "responses_api": ("Responses API", "there is one"),
    "chat_api": ("chat completions", "there are"),
}

_OF_CHAT_ALONE = ("seed", "stop", "max_tokens", "max_completion_tokens")
"""What the Responses API has nothing to do with."""

MODELS_SHOWN = 8


def print_examination(found: Examination, *, as_json: bool) -> None:
    """The installation and the workspace on stdout; what is wrong on stderr."""
    if as_json:
        print_json(asdict(found))
        return
    console = stdout()
    console.print(Text(f"Python {found.python} · {found.system} · {found.cores} cores", style="bold"))
    console.print(Text(" · ".join(f"{name} {number or 'missing'}" for name, number in found.packages.items())))
    console.print(foreign(f"Workspace {found.workspace} · {size(found.free)} free"), soft_wrap=True)
    usable = [line for line in found.datasets if line.problem is None]
    named = ", ".join(f"{line.name} ({counted(line.counts['users'], 'user')})" for line in usable) or "none"
    console.print(foreign(f"Data sets: {named}"), soft_wrap=True)
    runs = ", ".join(f"{number:,} {status}" for status, number in sorted(found.runs.items())) or "none"
    console.print(foreign(f"Runs: {runs}"))
    for problem in found.problems:
        say(f"Wrong: {problem.what} {problem.hint}", style="red")
    if not found.problems:
        say("Nothing is wrong.", style="green")


def print_consultation(found: Consultation, *, as_json: bool) -> None:
    """The row of a server on stdout, and what to type."""
    if as_json:
        print_json(asdict(found) | {"flags": flags(found)})
        return
    console = stdout()
    console.print(_table(found))
    console.print(foreign(_sentence(found)), soft_wrap=True)
    for about, words in found.facts["said"].items():
        say(clean(f"{about}: {words}"), style="dim")
    if found.protocol is None:
        say("No protocol works with this model on this server.", style="red")
        return
    console.print(Text.assemble("Preset that fits: ", (found.preset, "bold"), ". Type:"))
    words = " ".join(shlex.quote(word) for word in flags(found))
    console.print(foreign(f"toolrec recommend --user 42 {words}", style="bold"), soft_wrap=True)


def flags(found: Consultation) -> list[str]:
    """What to add to a command so that this model is asked as it wants."""
    protocol = [] if found.protocol is None else ["--protocol", found.protocol]
    words = ["--model", found.model, "--base-url", found.base_url, "--server", found.preset, *protocol]
    return [*words, *(word for setting in found.settings for word in ("--server-setting", setting))]


def _table(found: Consultation) -> Table:
    title = foreign(f"{found.model} at {found.base_url}, {found.facts['calls']} calls", style="bold")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for name in ("setting", "found", "meaning"):
        table.add_column(name, overflow="fold")
    for key, (name, meaning) in _ROWS.items():
        if (verdict := found.facts[key]) is None or (key in _OF_CHAT_ALONE and found.facts["api"] == "responses"):
            continue
        table.add_row(name, Text(verdict, style=_STYLES[verdict]), Text(meaning, style="dim"))
    return table


def _sentence(found: Consultation) -> str:
    facts: dict[str, Any] = found.facts
    usage = "counts tokens" if facts["usage"] else "counts no tokens"
    cached = ", cached ones apart" if facts["cached_tokens"] else ""
    shown = ", ".join(found.models[:MODELS_SHOWN]) + (", …" if len(found.models) > MODELS_SHOWN else "")
    through = "Asked through the Responses API. " if facts["api"] == "responses" else ""
    return (
        f"{through}It {usage}{cached}. A cut-off answer: {facts['truncation']}. Calls in one reply, two asked for: "
        f"{facts['calls_at_once']}. Key: {found.key or 'none'}. Price: {found.price}. Models listed: {shown or 'none'}."
    )
