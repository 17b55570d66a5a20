"""Trajectories to lines of JSON and back. Old lines are read for ever; newer ones are refused by name."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from toolrec_cli.agent.trajectory import SCHEMA_VERSION, UNHEARD, Trajectory, Turn
from toolrec_cli.errors import InputError, Terminated
from toolrec_cli.llm.messages import Reply, ToolCall
from toolrec_cli.tools.protocol import Action, Exchange, Refused

_DEEPEST = 20
"""Levels of a model's JSON that are kept."""

_LONGEST = 20_000
"""Characters of a reply that are kept."""

_MOST_CALLS = 16
"""Native calls of one reply that are kept."""

_HEAD, _UNHEARD = b'{"user_id":', json.dumps(UNHEARD).encode()

_ADAPTER: TypeAdapter[Trajectory] = TypeAdapter(Trajectory)


def encode(trajectory: Trajectory) -> bytes:
    """One line of trajectories.jsonl, with its newline."""
    try:
        return _ADAPTER.dump_json(trajectory) + b"\n"
    except (
        PydanticSerializationError
    ) as error:  # what a signal raises meanwhile comes out as an error of the serializer
        for stop in (Terminated, KeyboardInterrupt):
            if f": {stop.__name__}:" in f"{error}:":
                raise stop from None
        raise


def decode(line: bytes | str, where: str) -> Trajectory:
    """Read one line. Raises InputError, naming `where`, when it is torn, foreign or newer than this program."""
    try:
        version = json.loads(line)["schema_version"]
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{where} has trajectory schema {version}; this toolrec reads up to {SCHEMA_VERSION}.",
                hint="Upgrade toolrec.",
            )
        found = _ADAPTER.validate_json(line)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{where} is not a recorded trajectory ({reason}).") from error
    found.schema_version = SCHEMA_VERSION  # what is newer has its default by now
    return found


def read_trajectories(path: Path, *, under_way: bool = False) -> Iterator[Trajectory]:
    """Every trajectory of a file, in the order written, without those that were superseded.

    Of a run `under_way` a last line that is not whole yet is passed over; else it raises InputError, as any that is torn.
    """
    left_out = superseded(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number not in left_out and (line.endswith(b"\n") or not under_way):
                yield decode(line, f"{path}, line {number},")


def read_users(path: Path, users: Iterable[str], *, under_way: bool = False) -> tuple[dict[str, Trajectory], list[str]]:
    """The trajectories of those of `users` who are on record, and who is. Lines of others are not read to their end.

    `under_way`: see `read_trajectories`.
    """
    wanted, found, there = set(users), dict[str, Trajectory](), dict[str, None]()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if under_way and not line.endswith(b"\n"):
                break
            where = f"{path}, line {number},"
            there[user_id := owner(line, where)] = None
            if user_id in wanted:
                found[user_id] = decode(line, where)  # of two lines the later counts
    return found, list(there)


def superseded(path: Path) -> set[int]:
    """Lines (from 1) of users whom the server failed to answer, and who have a later line, since they were asked again."""
    unheard: dict[str, int] = {}
    found: set[int] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            again = may_be_unheard(line)
            if (not unheard and not again) or not line.endswith(b"\n"):  # one that is not whole supersedes nothing
                continue
            user_id = owner(line, f"{path}, line {number},")
            if user_id in unheard:
                found.add(unheard.pop(user_id))
            if again:
                unheard[user_id] = number
    return found


def may_be_unheard(line: bytes) -> bool:
    """Whether it holds the words that `Trajectory.unheard` knows it by; most lines need not be read further."""
    return _UNHEARD in line


def owner(line: bytes, where: str) -> str:
    """Whose line it is; lines of this program begin with it, and need not be read to their end."""
    try:
        if line.startswith(_HEAD):
            return json.JSONDecoder().raw_decode(line[len(_HEAD) : len(_HEAD) + 4096].decode("utf-8", "ignore"))[0]
    except ValueError:
        pass
    return decode(line, where).user_id


def recordable(turn: Turn) -> Turn:
    """The turn as its record can hold it, whatever a model said: whole characters, JSON's numbers, an object of arguments."""
    said = _plain(turn.action.arguments)
    arguments = cast("dict[str, Any]", said) if isinstance(said, dict) else {"arguments": said}
    fault = turn.fault and Refused(_plain(turn.fault.reason), _plain(turn.fault.instead))
    return Turn(_plain(turn.thought), Action(_plain(turn.action.tool), arguments), fault, turn.exchanges)


def recorded(purpose: Literal["turn", "rank"], reply: Reply, asked: tuple[str, ...] = (), sample: int = 0) -> Exchange:
    """A reply as its record can hold it: whole characters, JSON's numbers, nothing longer than anybody would read.

    `raw` is kept only where the message can go back to the server as it came: not when it was broken off, when the arguments
    of a call are no JSON object (servers refuse those), or when it was cut here.
    """
    calls = tuple(
        ToolCall(*(_plain(part)[:_LONGEST] for part in (c.call_id, c.name, c.arguments))) for c in reply.calls
    )
    whole = len(reply.text) <= _LONGEST and reply.finish_reason not in ("length", "content_filter")
    whole = whole and all(len(c.arguments) < _LONGEST and _is_object(c.arguments) for c in reply.calls)
    raw: dict[str, Any] = _plain(dict(reply.raw)) if whole and len(reply.calls) <= _MOST_CALLS else {}
    return Exchange(
        purpose=purpose,
        text=_plain(reply.text)[:_LONGEST],
        calls=calls[:_MOST_CALLS],
        finish_reason=_plain(reply.finish_reason)[:40],
        refusal=reply.refusal and _plain(reply.refusal)[:_LONGEST],
        raw=raw,
        asked=asked,
        sample=sample,
        usage=reply.usage,
        model=reply.model,
        seconds=round(reply.seconds, 3),
        retries=reply.retries,
        from_cache=reply.from_cache,
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


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
