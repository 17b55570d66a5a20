"""A run as a part of the page: what made it, what it found, and some of its explorations."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolrec_cli.operations.reporting import Told
from toolrec_cli.operations.runs import KILLED, RunLine
from toolrec_cli.render.html.explored import Explored, explored
from toolrec_cli.render.html.found import Part, found
from toolrec_cli.render.runs import facts, spoken_metric, spoken_users
from toolrec_cli.render.sheet import Line, Sheet, columns
from toolrec_cli.storage.run_dir import resumed_by
from toolrec_cli.wording import counted


@dataclass(frozen=True)
class Section:
    """One run. Texts are as they are on record; the template makes them harmless."""

    anchor: str
    name: str
    verb: str
    dataset: str
    status: str
    users: str
    metric: str
    state: tuple[str, ...]
    """What is to be known of a run that is not done."""
    facts: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]
    """What a command is for, and the command: by which the run is made, or checked, again."""
    parts: tuple[Part, ...]
    explored: tuple[Explored, ...]
    others: str
    """Of how many the explorations are, and how others come up."""
    details: tuple[tuple[str, Sheet], ...]
    """What few will want to read, by its name."""


def section(told: Told, number: int, rows: int) -> Section:
    """The run that is the `number`th of the page (from 1); `rows` items are shown of each observation."""
    anchor, line = f"run-{number}", RunLine(**told.about["run"])
    users = tuple(explored(each, f"{anchor}-user-{place}", rows) for place, each in enumerate(told.explored, start=1))
    return Section(
        anchor=anchor,
        name=line.name,
        verb=line.verb,
        dataset=line.dataset,
        status=line.status,
        users=spoken_users(line),
        metric=spoken_metric(line),
        state=tuple(_state(line, told)),
        facts=tuple(_facts(told).items()),
        commands=tuple(_commands(told)),
        parts=tuple(found(told)),
        explored=users,
        others=_others(told, line),
        details=tuple(_details(told.about["manifest"])),
    )


def _state(line: RunLine, told: Told) -> list[str]:
    """How a run stands that is not done, and what to type so that it goes on."""
    said = {
        "running": "It is running: this is what was there when the page was made.",
        KILLED: "Its process is gone; it was not finished.",
        "interrupted": "It was interrupted.",
        "failed": "It failed.",
    }
    lines = [said[line.status]] if line.status in said else []
    if lines and told.figures is None and line.verb in ("eval", "ablate", "stress", "what-if", "audit"):
        lines.append("It has no figures yet.")
    if line.resumable:
        lines.append(f"Go on: {_typed(told, resumed_by(line.verb), '--resume', line.path)}")
    if told.within:
        lines.append(f"Runs within it, to be shown by their directories: {', '.join(told.within)}")
    return lines


def _facts(told: Told) -> dict[str, str]:
    """What made the run, in the words of `toolrec runs show`, and what else it takes to make it again."""
    manifest = told.about["manifest"]
    known = facts(told.about)
    known.pop("files", None)  # they are told with their digests
    again = [_command(entry["argv"]) for entry in manifest["resumed"] if entry.get("argv")]
    return {
        **({"command": _command(manifest["argv"])} if manifest["argv"] else {}),
        **({"went on by": "; ".join(again)} if again else {}),
        **known,
        "data set": f"{manifest['dataset']} (SHA-256 {manifest['dataset_digest']})",
        "made by": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
    }


def _command(argv: Sequence[str]) -> str:
    """As it is typed, wherever the program lay."""
    return shlex.join(["toolrec", *argv[1:]])


def _typed(told: Told, *words: str) -> str:
    """A command that works in every folder: paths are whole, and the workspace is named."""
    return shlex.join(["toolrec", *words, "--workspace", str(told.workspace)])


def _commands(told: Told) -> list[tuple[str, str]]:
    """What makes the same of the same data, and what checks the record. Of a run that was called from Python, or made on the way
    by a command for something else (an encoder by recommend), no command makes just that again.
    """
    argv, verb = told.about["manifest"]["argv"], resumed_by(told.run.manifest.verb)
    is_own = next((word for word in argv[1:] if not word.startswith("-")), "") == verb
    made = [("To repeat it with the same data, in the folder where it was typed:", _command(argv))] if is_own else []
    checked = ("To check its record:", _typed(told, "replay", str(told.run.path), "--verify"))
    return [*made, *([checked] if told.has_trajectories else [])]


def _others(told: Told, line: RunLine) -> str:
    if not told.has_trajectories:
        return ""
    shown = len(told.explored)
    if line.users is not None and shown >= line.users:
        return f"Everybody: {counted(shown, 'user')}."
    of = f" of {line.users:,}" if line.users is not None else ""
    return f"{shown:,}{of} users; {_typed(told, 'report', line.path)} --user ID shows others."


def _details(manifest: dict[str, Any]) -> list[tuple[str, Sheet]]:
    """Every setting and where it came from; what went in and what came out, by digest; the rest of the result."""
    settings = [(name, str(each["value"]), each["from"]) for name, each in manifest["settings"].items()]
    files = [
        *(("made from", name, digest) for name, digest in manifest["inputs"].items()),
        *(("made", name, digest) for name, digest in manifest["outputs"].items()),
    ]
    result = [(name, str(value)) for name, value in manifest["result"].items() if not isinstance(value, dict | list)]
    every = {
        "Every setting": Sheet("", columns("setting", "value", "from"), tuple(map(Line, settings))),
        "Files, by SHA-256": Sheet("", columns("", "what", "SHA-256"), tuple(map(Line, files))),
        "The result as recorded": Sheet("", columns("", ""), tuple(map(Line, result))),
    }
    return [(name, sheet) for name, sheet in every.items() if sheet.lines]
