"""A chat request as somebody reads it who knows how ToolRec asks: the protocol, what is legal, what was shown."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from toolrec_cli.testing.replies import Call, Scripted

_ID = re.compile(r'^\{"id": ("(?:[^"\\]|\\.)*")', re.MULTILINE)
_LEGAL = re.compile(r"You may call: ([\w, ]+)\.\s*$")
_LENGTH = re.compile(r"until you hold the (\d+)|Name the (\d+) best|Recommend the (\d+)")
_TITLE = re.compile(r'^\{"title": ("(?:[^"\\]|\\.)*")', re.MULTILINE)
_PLAN = re.compile(r"^Plan at most (\d+) calls", re.MULTILINE)
_TRAINED = re.compile(r'^\{"attribute": ("(?:[^"\\]|\\.)*")', re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """What a request says. `protocol` is "json", "tools", "react", or what a baseline asks for: "rank" (an order of candidates),
    "titles" (the same, by title) or "plan" (all calls at once)."""

    protocol: str
    legal: tuple[str, ...]
    attributes: list[str]
    n: int
    history: list[str]
    shown: list[str]
    """Ids that tools have shown, the latest observation last, each once an observation."""
    last_shown: list[str]
    candidates: list[str]
    """Ids, or titles."""
    rounds: int
    """How many rounds are over."""
    said: list[Scripted]
    """What the assistant said in them."""

    def latest(self, n: int) -> list[str]:
        """`n` ids that were shown, those of the last observation first."""
        return list(dict.fromkeys([*self.last_shown, *self.shown[::-1]]))[:n]


def is_of_toolrec(request: Mapping[str, Any]) -> bool:
    """Whether this is a question as an agent of ToolRec asks it: what may be called, or which candidates there are, is said."""
    texts = [_text(message) for message in cast("list[dict[str, Any]]", request["messages"])[1:]]
    return bool(texts) and bool(_LEGAL.search(texts[0]) or _PLAN.search(texts[0]) or " candidates:\n" in texts[0])


def read_request(request: Mapping[str, Any]) -> Asked:
    """The request (messages, tools, response_format, stop) as `Asked`."""
    messages = cast("list[dict[str, Any]]", request["messages"])
    texts = [(str(message["role"]), _text(message)) for message in messages]
    system = texts[0][1]
    told = [text for role, text in texts[2:] if role in ("user", "tool")]
    shown = [_ids(text) for text in told]
    legal = [found[1].split(", ") for text in [texts[1][1], *told] if (found := _LEGAL.search(text))]
    beside = "" if legal else _beside(texts[1][1])
    length = [found for text in (system, texts[1][1]) for found in _LENGTH.findall(text)]
    ids = _ids(texts[1][1])
    return Asked(
        protocol=beside or _protocol(request),
        legal=tuple(legal[-1]) if legal else (),
        attributes=[json.loads(name) for name in _TRAINED.findall(system)],
        n=int(next(iter(x for x in length[-1] if x))) if length else 10,
        history=[] if beside else ids,
        shown=[item for group in shown for item in group],
        last_shown=next((group for group in reversed(shown) if group), list[str]()),
        candidates=_candidates(texts[1][1]) if beside else [],
        rounds=sum(role == "assistant" for role, _ in texts),
        said=[_said(message) for message in messages if message["role"] == "assistant"],
    )


def _beside(words: str) -> str:
    """What a question that stands alone asks for."""
    if _PLAN.search(words):
        return "plan"
    return "titles" if "Recommend the" in words.rpartition("\n")[2] else "rank"


def _candidates(words: str) -> list[str]:
    listed = words.partition(" candidates:\n")[2]
    return _ids(listed) or [json.loads(found) for found in _TITLE.findall(listed)]


def _protocol(request: Mapping[str, Any]) -> str:
    return "tools" if request.get("tools") else "json" if request.get("response_format") else "react"


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in cast("list[dict[str, Any]]", content))


def _ids(text: str) -> list[str]:
    return [json.loads(found) for found in _ID.findall(text)]


def _said(message: Mapping[str, Any]) -> Scripted:
    calls = cast("list[dict[str, Any]]", message.get("tool_calls") or [])
    functions = [call["function"] for call in calls]
    return Scripted(_text(message), tuple(Call(each["name"], each["arguments"]) for each in functions))
