"""Every exchange on record, and read again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolrec_cli.errors import InputError
from toolrec_cli.llm.codec import digest, reply_from, reply_json, request_from, request_json, request_text
from toolrec_cli.llm.messages import ChatModel, Reply, Request
from toolrec_cli.llm.metered import current_label

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Exchange:
    """One question and its answer. `digest` is that of the question; `label` says for whom it was asked."""

    digest: str
    model: str
    label: str | None
    request: Request
    reply: Reply

    def as_json(self) -> dict[str, Any]:
        """A line of `exchanges.jsonl`."""
        return {**self._around(), "request": request_json(self.request)}

    def _around(self) -> dict[str, Any]:
        """All but the question."""
        return {
            "schema_version": SCHEMA_VERSION,
            "digest": self.digest,
            "model": self.model,
            "label": self.label,
            "reply": reply_json(self.reply),
            "from_cache": self.reply.from_cache,
        }

    def as_line(self) -> str:
        """The same as JSON in ASCII, since a model may say halves of characters. The question is not written anew."""
        told = {**self._around(), "request": None}
        return json.dumps(told)[: -len("null}")] + request_text(self.request) + "}"


Sink = Callable[[Exchange], None]


def question_digest(request: Request) -> str:
    """SHA-256 of the question alone, whoever is asked."""
    return digest(request_text(request))


class Recorded:
    """`inner`; each exchange goes to `sink` before its answer is returned. The sink is called from several threads."""

    def __init__(self, inner: ChatModel, sink: Sink) -> None:
        self._inner, self._sink = inner, sink

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer. Raises what the inner model raises; a question without an answer is not recorded."""
        reply = self._inner.reply(request)
        self._sink(Exchange(question_digest(request), self.name, current_label(), request, reply))
        return reply


def read_exchanges(path: Path) -> list[Exchange]:
    """The exchanges of an `exchanges.jsonl`; a last line that kill -9 broke off is passed over.

    Raises InputError when the file is missing, broken elsewhere, or newer than this program.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: this run recorded no exchanges with a model.") from error
    found: list[Exchange] = []
    for number, line in enumerate(lines, start=1):
        if line and number < len(lines):  # what stands after the last newline was never finished
            found.append(parsed_exchange(f"Line {number} of {path}", line))
    return found


def earlier_exchanges(path: Path) -> Iterator[Exchange]:
    """The exchanges of an `exchanges.jsonl`, one at a time; none where there is no file.

    A last line that kill -9 broke off is passed over. Raises InputError when the file is broken elsewhere.
    """
    return (exchange for _, exchange in located_exchanges(path))


def located_exchanges(path: Path) -> Iterator[tuple[int, Exchange]]:
    """The same, each with the byte at which its line begins."""
    if not path.exists():
        return
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield place, parsed_exchange(f"Line {number} of {path}", line)
            place += len(line)


def exchange_at(path: Path, place: int) -> Exchange:
    """The exchange whose line begins at byte `place`. Raises InputError when there is none."""
    with path.open("rb") as file:
        file.seek(place)
        return parsed_exchange(f"Byte {place} of {path}", file.readline())


def parsed_exchange(where: str, line: bytes) -> Exchange:
    """One line. Raises InputError, naming `where`, when it is none, or newer than this program."""
    try:
        told = json.loads(line)
        if (version := int(told["schema_version"])) <= SCHEMA_VERSION:
            return Exchange(
                told["digest"],
                told["model"],
                told["label"],
                request_from(told["request"]),
                reply_from(told["reply"], from_cache=told["from_cache"]),
            )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where} is no exchange ({error}).") from error
    raise InputError(f"{where} has exchange version {version}; this toolrec reads up to {SCHEMA_VERSION}.")
