"""What is longer than a screen, shown in a pager: $PAGER, else less; only where somebody is at a terminal."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

from toolrec_cli.render import console

_LESS = "FRX"
"""LESS where the environment has none: quit if it fits on a screen, show colours, leave it on the screen."""


@contextmanager
def paged(*, wanted: bool) -> Generator[None]:
    """Within, what goes to stdout and stderr goes to the pager; elsewhere than on a terminal nothing changes."""
    command = _command() if wanted and sys.stdout.isatty() and sys.stderr.isatty() else None
    if command is None:
        yield
        return
    environment = {"LESS": _LESS, **os.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as pager:
        assert pager.stdin is not None
        try:
            with console.into(pager.stdin):
                yield
        except BrokenPipeError:  # whoever reads has seen enough
            pass
        finally:
            with suppress(BrokenPipeError):
                pager.stdin.close()


def _command() -> list[str] | None:
    """The pager as it is called; None where there is none, or "cat"."""
    words = shlex.split(os.environ.get("PAGER") or "less")
    return words if words and words[0] != "cat" and shutil.which(words[0]) else None
