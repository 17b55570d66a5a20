"""How work below the terminal tells how far it is: a callback, because nothing down there prints."""

from typing import Protocol


class Progress(Protocol):
    """Called often while something long is under way."""

    def __call__(self, task: str, done: int, total: int, note: str = "") -> None:
        """`task` ("reading ratings.dat") is at `done` of `total` steps; `note` says how it goes ("loss 6.1")."""
        ...


def silent(task: str, done: int, total: int, note: str = "") -> None:
    """Progress that nobody watches."""
