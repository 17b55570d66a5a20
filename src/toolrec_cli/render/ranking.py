"""The answer: a list a user, as a table or as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from toolrec_cli.agent.trajectory import Recommended, Status, Trajectory
from toolrec_cli.render.console import foreign, print_json, print_json_line, stdout
from toolrec_cli.render.trace import spoken_marks, spoken_value

SCHEMA_VERSION = 1


_NOTES = {
    Status.RUNNING: "not the surrogate's own list",
    Status.PADDED: "the surrogate's own list was too short; + marks what was added from memory",
    Status.FORCED: "not the surrogate's own list",
    Status.FAILED: "not the surrogate's own list",
}
"""What is to be known of a list that the surrogate did not finish by itself."""


def ranking_document(trajectory: Trajectory) -> dict[str, Any]:
    """`toolrec recommend --json`, a user."""
    items = [
        {
            "rank": entry.rank,
            "item_id": entry.item_id,
            "title": trajectory.items[entry.item_id].title,
            "tool": entry.marks[0] if entry.marks else None,
            "tools": list(entry.marks),
            "padded": entry.padded,
            "attributes": trajectory.items[entry.item_id].attributes,
        }
        for entry in trajectory.ranking
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "user_id": trajectory.user_id,
        "dataset": trajectory.dataset,
        "surrogate": trajectory.surrogate,
        "status": str(trajectory.status),
        "rounds": len(trajectory.steps),
        "items": items,
    }


def trajectory_document(trajectory: Trajectory) -> dict[str, Any]:
    """`toolrec replay --json`: the whole record."""
    import json

    from toolrec_cli.agent.codec import encode

    return json.loads(encode(trajectory))


def print_rankings(done: Sequence[Trajectory], *, as_json: bool) -> None:
    """One document for one user, a line a user for many; or a table each."""
    if as_json and len(done) == 1:
        print_json(ranking_document(done[0]))
    elif as_json:
        for trajectory in done:
            print_json_line(ranking_document(trajectory))
    else:
        for trajectory in done:
            stdout().print(_table(trajectory))


def _table(trajectory: Trajectory) -> Table:
    title = foreign(spoken_title(trajectory), "bold")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column("", justify="right", style="green")
    table.add_column("title", overflow="fold")
    table.add_column("attributes", overflow="fold")
    table.add_column("brought by", style="dim", overflow="fold")
    table.add_column("id", style="dim", overflow="fold")
    for entry in trajectory.ranking:
        card = trajectory.items[entry.item_id]
        place, about, marks = spoken_entry(trajectory, entry)
        table.add_row(place, foreign(card.title), foreign(about), foreign(marks), foreign(entry.item_id))
    return table


def spoken_title(trajectory: Trajectory) -> str:
    """ "For user 42"; with what is to be known of a list that the surrogate did not finish by itself."""
    note = f" · {trajectory.status}: {_NOTES[trajectory.status]}" if trajectory.status in _NOTES else ""
    return f"For user {trajectory.user_id}{note}"


def spoken_entry(trajectory: Trajectory, entry: Recommended) -> tuple[str, str, str]:
    """Its place ("3+" where memory added it), its attributes, and who brought it."""
    about = " · ".join(spoken_value(value) for value in trajectory.items[entry.item_id].attributes.values())
    marks = spoken_marks([mark for mark in entry.marks if not mark.startswith("rank:")])
    return f"{entry.rank}{'+' if entry.padded else ''}", about, marks
