"""Progress: bars on a terminal, a plain line now and then elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from toolrec_cli.progress import Progress as Callback
from toolrec_cli.render.console import drawn_on, foreign, stderr
from toolrec_cli.render.progress_lines import Lines


@contextmanager
def bars(*, shown: bool = True) -> Generator[Callback]:
    """A progress callback: one bar a task, with the time left, at a terminal; lines elsewhere; silent where it is not `shown`."""
    with _progress(stderr(), shown=shown) as (progress, _):
        yield progress


@contextmanager
def _progress(console: Console, *, shown: bool) -> Generator[tuple[Callback, Callable[[], None]]]:
    """The callback, and what is to be called where something else has just told how far it is."""
    if console.is_terminal or not shown:
        with _bars(console, shown=shown) as progress:
            yield progress, lambda: None
        return
    lines = Lines(lambda text: console.print(foreign(text), soft_wrap=True))
    try:
        yield lines.update, lines.told
    finally:
        lines.close()


_BAR, _LEFT = 20, 7
"""Characters of a bar, and of the time left."""


def _beside(task: str, total: int) -> int:
    """Characters that stand before a note, with the spaces between."""
    return cell_len(task) + _BAR + 2 * len(str(total)) + 1 + _LEFT + 4


def _fitting(note: str, room: int) -> str:
    """As much of a note as there is room for: else all that stands on its line would be cut."""
    text = Text(note)
    text.truncate(max(0, room), overflow="ellipsis")
    return text.plain


@contextmanager
def _bars(console: Console, *, shown: bool) -> Generator[Callback]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not shown) as drawn, drawn_on(console):
        tasks: dict[str, TaskID] = {}

        def update(task: str, done: int, total: int, note: str = "") -> None:
            note = _fitting(note, console.width - _beside(task, total))
            if task not in tasks:
                for old in tasks.values():
                    drawn.remove_task(old)
                tasks.clear()
                tasks[task] = drawn.add_task(task, total=total, note=note)
            drawn.update(tasks[task], completed=done, note=note)

        yield update


_ROOMY = 96
"""Characters that an epoch's line takes in full."""


@contextmanager
def watching() -> Generator[tuple[Callback, Callable[[Any], None]]]:
    """What a training calls while it works: a bar, and a line an epoch with loss, validation NDCG@10 and rate.

    Both write through one console, which keeps the lines above the bar; where there is none, an epoch's line is the progress.
    """
    console = stderr()
    with _progress(console, shown=True) as (progress, told):

        def show(epoch: Any) -> None:
            told()
            mark = ("  best", "green") if epoch.best else ("", "")
            loss = "not trained " if epoch.loss is None else f"loss {epoch.loss:7.4f}"
            what, space = ("validation NDCG@10", "   ") if console.width >= _ROOMY else ("NDCG@10", "  ")
            parts = [f"epoch {epoch.epoch:>3}", loss, f"{what} {epoch.ndcg:.4f}"]
            if epoch.positions:
                parts += [f"{epoch.positions_per_second:>9,.0f} positions/s", f"{epoch.seconds:6.1f} s"]
            console.print(Text.assemble(space.join(parts), mark))
            if epoch.note:
                console.print(Text(f"            {epoch.note}", style="yellow"))

        yield progress, show
