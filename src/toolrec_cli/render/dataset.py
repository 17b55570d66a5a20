"""A prepared data set as a summary."""

from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.render.console import foreign, say, stdout
from toolrec_cli.wording import sized


def dataset_document(dataset: Dataset) -> dict[str, Any]:
    """`toolrec prep --json`: the card, and the density."""
    return {**dataset.card.as_json(), "density": _density(dataset)}


def print_dataset(dataset: Dataset) -> None:
    """Counts, split sizes and attributes, on stdout."""
    card, console = dataset.card, stdout()
    counts = card.counts
    console.print(Text(f"{card.name}  ({dataset.directory})", style="bold"))
    console.print(f"{sized(counts)} · density {_density(dataset):.3%}")
    parts = " · ".join(f"{name} {counts[name]:,}" for name in ("train", "validation", "test"))
    console.print(f"{card.split}: {parts}")
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for name, justify in (("attribute", "left"), ("kind", "left"), ("coverage", "right"), ("values", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    for found in card.attributes:
        table.add_row(foreign(found.name), str(found.kind), f"{found.coverage:.1%}", f"{found.n_values:,}")
    console.print(table)


def print_notes(dataset: Dataset) -> None:
    """What was repaired, dropped or decided on the way, on stderr."""
    for note in dataset.card.notes:
        say(f"· {note}", style="dim", prose=True)


def _density(dataset: Dataset) -> float:
    counts = dataset.card.counts
    return counts["interactions"] / max(1, counts["users"] * counts["items"])
