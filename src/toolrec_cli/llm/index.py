"""Where in a run's exchanges each user's stand: by this they are answered again, whether the run goes on or is replayed."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from toolrec_cli.errors import InputError
from toolrec_cli.llm.recorded import SCHEMA_VERSION, Exchange, exchange_at, parsed_exchange

Located = tuple[int, str | None, str]
"""The byte at which an exchange begins, for whom it was asked, and the question's digest."""

_BEFORE_REQUEST = b', "request": '
"""Ends the head of a line; it cannot stand within a JSON string, whose quotation marks are escaped."""

_DIGITS = 16
"""Of a digest that are kept; whoever reads an exchange sees the others."""


class ExchangeIndex:
    """An `exchanges.jsonl`, by user: sixteen bytes an exchange, and no exchange is held."""

    def __init__(self, path: Path, located: Iterable[Located] | None = None) -> None:
        """`located`: the exchanges, where they are known (more may be added). Else the file is read: raises InputError when it
        is missing, broken but for its last line, or newer than this program.
        """
        self.path = path
        self._places: dict[str | None, tuple[array[int], array[int]]] = {}
        for place, label, digest in _heads(path) if located is None else located:
            self.add(place, label, digest)

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, place: int, label: str | None, digest: str) -> None:
        """One more exchange: where it begins, for whom it was asked, and the question's digest."""
        places, digests = self._places.setdefault(label, (array("q"), array("Q")))
        places.append(place)
        digests.append(_short(digest))

    def of(self, label: str | None) -> list[Exchange]:
        """One user's exchanges, those that led to what is on record: see `last_sitting`."""
        places, _ = self._places.get(label, ((), ()))
        return last_sitting([exchange_at(self.path, place) for place in places])

    def answers(self, label: str | None, digest: str) -> list[int]:
        """Where the answers to one question of a user begin, in their order."""
        places, digests = self._places.get(label, ((), ()))
        return [place for place, each in zip(places, digests, strict=True) if each == _short(digest)]


def last_sitting(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """One user's exchanges from the last time his opening question was asked.

    Who was under way when a run was killed was asked from the beginning once it went on: what came before led nowhere. The
    opening question is the first that is asked for anybody, and no exploration asks it twice.
    """
    starts = [place for place, each in enumerate(exchanges) if each.digest == exchanges[0].digest]
    return list(exchanges[starts[-1] :]) if starts else []


def _short(digest: str) -> int:
    return int(digest[:_DIGITS], 16)


def _heads(path: Path) -> Iterator[Located]:
    place = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):  # a last line that kill -9 broke off was never finished
                    yield place, *_head(path, number, line)
                place += len(line)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: this run recorded no exchanges with a model.") from error


def _head(path: Path, number: int, line: bytes) -> tuple[str | None, str]:
    """A line's user and digest; lines of this program say them before the question, which need not be read."""
    head, found, _ = line.partition(_BEFORE_REQUEST)
    try:
        told: dict[str, Any] = json.loads(head + b"}") if found else {}
        if told.get("schema_version") == SCHEMA_VERSION:
            return told["label"], told["digest"]
    except (ValueError, KeyError, AttributeError):
        pass
    exchange = parsed_exchange(f"Line {number} of {path}", line)
    return exchange.label, exchange.digest
