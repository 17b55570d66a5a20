"""How a run over many users went: a short table, or a line of JSON a user."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.operations.deriving import Outcome
from toolrec_cli.render.console import print_json_line, say, stdout
from toolrec_cli.render.ranking import ranking_document
from toolrec_cli.unseen import clean
from toolrec_cli.wording import counted


def print_documents(done: Iterable[Trajectory]) -> None:
    """A JSON document a user, one a line, as they come."""
    for trajectory in done:
        print_json_line(ranking_document(trajectory))


def print_outcome(found: Outcome) -> None:
    """The short table."""
    table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("surrogate", Text(clean(found.surrogate)))
    for name, figure in counts(found.as_result()):
        table.add_row(Text(name), figure)
    if found.asked:
        table.add_row("asked now", f"{found.asked:,} in {found.seconds:,.1f} s, {found.rate:,.0f} a second")
    stdout().print(table)


def counts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How many explorations ended how, and after how many rounds, of what the run's manifest has as its result."""
    ended = [(f"  {status}", f"{count:,}") for status, count in sorted(result["statuses"].items())]
    return [("users", f"{result['users']:,}"), *ended, ("mean rounds", f"{result['mean_rounds']:.2f}")]


def say_retrieval(result: Mapping[str, Any]) -> None:
    """On stderr: see `retrieval`."""
    for line in retrieval(result):
        say(line, style="dim")


def untuned(why: str, whose: str = "The surrogate") -> list[str]:
    """Why the surrogate did without what `toolrec tune` learns; nothing where it did not."""
    return [f"{whose} went untuned: {why}."] if why else []


def retrieval(result: Mapping[str, Any]) -> list[str]:
    """Where items were retrieved by an index, how much it finds; where one was to be expected, why there is none."""
    lines: list[str] = []
    if found := result.get("indexes"):
        recalls = ", ".join(f"{card['recall']:.1%} ({name})" for name, card in found.items())
        queries = max(card["queries"] for card in found.values())
        lines.append(
            f"Retrieved by an index, which finds of the best 100 items {recalls}: {counted(queries, 'user')} asked."
        )
    if why := result.get("unindexed"):
        lines.append(f"Every item was scored: {why}.")
    return lines
