"""Trajectories to lines of JSON and back. Old lines are read for ever; newer ones are refused by name."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.agent.trajectory import SCHEMA_VERSION, Trajectory
from toolrec_cli.errors import InputError

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
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{where} is not a recorded trajectory ({reason}).") from error


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Every trajectory of a file, in the order written."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            yield decode(line, f"{path}, line {number},")
