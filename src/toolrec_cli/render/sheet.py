"""A table as values: what the terminal draws and the page shows are the same rows."""

from dataclasses import dataclass, replace

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolrec_cli.render.console import foreign


@dataclass(frozen=True)
class Column:
    """A heading. `whole`: its cells are never broken over lines; `right`: they end in one line; `width` in characters.

    `figure`: its cells are numbers with what belongs to them. A page, which can be wider than it is seen, does not break them.
    `stacked`: of a figure and its interval, the interval stands below.
    """

    name: str = ""
    whole: bool = False
    right: bool = False
    figure: bool = False
    stacked: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Line:
    """A row: its cells, and whether it is the one that the table is about."""

    cells: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table without a frame. All of it may be strangers' text."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def columns(*names: str) -> tuple[Column, ...]:
    """Columns whose cells fold rather than lose anything."""
    return tuple(Column(name) for name in names)


def figures(*names: str) -> tuple[Column, ...]:
    """Columns of figures; at the terminal they fold as others do."""
    return tuple(Column(name, figure=True) for name in names)


def drawn(sheet: Sheet, box: Box | None = None) -> Table:
    """The table at the terminal; without a `box`, without lines."""
    title = foreign(sheet.title, "bold") if sheet.title else None
    space = {} if box else {"padding": (0, 1), "header_style": "dim", "pad_edge": False}
    table = Table(title=title, title_justify="left", box=box, **space)  # pyright: ignore[reportArgumentType]
    for column in sheet.columns:
        table.add_column(
            foreign(column.name),
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column.whole,
            width=column.width,
        )
    for line in sheet.lines:
        cells = (_cell(cell, column) for cell, column in zip(line.cells, sheet.columns, strict=True))
        table.add_row(*cells, style="bold" if line.strong else "")
    return table


def _cell(cell: str, column: Column) -> Text:
    return Text("\n").join(map(foreign, _parts(cell, column)))


def _parts(cell: str, column: Column) -> list[str]:
    """The lines of a cell, as far as they are known before it is drawn."""
    figure, space, interval = cell.partition(" [")
    return [figure, f"[{interval}"] if space and column.stacked else [cell]


def print_sheet(console: Console, sheet: Sheet) -> None:
    """The table, without lines; on a narrow terminal in parts, in which no figure and no name is broken."""
    for part in fitted(sheet, console.width):
        console.print(drawn(part))


def fitted(sheet: Sheet, width: int) -> list[Sheet]:
    """The sheet where `width` characters are enough for it. Else headings are broken between words; where that is not enough,
    intervals stand below their figures; and where that is still too wide, it comes in parts with as many columns as there is
    room for, each with the first column.
    """
    if sum(_room(replace(column, whole=True), cells) for column, cells in _columns(sheet)) - _GAP <= width:
        return [sheet]
    if sum(_room(column, cells) for column, cells in _columns(sheet)) - _GAP > width:
        sheet = replace(sheet, columns=tuple(replace(column, stacked=column.figure) for column in sheet.columns))
    first, *rooms = (_room(column, cells) for column, cells in _columns(sheet))
    parts: list[list[int]] = []
    left = 0
    for place, room in enumerate(rooms, start=1):
        if not parts or room - _GAP > left:
            parts.append([])
            left = width - first
        parts[-1].append(place)
        left -= room
    return [_part(sheet, [0, *places], titled=number == 0) for number, places in enumerate(parts)]


_NAME, _GAP = 24, 2
"""Characters of a row's name that are not broken; and between two columns."""


def _columns(sheet: Sheet) -> list[tuple[Column, tuple[str, ...]]]:
    """Every column with its cells."""
    return [(column, tuple(line.cells[place] for line in sheet.lines)) for place, column in enumerate(sheet.columns)]


def _room(column: Column, cells: tuple[str, ...]) -> int:
    """Characters that a column takes with the space behind it if no figure or name is broken, and a heading between its words."""
    heading = [column.name] if column.whole else column.name.split()
    longest = max(map(cell_len, [*heading, *(part for cell in cells for part in _parts(cell, column))]), default=0)
    return _GAP + (longest if column.figure or column.whole else min(longest, _NAME))


def _part(sheet: Sheet, places: list[int], *, titled: bool) -> Sheet:
    """The sheet with the columns at `places` alone, each as wide as it has to be."""
    chosen = [_columns(sheet)[place] for place in places]
    columns = tuple(replace(column, width=_room(column, cells) - _GAP) for column, cells in chosen)
    lines = tuple(Line(tuple(line.cells[place] for place in places), line.strong) for line in sheet.lines)
    return Sheet(sheet.title if titled else "", columns, lines)
