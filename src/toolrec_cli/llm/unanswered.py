"""Questions without an answer, on record: what they may have cost, and how many they were."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from toolrec_cli.errors import InputError
from toolrec_cli.llm.codec import usage_json
from toolrec_cli.llm.messages import Usage

T = TypeVar("T")

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Charge:
    """A question that was sent and got no usable answer: it may have been billed, with `usage` at most, and counts as if."""

    digest: str
    model: str
    label: str | None
    usage: Usage
    why: str

    def as_json(self) -> dict[str, Any]:
        """A line of `unanswered.jsonl`."""
        told = {"digest": self.digest, "model": self.model, "label": self.label, "why": self.why}
        return {"schema_version": SCHEMA_VERSION, **told, "charged": usage_json(self.usage)}

    def as_line(self) -> str:
        """The same as JSON in ASCII."""
        return json.dumps(self.as_json())


@dataclass(frozen=True)
class Failure:
    """A question that ended without an answer, however often it was tried; `label` says for whom it was asked."""

    label: str | None
    why: str

    def as_line(self) -> str:
        """A line of `failures.log`: JSON in ASCII."""
        return json.dumps({"schema_version": SCHEMA_VERSION, "label": self.label, "why": self.why})


def charges(path: Path) -> Iterator[Charge]:
    """The lines of an `unanswered.jsonl`; none where there is no file. A last line that kill -9 broke off is passed over.

    Raises InputError when the file is broken elsewhere, or newer than this program.
    """
    return _lines(path, "charge", _charge)


def failures(path: Path) -> Iterator[Failure]:
    """The lines of a `failures.log`, in the same way."""
    return _lines(path, "failure", lambda told: Failure(told["label"], told["why"]))


def _charge(told: dict[str, Any]) -> Charge:
    return Charge(told["digest"], told["model"], told["label"], Usage(**told["charged"]), told["why"])


def _lines(path: Path, kind: str, made: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield _read(line, kind, made, f"Line {number} of {path}")


def _read(line: bytes, kind: str, made: Callable[[dict[str, Any]], T], where: str) -> T:
    try:
        told = json.loads(line)
        if (version := int(told["schema_version"])) <= SCHEMA_VERSION:
            return made(told)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where} is no {kind} ({error}).") from error
    raise InputError(f"{where} has version {version}; this toolrec reads up to {SCHEMA_VERSION}.")
