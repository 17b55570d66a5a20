"""A table as values: what the terminal draws and the page shows are the same rows."""

from dataclasses import dataclass

from rich.box import Box
from rich.table import Table

from toolrec_cli.render.console import foreign


@dataclass(frozen=True)
class Column:
    """A heading. `whole`: its cells are never broken over lines; `right`: they end in one line; `width` in characters.

    `figure`: its cells are numbers with what belongs to them. A page, which can be wider than it is seen, does not break them.
    """

    name: str = ""
    whole: bool = False
    right: bool = False
    figure: bool = False
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
        table.add_row(*(foreign(cell) for cell in line.cells), style="bold" if line.strong else "")
    return table
