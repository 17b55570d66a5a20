"""Tables at the terminal: in parts where it is narrow, and no figure broken."""

import io
import re

import pytest
from rich.console import Console

from toolrec_cli.render.sheet import Column, Line, Sheet, figures, fitted, print_sheet

FIGURE = "0.2467 [0.197, 0.300]"
SHEET = Sheet(
    "A title",
    (Column("row"), *figures("Recall, Hit@10", "NDCG@10", "MRR@10", "NDCG@10 − sasrec"), Column("p, Holm", whole=True)),
    (
        Line(("sasrec", FIGURE, "0.1545 [0.121, 0.190]", "0.1256 [0.095, 0.159]", "", "")),
        Line(
            ("[b]\x1b[1mretrieve:genre", FIGURE, FIGURE, FIGURE, "+0.0036 [-0.0101, +0.0168]", "< 0.0001"), strong=True
        ),
    ),
)
"""Natural width: 20 + 3 · 21 + 26 + 8 with four gaps of two, 127."""


def printed(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    print_sheet(console, SHEET)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def columns(width: int) -> list[list[str]]:
    return [[column.name for column in part.columns] for part in fitted(SHEET, width)]


def test_where_there_is_room_a_line_a_row() -> None:
    assert fitted(SHEET, 140) == [SHEET]
    shown = printed(140)
    assert len(shown) == 4
    assert shown[3].split(None, 1) == [
        "[b][1mretrieve:genre",
        f"{FIGURE}  {FIGURE}  {FIGURE}  +0.0036 [-0.0101, +0.0168]  < 0.0001",
    ]


def test_where_there_is_less_the_intervals_stand_below() -> None:
    assert columns(110) == [[column.name for column in SHEET.columns]]
    shown = printed(110)
    assert len(shown) == 2 + 2 * 2
    assert shown[4].split() == ["[b][1mretrieve:genre", *["0.2467"] * 3, "+0.0036", "<", "0.0001"]
    assert shown[5].split("  ")[-4:] == [*["[0.197, 0.300]"] * 3, "[-0.0101, +0.0168]"]


def test_where_there_is_little_it_comes_in_parts_with_the_names_in_each() -> None:
    assert columns(80) == [["row", "Recall, Hit@10", "NDCG@10", "MRR@10"], ["row", "NDCG@10 − sasrec", "p, Holm"]]
    shown = printed(80)
    assert sum(line.startswith("[b][1mretrieve:genre ") for line in shown) == 2
    assert shown.count("A title") == 1


@pytest.mark.parametrize("width", range(40, 150, 7))
def test_no_figure_and_no_name_is_broken_at_any_width(width: int) -> None:
    shown = printed(width)
    assert max(map(len, shown)) <= width
    text = "\n".join(shown)
    cells = [cell for line in SHEET.lines for cell in line.cells[1:] if cell]
    wanted = [part for cell in cells for part in re.findall(r"\[.*\]|< 0\.0001|[+]?\d\.\d{4}(?= \[)", cell)]
    assert {part: text.count(part) for part in wanted} == {
        part: sum(cell.count(part) for cell in cells) for part in wanted
    }
    assert text.count("[b][1mretrieve:genre") == len(fitted(SHEET, width))
