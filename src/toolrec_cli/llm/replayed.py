"""Models that answer from the record: of a run's exchanges, each user his own, in the order he got them."""

import json
import threading
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolrec_cli.errors import InputError
from toolrec_cli.llm.failures import NotOnRecord, Rejected
from toolrec_cli.llm.messages import ChatModel, Reply, Request
from toolrec_cli.llm.metered import current_label
from toolrec_cli.llm.recorded import SCHEMA_VERSION, Exchange, parsed_exchange, question_digest

_BEFORE_REQUEST = b', "request": '
"""Ends the head of a line; it cannot stand within a JSON string, whose quotation marks are escaped."""


class Replayed:
    """Answers from recorded exchanges, asking nobody.

    A user (the one that `labelled` names) gets the answers that were his: two users may have been asked the same and answered
    otherwise. Equal questions get their answers in order; asked once more than then, the last again. Asked for nobody in
    particular, the answers of all users count. Thread-safe.
    """

    def __init__(self, exchanges: Iterable[Exchange], name: str | None = None) -> None:
        """`name` None: the model that was recorded."""
        self._lock = threading.Lock()
        self._all: dict[str, deque[Reply]] = {}
        self._own: dict[tuple[str | None, str], deque[Reply]] = {}
        recorded = ""
        for exchange in exchanges:
            reply = replace(exchange.reply, from_cache=True)
            self._all.setdefault(exchange.digest, deque()).append(reply)
            self._own.setdefault((exchange.label, exchange.digest), deque()).append(reply)
            recorded = recorded or exchange.model
        self._name = name or recorded

    @property
    def name(self) -> str:
        return self._name

    def reply(self, request: Request) -> Reply:
        """The recorded answer. Raises NotOnRecord for a question that was not asked then."""
        digest, label = question_digest(request), current_label()
        with self._lock:
            found = self._own.get((label, digest)) or self._own.get((None, digest))
            if label is None:
                found = self._all.get(digest)
            if found:
                return found.popleft() if len(found) > 1 else found[0]
        raise NotOnRecord(request)


class ExchangeIndex:
    """Where in an `exchanges.jsonl` each user's exchanges stand: eight bytes an exchange, and no exchange is held."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when the file is missing, broken but for its last line, or newer than this program."""
        self.path = path
        self._places: dict[str | None, array[int]] = {}
        place = 0
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.endswith(b"\n"):  # a last line that kill -9 broke off was never finished
                        self._places.setdefault(_label(path, number, line), array("q")).append(place)
                    place += len(line)
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist: this run recorded no exchanges with a model.") from error

    def of(self, label: str | None) -> list[Exchange]:
        """One user's exchanges, those that led to what is on record: see `last_sitting`."""
        found: list[Exchange] = []
        with self.path.open("rb") as file:
            for place in self._places.get(label, ()):
                file.seek(place)
                found.append(parsed_exchange(f"Byte {place} of {self.path}", file.readline()))
        return last_sitting(found)


def last_sitting(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """One user's exchanges from the last time his opening question was asked.

    Who was under way when a run was killed was asked from the beginning once it went on: what came before led nowhere. The
    opening question is the first that is asked for anybody, and no exploration asks it twice.
    """
    starts = [place for place, each in enumerate(exchanges) if each.digest == exchanges[0].digest]
    return list(exchanges[starts[-1] :]) if starts else []


def _label(path: Path, number: int, line: bytes) -> str | None:
    """For whom a line's question was asked; lines of this program say so before the question, which need not be read."""
    head, found, _ = line.partition(_BEFORE_REQUEST)
    try:
        told: dict[str, Any] = json.loads(head + b"}") if found else {}
        if told.get("schema_version") == SCHEMA_VERSION:
            return told["label"]
    except (ValueError, KeyError, AttributeError):
        pass
    return parsed_exchange(f"Line {number} of {path}", line).label


Refusal = Callable[[Request], Rejected | None]
"""What a question met then that got no answer of its own; None: it was not so."""


@dataclass
class Sitting:
    """One user's exploration upon the record. `rounds` are those that have ended: whoever explores counts them."""

    exchanges: Sequence[Exchange]
    """His, as they were."""
    answers: Replayed
    refusal: Refusal
    rounds: int = 0
    left: Request | None = None
    """The first question that is not on record."""
    left_in: int | None = None
    """The round (from 1) in which it was asked."""

    def reply(self, request: Request) -> Reply | None:
        """The recorded answer; None where there is none. Raises Rejected where the server refused this very question."""
        try:
            return self.answers.reply(request)
        except NotOnRecord:
            if refused := self.refusal(request):
                raise refused from None
        if self.left is None:
            self.left, self.left_in = request, self.rounds + 1
        return None


class FromRecord:
    """Each user's questions are answered from what was recorded for him; what is not on record goes to `inner`, if there is one.

    Threads may share it: a user is explored for by one thread.
    """

    def __init__(self, index: ExchangeIndex, name: str, inner: ChatModel | None = None) -> None:
        self.may_ask = False
        """Whether `inner` may be asked."""
        self._index, self._name, self._inner = index, name, inner
        self._here = threading.local()

    def over(self, inner: ChatModel) -> "FromRecord":
        """The same over another model."""
        self._inner = inner
        return self

    @property
    def name(self) -> str:
        return self._name

    @contextmanager
    def serving(self, user_id: str, refusal: Refusal) -> Generator[Sitting]:
        """Within, this thread's questions are this user's."""
        exchanges = self._index.of(user_id)
        self._here.sitting = sitting = Sitting(exchanges, Replayed(exchanges), refusal)
        try:
            yield sitting
        finally:
            del self._here.sitting

    def reply(self, request: Request) -> Reply:
        """The answer. Raises NotOnRecord for what nobody may be asked, Rejected for what the server refused then."""
        sitting: Sitting = self._here.sitting
        found = sitting.reply(request)
        if found is not None:
            return found
        if self._inner is None or not self.may_ask:
            raise NotOnRecord(request)
        return self._inner.reply(request)
