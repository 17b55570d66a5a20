"""Trajectories to lines of JSON and back. Old lines are read for ever; newer ones are refused by name."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.agent.trajectory import SCHEMA_VERSION, Trajectory, Turn
from toolrec_cli.errors import InputError
from toolrec_cli.tools.protocol import Action

_DEEPEST = 20
"""Levels of a model's JSON that are kept."""

_ADAPTER: TypeAdapter[Trajectory] = TypeAdapter(Trajectory)


def encode(trajectory: Trajectory) -> bytes:
    """One line of trajectories.jsonl, with its newline."""
    return _ADAPTER.dump_json(trajectory) + b"\n"


def decode(line: bytes | str, where: str) -> Trajectory:
    """Read one line. Raises InputError, naming `where`, when it is torn, foreign or newer than this program."""
    try:
        version = json.loads(line)["schema_version"]
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{where} has trajectory schema {version}; this toolrec reads up to {SCHEMA_VERSION}.",
                hint="Upgrade toolrec.",
            )
        return _ADAPTER.validate_json(line)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{where} is not a recorded trajectory ({reason}).") from error


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Every trajectory of a file, in the order written."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            yield decode(line, f"{path}, line {number},")


def recordable(turn: Turn) -> Turn:
    """The turn as its record can hold it, whatever a model said: whole characters, JSON's numbers, an object of arguments."""
    said = _plain(turn.action.arguments)
    arguments = cast("dict[str, Any]", said) if isinstance(said, dict) else {"arguments": said}
    return Turn(_plain(turn.thought), Action(_plain(turn.action.tool), arguments))


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and depth == _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {_plain(key): _plain(inner, depth + 1) for key, inner in cast("dict[Any, Any]", value).items()}
    return (
        [_plain(inner, depth + 1) for inner in cast("list[Any]", value)] if isinstance(value, list | tuple) else value
    )
