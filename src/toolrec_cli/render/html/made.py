"""What is said of a page that was made: where it is on stdout, what is in it on stderr."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from toolrec_cli.operations.reporting import Told
from toolrec_cli.render.console import print_json, say, stdout
from toolrec_cli.wording import counted

SCHEMA_VERSION = 1


def print_made(told: Sequence[Told], page: Path, size: int, *, as_json: bool) -> None:
    """`size` in bytes."""
    if as_json:
        print_json(document(told, page, size))
        return
    stdout().print(Text(str(page)), soft_wrap=True)
    n_users = sum(len(each.explored) for each in told)
    parts = [counted(len(told), "run"), counted(n_users, "exploration"), f"{size / 1000:,.0f} kB"]
    say(f"{', '.join(parts)}; open it in a browser.", style="dim")


def document(told: Sequence[Told], page: Path, size: int) -> dict[str, Any]:
    """`toolrec report --json`; `explored` are the users whose explorations are in the page."""
    runs = [
        {
            "run": each.run.name,
            "verb": each.run.manifest.verb,
            "status": each.about["run"]["status"],
            "users": each.about["run"]["users"],
            "explored": [trajectory.user_id for trajectory in each.explored],
        }
        for each in told
    ]
    return {"schema_version": SCHEMA_VERSION, "page": str(page), "bytes": size, "runs": runs}
