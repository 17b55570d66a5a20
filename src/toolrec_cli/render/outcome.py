"""How a run over many users went: a short table, or a line of JSON a user."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.operations.deriving import Outcome
from toolrec_cli.render.console import clean, print_json_line, say, stdout
from toolrec_cli.render.ranking import ranking_document


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
    table.add_row("users", f"{found.users:,}")
    for status, count in sorted(found.statuses.items()):
        table.add_row(f"  {status}", f"{count:,}")
    table.add_row("mean rounds", f"{found.mean_rounds:.2f}")
    if found.asked:
        table.add_row("asked now", f"{found.asked:,} in {found.seconds:,.1f} s, {found.rate:,.0f} a second")
    stdout().print(table)


def say_retrieval(result: Mapping[str, Any]) -> None:
    """Where items were retrieved by an index, how much it finds; where one was to be expected, why there is none."""
    if found := result.get("indexes"):
        recalls = ", ".join(f"{card['recall']:.1%} ({clean(name)})" for name, card in found.items())
        queries = max(card["queries"] for card in found.values())
        say(f"Retrieved by an index, which finds of the best 100 items {recalls}: {queries} users asked.", style="dim")
    if why := result.get("unindexed"):
        say(f"Every item was scored: {why}.", style="dim")
