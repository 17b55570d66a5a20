"""An ablation or a stress test as a table with a plot, or as JSON."""

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
    table = plain_table(Text(""), found.kind, f"NDCG@{found.n}", "", f"Recall@{found.n}", *difference)
    most = max(row.metrics[metric].mean for row in found.rows) or 1.0
    for row in found.rows:
        against = [foreign(row.against)] if pairwise else []
        table.add_row(*_cells(row, found.n, most), *against, style="bold" if row.versus is None else "")
        for other, versus in row.comparisons()[1:]:
            blank = [Text("")] * 4
            table.add_row(*blank, *_difference(versus[metric]), foreign(other))
    console.print(table)
    names = list(dict.fromkeys(name for row in found.rows for name in row.measured))
    if names:
        console.print(_measured(found, names))
    for line in found.reading:
        console.print(Text(line), soft_wrap=True)


def say_recorded(run: Path) -> None:
    """Where it lies."""
    say(f"Recorded in {run}: variants.parquet, variants.svg, rankings.parquet, report.json", style="dim")


def _cells(row: VariantRow, n: int, most: float) -> list[Text]:
    ndcg, recall = row.metrics[f"ndcg@{n}"], row.metrics[f"recall@{n}"]
    figures = [Text(spoken(ndcg)), Text(bar(ndcg.mean / most, _BAR)), Text(spoken(recall))]
    if row.versus is None:
        return [foreign(row.name), *figures, Text(""), Text("")]
    return [foreign(row.name), *figures, *_difference(row.versus[f"ndcg@{n}"])]


def _difference(versus: Paired) -> list[Text]:
    return [Text(spoken_difference(versus)), Text("" if versus.p_holm is None else spoken_p(versus.p_holm))]


def _measured(found: Comparison, names: list[str]) -> Table:
    table = plain_table(Text(""), found.kind, *names)
    for row in found.rows:
        if row.measured:
            table.add_row(foreign(row.name), *(Text(_number(row.measured.get(name))) for name in names))
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.4f}"
