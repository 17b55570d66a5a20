"""stdout is the answer, stderr everything else. Strangers' text is shown as text, never as markup."""

import json
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from toolrec_cli.errors import ToolRecError
from toolrec_cli.unseen import clean

WIDTH_WHEN_PIPED = 120


class _Console(Console):
    """A console that lets a reader leave early (`| head`): that is no error, and the one boundary knows it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


_pager: list[IO[str]] = []
"""Where all goes while something is shown in a pager."""


@contextmanager
def into(stream: IO[str]) -> Generator[None]:
    """Within, `stdout` and `stderr` write to `stream`, as to the terminal."""
    _pager.append(stream)
    try:
        yield
    finally:
        _pager.pop()


_drawn_on: list[Console] = []
"""The console on which a bar is drawn: whoever else wrote to the terminal would leave pieces of it behind."""


@contextmanager
def drawn_on(console: Console) -> Generator[None]:
    """Within, `stderr` is this console."""
    _drawn_on.append(console)
    try:
        yield
    finally:
        _drawn_on.pop()


def _to_pager() -> Console:
    return _Console(file=_pager[-1], highlight=False, force_terminal=True, width=shutil.get_terminal_size().columns)


def stdout(width_when_piped: int = WIDTH_WHEN_PIPED) -> Console:
    """Where answers go."""
    if _pager:
        return _to_pager()
    return _Console(highlight=False, width=None if sys.stdout.isatty() else width_when_piped)


def stderr() -> Console:
    """Where progress, traces and warnings go."""
    if _pager:
        return _to_pager()
    if _drawn_on:
        return _drawn_on[-1]
    return _Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH_WHEN_PIPED)


def foreign(text: str, style: str = "") -> Text:
    """Strangers' text as Text: brackets in it stay brackets."""
    return Text(clean(text), style=style)


def print_prose(console: Console, text: Text) -> None:
    """A sentence, broken between its words at a terminal and whole elsewhere. A path or a command to copy is not for it."""
    console.print(text, soft_wrap=not console.is_terminal)


def say(text: str, style: str = "", *, prose: bool = False) -> None:
    """One line on stderr; `prose` holds nothing to copy, and is broken between words."""
    said, console = Text(clean(text), style=style), stderr()
    print_prose(console, said) if prose else console.print(said, soft_wrap=True)


def say_error(error: ToolRecError) -> None:
    """What happened, and what to type next."""
    console = stderr()
    console.print(
        Text.assemble(("Error: ", "bold red"), "\n".join(map(clean, error.message.splitlines()))), soft_wrap=True
    )
    if error.hint:
        console.print(Text.assemble(("Hint: ", "bold cyan"), clean(error.hint)), soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, whole, however wide the terminal is."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
