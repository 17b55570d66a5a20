"""What can be prepared and what is prepared, as two tables or as JSON."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.operations.listing import Listing, PreparedLine, SourceLine
from toolrec_cli.render.console import foreign, print_json, say, stdout
from toolrec_cli.unseen import clean

_NAME = 16
"""Characters of a data set's name that stand on one line even on a narrow terminal."""


def listing_document(found: Listing) -> dict[str, Any]:
    """`toolrec datasets --json`."""
    return asdict(found)


def print_listing(found: Listing, *, as_json: bool) -> None:
    """The tables on stdout; data sets that cannot be used on stderr."""
    if as_json:
        print_json(listing_document(found))
        return
    console = stdout()
    console.print(_sources(found.sources))
    console.print()
    usable = [line for line in found.datasets if line.problem is None]
    if usable:
        console.print(_prepared(found.workspace, usable))
    else:
        console.print(foreign(f"Nothing is prepared in {found.workspace}."), soft_wrap=True)
    for line in found.datasets:
        if line.problem is not None:
            say(clean(f"{line.name} cannot be used: {line.problem}"), style="red")


def size(n_bytes: int) -> str:
    """ "812 B", "5.3 MB": three digits at most, in powers of 1,000."""
    if n_bytes < 1000:
        return f"{n_bytes} B"
    amount, units = n_bytes / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.1f} {units[0]}" if amount < 9.95 else f"{amount:.0f} {units[0]}"


def _table(title: str) -> Table:
    return Table(
        title=foreign(title, style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 1),
        header_style="dim",
        pad_edge=False,
    )


def _sources(lines: tuple[SourceLine, ...]) -> Table:
    """A source and, under what is said of it, its address: a line of its own, so that it can be copied."""
    table = _table("Can be prepared: toolrec prep SOURCE")
    table.add_column("source", no_wrap=True)
    table.add_column("what it is, and where it is to be had", overflow="fold")
    for line in lines:
        address = ("", "") if line.home is None else (f"\n{line.home}", "dim")
        table.add_row(Text(line.name, style="green"), Text.assemble(line.about, address))
    return table


def _prepared(workspace: str, lines: list[PreparedLine]) -> Table:
    table = _table(f"Prepared in {workspace}")
    table.collapse_padding = True
    table.add_column("name", overflow="fold", min_width=min(_NAME, max(len(line.name) for line in lines)))
    table.add_column("source", overflow="fold")
    for name in ("users", "items", "interactions", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("prepared", no_wrap=True)
    table.add_column("trained on it", overflow="fold", min_width=13)  # "release_year" and a comma
    for line in lines:
        counts = [Text(f"{line.counts[name]:,}") for name in ("users", "items", "interactions")]
        day = (line.prepared_at or "").partition("T")[0]
        names = (foreign(line.name, style="green"), foreign(line.source or ""))
        table.add_row(*names, *counts, Text(size(line.n_bytes)), Text(day), _trained(line))
    return table


def _trained(line: PreparedLine) -> Text:
    """ "sasrec: genre, release_year": a backbone a line, newest first, with the attributes that have a tool; no line twice."""
    if not line.trained:
        return Text("nothing", style="dim")
    said = [f"{each.backbone}: {', '.join(each.encoders)}".removesuffix(": ") for each in line.trained]
    return Text("\n").join(map(foreign, dict.fromkeys(said)))
