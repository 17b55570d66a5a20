"""A run that goes on has asked before: its own record answers what it has answered, and what that took counts again."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolrec_cli.errors import InputError
from toolrec_cli.llm.codec import usage_json
from toolrec_cli.llm.messages import ChatModel, Reply, Request, Usage
from toolrec_cli.llm.metered import current_label
from toolrec_cli.llm.recorded import Exchange, exchange_at, question_digest

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


def charges(path: Path) -> Iterator[Charge]:
    """The lines of an `unanswered.jsonl`; none where there is no file. A last line that kill -9 broke off is passed over.

    Raises InputError when the file is broken elsewhere, or newer than this program.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield _charge(line, f"Line {number} of {path}")


def _charge(line: bytes, where: str) -> Charge:
    try:
        told = json.loads(line)
        if (version := int(told["schema_version"])) <= SCHEMA_VERSION:
            usage = Usage(**told["charged"])
            return Charge(told["digest"], told["model"], told["label"], usage, told["why"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where} is no charge ({error}).") from error
    raise InputError(f"{where} has version {version}; this toolrec reads up to {SCHEMA_VERSION}.")


class Places:
    """Where in a record the answers to a user's questions begin, in their order. Answers stay in the file. Thread-safe."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str | None, str], deque[int]] = {}
        self._lock = threading.Lock()

    def add(self, place: int, exchange: Exchange) -> None:
        """`exchange` begins at byte `place`."""
        self._of.setdefault((exchange.model, exchange.label, exchange.digest), deque()).append(place)

    def next(self, model: str, label: str | None, request: Request) -> int | None:
        """Where the next answer to this question begins; each is given once. None when there is none (left)."""
        if not self._of:
            return None
        key = model, label, question_digest(request)
        with self._lock:
            waiting = self._of.get(key)
            place = waiting.popleft() if waiting else None
            if waiting is not None and not waiting:
                del self._of[key]
            return place


class Remembered:
    """`inner`, asked only what this user was not answered before; of his equal questions the first takes the first answer.

    An answer is as it is on record, and is neither recorded nor counted again.
    """

    def __init__(self, inner: ChatModel, path: Path, places: Places) -> None:
        self._inner, self._path, self._places = inner, path, places

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The recorded answer, else the inner model's. Raises what the inner model raises."""
        place = self._places.next(self.name, current_label(), request)
        return self._inner.reply(request) if place is None else exchange_at(self._path, place).reply
