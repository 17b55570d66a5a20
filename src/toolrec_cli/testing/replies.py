"""What a script says: text, native calls, how it ended, or a fault of the wire."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What goes wrong with one HTTP exchange. Everything else (no call, five calls, nonsense) a script simply says."""

    UNAUTHORIZED = "401"
    NO_MODEL = "404"
    UNKNOWN_PARAMETER = "400 unknown parameter"
    """Answered once for each parameter in `Scripted.parameter`; sent without it, the request is served."""
    BAD_REQUEST = "400"
    CONTENT = "400 content"
    """A provider's filter refuses the question for what it holds."""
    RATE_LIMIT = "429"
    RATE_LIMIT_AFTER = "429 with Retry-After"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    RESET = "connection reset"
    CUT_BODY = "connection closed within the body"
    SLOW_BODY = "slow body"
    TIMEOUT = "no answer"
    EMPTY_BODY = "empty body"
    HTML = "HTML"
    HALF_JSON = "half a JSON body"


PASSING = (
    Fault.RATE_LIMIT,
    Fault.RATE_LIMIT_AFTER,
    Fault.SERVER_ERROR,
    Fault.UNAVAILABLE,
    Fault.RESET,
    Fault.CUT_BODY,
)
"""The faults that a client gets over by asking again."""


@dataclass(frozen=True)
class Call:
    """One native call; `arguments` is what the model writes, right or broken."""

    name: str
    arguments: str

    @classmethod
    def of(cls, name: str, **arguments: Any) -> "Call":
        """A call with well-formed arguments."""
        return cls(name, json.dumps(arguments, ensure_ascii=False))


@dataclass(frozen=True)
class Scripted:
    """One reply. `finish_reason` None: "tool_calls" with calls, else "stop"; `delay` seconds come on top of the latency."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    fault: Fault | None = None
    parameter: str = "seed"
    """The one that UNKNOWN_PARAMETER complains about."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float | None = None
    """US dollars, as OpenRouter says them in `usage`."""
    counted: bool = True
    """Whether it is said how many tokens it took; some local servers say nothing."""
    delay: float = 0.0

    @property
    def ended(self) -> str:
        """The finish reason as a server says it."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


Script = Callable[[dict[str, Any]], Scripted]
"""The request, always in the shape of a chat completion (also when it came to the Responses API) -> what is answered.
Called on one thread, a request at a time."""


def in_turn(replies: Iterable[Scripted], last: Scripted | None = None) -> Script:
    """A script that says `replies` one after the other, then `last` for ever; without `last`, a call too many is a 500."""
    coming, lock = iter(replies), threading.Lock()

    def script(asked: dict[str, Any]) -> Scripted:
        with lock:
            return next(coming, last or Scripted("The script is at its end.", fault=Fault.SERVER_ERROR))

    return script


def cut_off(reply: Scripted, characters: int) -> Scripted:
    """`reply` as a token limit leaves it: the text after so many characters, finish_reason "length"."""
    return replace(reply, text=reply.text[:characters], finish_reason="length")


def half_a_call(name: str, arguments: Mapping[str, Any]) -> Scripted:
    """A native call that the token limit broke off within its arguments."""
    whole = json.dumps(arguments, ensure_ascii=False)
    return Scripted(calls=(Call(name, whole[: max(1, len(whole) // 2)]),), finish_reason="length")
