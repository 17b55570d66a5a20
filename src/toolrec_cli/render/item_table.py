"""The items of a trace as a table: whole titles, and what brought each, at any width."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolrec_cli.render.console import foreign


@dataclass(frozen=True)
class _Row:
    place: str
    title: str
    values: Mapping[str, str]
    number: Text
    marks: Text | None

    def cells(self, names: list[str]) -> list[Text]:
        """All but the marks."""
        values = [foreign(self.values.get(name, "")) for name in names]
        title = foreign(self.title, "bold" if self.place.startswith("+") else "")
        return [Text(self.place, style="green"), title, *values, self.number]


@dataclass
class Items:
    """Place, title, one column an attribute, then score (or rating) and tool marks. Where there is little room, fewer attributes
    are told, and the marks have a line of their own: titles and marks are whole at any width.
    """

    names: list[str]
    number: str = "score"
    """What the column of numbers is called."""
    rows: list[_Row] = field(default_factory=list[_Row])

    def add(self, place: str, title: str, values: Mapping[str, str], number: Text, marks: Text | None = None) -> None:
        """One item more; `values` by attribute. A `place` with a plus is that of an item which is new."""
        self.rows.append(_Row(place, title, values, number, marks))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = self.names[: max(0, options.max_width // _EACH - _TITLE_AND_MARKS)]
        marked = any(row.marks is not None for row in self.rows)
        if options.max_width >= _WIDE or not marked:
            table = self._table(names, header=True, marked=marked)
            for row in self.rows:
                table.add_row(*row.cells(names), row.marks)
            yield table
            return
        for number, row in enumerate(self.rows):
            table = self._table(names, header=number == 0, marked=False)
            table.add_row(*row.cells(names))
            yield table
            yield Padding(Text.assemble(("brought by ", "dim"), row.marks or ""), (0, 0, 0, _INDENT))

    def _table(self, names: list[str], *, header: bool, marked: bool) -> Table:
        """A table without rows. Its columns are as wide as those of any other, whatever stands in them."""
        table = Table(box=None, padding=(0, 1), show_header=header, header_style="dim", expand=True)
        table.add_column("", width=4, no_wrap=True)
        table.add_column("title", ratio=3, overflow="fold")
        for name in names:
            table.add_column(foreign(name), ratio=2, no_wrap=True, overflow="ellipsis")
        width = max((row.number.cell_len for row in self.rows), default=0)
        table.add_column(self.number, width=max(width, len(self.number)), justify="right", no_wrap=True)
        if marked:
            table.add_column("brought by", ratio=4, overflow="fold")
        return table


_WIDE, _INDENT = 96, 7
"""Characters inside a frame from which on the marks have a column; and before the titles, where these and the marks begin."""

_EACH, _TITLE_AND_MARKS = 19, 2
"""A column takes so many characters, and so many columns are there whatever the width: of 95 inside a frame, three are left."""
