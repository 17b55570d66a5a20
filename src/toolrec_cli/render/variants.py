"""An ablation or a stress test as a table with a plot, or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from toolrec_cli.evaluation.significance import Paired
from toolrec_cli.evaluation.variants import Comparison, VariantRow
from toolrec_cli.render.console import foreign, print_json, say, stdout
from toolrec_cli.render.plots import bar
from toolrec_cli.render.report import WIDE, plain_table, spoken, spoken_difference, spoken_p

_BAR = 16
_NAME = 30
"""Characters of a variant's name that stay on one line."""
_ROOMY = 100
"""A terminal of so many characters has room for bars."""


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """The question, the table, what was measured besides, and the reading."""
    if as_json:
        print_json(asdict(found))
        return
    console = stdout(width_when_piped=WIDE)
    asked = f"{found.n_users:,}" + ("" if found.n_users == found.n_possible else f" of {found.n_possible:,}")
    console.print(
        foreign(
            f"{found.dataset}, {found.split} split, n = {asked} users; mean [95 % interval]. {found.question}", "bold"
        )
    )
    metric = f"ndcg@{found.n}"
    pairwise = len({against for row in found.rows for against, _ in row.comparisons()}) > 1
    difference = ("difference", "p, Holm", "against") if pairwise else (f"NDCG − {found.reference}", "p, Holm")
    drawn = console.width >= _ROOMY
    table = plain_table(Text(""), found.kind, f"NDCG@{found.n}", *[""] * drawn, f"Recall@{found.n}", *difference)
    most = max(row.metrics[metric].mean for row in found.rows) or 1.0
    for row in found.rows:
        figures = _figures(row, found.n, most if drawn else None)
        versus = _difference(row.versus[metric]) if row.versus else [Text(""), Text("")]
        against = [foreign(row.against)] if pairwise else []
        table.add_row(foreign(row.name), *figures, *versus, *against, style="bold" if row.versus is None else "")
        for other, more in row.comparisons()[1:]:
            table.add_row(*[Text("")] * (1 + len(figures)), *_difference(more[metric]), foreign(other))
    console.print(table)
    for each in _measured(found, console.width):
        console.print(each)
    for line in found.reading:
        console.print(Text(line), soft_wrap=True)


def say_recorded(run: Path) -> None:
    """Where it lies."""
    say(f"Recorded in {run}: variants.parquet, variants.svg, rankings.parquet, report.json", style="dim")


def _figures(row: VariantRow, n: int, most: float | None) -> list[Text]:
    """NDCG, a bar of it (None: none), Recall."""
    ndcg, recall = row.metrics[f"ndcg@{n}"], row.metrics[f"recall@{n}"]
    drawn = [] if most is None else [Text(bar(ndcg.mean / most, _BAR))]
    return [Text(spoken(ndcg)), *drawn, Text(spoken(recall))]


def _difference(versus: Paired) -> list[Text]:
    return [Text(spoken_difference(versus)), Text("" if versus.p_holm is None else spoken_p(versus.p_holm))]


def _measured(found: Comparison, width: int) -> list[Table]:
    """What else was measured, in as many tables as it takes for no number to be broken."""
    rows = [row for row in found.rows if row.measured]
    cells = {
        name: [_number(row.measured.get(name)) for row in rows]
        for name in dict.fromkeys(name for row in rows for name in row.measured)
    }
    longest = min(_NAME, max(map(len, [found.kind, *(row.name for row in rows)])))
    tables: list[Table] = []
    for names in _fitting({name: _width(name, each) for name, each in cells.items()}, width - longest - 2):
        table = plain_table(Text(""))
        table.add_column(foreign(found.kind), overflow="fold", width=longest)
        for name in names:
            table.add_column(foreign(name), width=_width(name, cells[name]))
        for place, row in enumerate(rows):
            table.add_row(foreign(row.name), *(Text(cells[name][place]) for name in names))
        tables.append(table)
    return tables


def _width(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells]))


def _fitting(widths: Mapping[str, int], room: int) -> list[list[str]]:
    """The columns in their order, as many beside each other as there is room for."""
    parts: list[list[str]] = []
    left = 0
    for name, width in widths.items():
        if not parts or width + 2 > left:
            parts.append([])
            left = room
        parts[-1].append(name)
        left -= width + 2  # with the space around it
    return parts


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.4f}"
