"""Two runs side by side: whose lists differ, and how two explorations of one user parted."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import zip_longest

from rich.table import Table
from rich.text import Text

from toolrec_cli.agent.comparing import Compared, compared
from toolrec_cli.agent.trajectory import Shown, Step, Trajectory
from toolrec_cli.render.console import foreign, print_json_line, stdout
from toolrec_cli.render.trace import spoken_action
from toolrec_cli.wording import counted

Pair = tuple[Trajectory, Trajectory]
SCHEMA_VERSION = 1


def print_comparison(pairs: Iterable[Pair], *, side_by_side: bool, as_json: bool, step: int | None = None) -> None:
    """A line a user; or, `side_by_side`, every step and the lists, or one `step` (from 1) alone."""
    for here, there in pairs if as_json else ():
        print_json_line({"schema_version": SCHEMA_VERSION, **asdict(compared(here, there))})
    if as_json:
        return
    if side_by_side:
        for pair in pairs:
            stdout().print(_side_by_side(*pair, step))
        return
    found = [compared(*pair) for pair in pairs]
    stdout().print(_summary(found))
    same = sum(each.same_order for each in found)
    stdout().print(Text(f"The same list: {same:,} of {counted(len(found), 'user')}.", style="dim"))


def _summary(found: Sequence[Compared]) -> Table:
    table = _table()
    for name in ("user", "in common", "only here", "only there", "they part at"):
        table.add_column(name, overflow="fold")
    for each in found:
        if each.divergence is not None:
            only = [foreign(", ".join(ids)) for ids in (each.only_here, each.only_there)]
            table.add_row(foreign(each.user_id), str(each.n_common), *only, foreign(_where(each)))
    return table


def _where(each: Compared) -> str:
    parted = each.divergence
    if parted is None:
        return ""
    where = "the end" if parted.step is None else f"step {parted.step}" if parted.step else "the beginning"
    return f"{where}: {parted.field}"


def _side_by_side(here: Trajectory, there: Trajectory, only: int | None) -> Table:
    table = _table()
    table.title, table.title_justify = foreign(f"user {here.user_id}", "bold"), "left"
    for name in ("", "here", "there"):
        table.add_column(name, overflow="fold")
    for number, (one, other) in enumerate(zip_longest(here.steps, there.steps), start=1):
        if only not in (None, number):
            continue
        table.add_row(
            str(number), foreign(_spoken(one)), foreign(_spoken(other)), style="" if one == other else "yellow"
        )
    for place, (mine, theirs) in enumerate(zip_longest(here.ranking, there.ranking), start=1) if only is None else ():
        cells = [
            "" if entry is None else each.items[entry.item_id].title for entry, each in ((mine, here), (theirs, there))
        ]
        table.add_row(f"#{place}", *map(foreign, cells), style="" if cells[0] == cells[1] else "yellow")
    return table


def _spoken(step: Step | None) -> str:
    if step is None:
        return ""
    seen = step.observation
    what = f"{len(seen.items)} items" if isinstance(seen, Shown) else seen.kind
    return f"{spoken_action(step.action)} -> {what}"


def _table() -> Table:
    return Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
