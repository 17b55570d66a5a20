"""Run by test_kill.py: writes something again and again, killed (SIGKILL) before one step of it, then before the next.

Steps are what the system is asked for (open, rename, make, remove, list) and each half of what is written. One line of
JSON a death: what then stands where it was written, by file; null where nothing does.
"""

import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolrec_cli.storage import atomic

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.scandir", "os.listdir", "shutil.rmtree"}


def write_in_halves(path: Path, text: str, step: Callable[[], None]) -> None:
    with path.open("w") as file:
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            step()
            file.write(half)
            file.flush()


def write_file(place: Path, text: str, step: Callable[[], None]) -> None:
    with atomic.replacing(place) as temporary:
        write_in_halves(temporary, text, step)


def write_directory(place: Path, text: str, step: Callable[[], None]) -> None:
    with atomic.building(place) as temporary:
        for name in ("a", "b"):
            write_in_halves(temporary / name, text, step)


WRITERS = {"file": write_file, "directory": write_directory}


def standing(place: Path) -> dict[str, str] | None:
    """What stands at `place`: the text of every file."""
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    return {file.name: file.read_text() for file in files} or None


def killed_before(n: int, work: Callable[[Callable[[], None]], None]) -> bool:
    """Do `work` in a process of its own that is killed before its n-th step; False when it has no n-th."""
    child = os.fork()
    if child == 0:
        left = itertools.count(n - 1, -1)

        def step() -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(event: str, _: tuple[Any, ...]) -> None:
            if event in EVENTS:
                step()

        sys.addaudithook(hook)
        work(step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(what: str, folder: Path, *, has_old: bool) -> None:
    write, nothing = WRITERS[what], lambda: None
    for n in itertools.count(1):
        place = folder / str(n) / "place"
        place.parent.mkdir()
        if has_old:
            write(place, "old old", nothing)
        alive = not killed_before(n, lambda step, place=place: write(place, "new new", step))
        sys.stdout.write(json.dumps({"killed": not alive, "standing": standing(place)}) + "\n")
        shutil.rmtree(place.parent)
        if alive:
            break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), has_old=sys.argv[3] == "old")
