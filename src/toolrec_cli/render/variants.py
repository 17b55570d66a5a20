"""An ablation or a stress test as a table with a plot, or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from toolrec_cli.evaluation.significance import Paired
from toolrec_cli.evaluation.variants import Comparison, VariantRow
from toolrec_cli.render.console import foreign, print_json, print_prose, say, stdout
from toolrec_cli.render.figures import spoken, spoken_difference, spoken_p
from toolrec_cli.render.plots import bar
from toolrec_cli.render.report import WIDE
from toolrec_cli.render.sheet import Column, Line, Sheet, figures, print_sheet
from toolrec_cli.wording import counted

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
    console.print(foreign(asked(found), "bold"))
    for sheet in (compared(found, bars=console.width >= _ROOMY), *measured(found, console.width)):
        print_sheet(console, sheet)
    for line in found.reading:
        print_prose(console, foreign(line))


def asked(found: Comparison) -> str:
    """Of whom, and what."""
    of = "" if found.n_users == found.n_possible else f"{found.n_users:,} of "
    users = f"{of}{counted(found.n_possible, 'user')}"
    return f"{found.dataset}, {found.split} split, n = {users}; mean [95 % interval]. {found.question}"


def compared(found: Comparison, *, bars: bool = False) -> Sheet:
    """Every variant, a line for each that it is compared with; with `bars` of characters beside NDCG."""
    metric = f"ndcg@{found.n}"
    pairwise = len({against for row in found.rows for against, _ in row.comparisons()}) > 1
    difference = ("difference", "p, Holm", "against") if pairwise else (f"NDCG − {found.reference}", "p, Holm")
    names = (f"NDCG@{found.n}", *[""] * bars, f"Recall@{found.n}", *difference)
    most = max(row.metrics[metric].mean for row in found.rows) or 1.0
    lines: list[Line] = []
    for row in found.rows:
        means = _means(row, found.n, most if bars else None)
        versus = _difference(row.versus[metric]) if row.versus else ("", "")
        against = [row.against] if pairwise else []
        lines.append(Line((row.name, *means, *versus, *against), strong=row.versus is None))
        for other, more in row.comparisons()[1:]:
            lines.append(Line((*[""] * (1 + len(means)), *_difference(more[metric]), other)))
    return Sheet("", (Column(found.kind), *figures(*names)), tuple(lines))


def say_recorded(run: Path) -> None:
    """Where it lies."""
    say(f"Recorded in {run}: variants.parquet, variants.svg, rankings.parquet, report.json", style="dim")


def measured(found: Comparison, width: int | None = None) -> list[Sheet]:
    """What else was measured, in as many tables as it takes for no number to be broken on `width` characters (None: one)."""
    rows = [row for row in found.rows if row.measured]
    cells = {
        name: [_number(row.measured.get(name)) for row in rows]
        for name in dict.fromkeys(name for row in rows for name in row.measured)
    }
    longest = min(_NAME, max(map(len, [found.kind, *(row.name for row in rows)])))
    widths = {name: _width(name, each) for name, each in cells.items()}
    room = sum(widths.values()) + 2 * len(widths) if width is None else width - longest - 2
    return [
        Sheet(
            "",
            (Column(found.kind, width=longest), *(Column(name, width=widths[name]) for name in names)),
            tuple(Line((row.name, *(cells[name][place] for name in names))) for place, row in enumerate(rows)),
        )
        for names in _fitting(widths, room)
    ]


def _means(row: VariantRow, n: int, most: float | None) -> tuple[str, ...]:
    """NDCG, a bar of it (None: none), Recall."""
    ndcg, recall = row.metrics[f"ndcg@{n}"], row.metrics[f"recall@{n}"]
    bars = [] if most is None else [bar(ndcg.mean / most, _BAR)]
    return spoken(ndcg), *bars, spoken(recall)


def _difference(versus: Paired) -> tuple[str, str]:
    return spoken_difference(versus), spoken_p(versus.p_holm)


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
