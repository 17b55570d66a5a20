"""Progress: bars on a terminal, a plain line now and then elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from toolrec_cli.progress import Progress as Callback
from toolrec_cli.render.console import stderr


@contextmanager
def bars() -> Generator[Callback]:
    """A progress callback that draws one bar a task, with rate and time left; silent when nobody is at a terminal."""
    console = stderr()
    columns = (
        TextColumn("[progress.description]{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks: dict[str, TaskID] = {}

        def update(task: str, done: int, total: int, note: str = "") -> None:
            if task not in tasks:
                for old in tasks.values():
                    shown.remove_task(old)
                tasks.clear()
                tasks[task] = shown.add_task(task, total=total, note=note)
            shown.update(tasks[task], completed=done, note=note)

        yield update


@contextmanager
def epoch_lines() -> Generator[Callable[[Any], None]]:
    """A line an epoch on stderr: loss, validation NDCG@10, rate; the best so far is marked."""
    console = stderr()

    def show(epoch: Any) -> None:
        mark = ("  best", "green") if epoch.best else ("", "")
        line = (
            f"epoch {epoch.epoch:>3}   loss {epoch.loss:7.4f}   validation NDCG@10 {epoch.ndcg:.4f}   "
            f"{epoch.positions_per_second:>9,.0f} positions/s   {epoch.seconds:6.1f} s"
        )
        console.print(Text.assemble(line, mark))

    yield show
