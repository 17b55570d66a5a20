"""A language model's part, played by rules: it reads a chat request of any of the three protocols, and behaves well or badly.

Well: it retrieves twice, ranks, and finishes with the ids it was shown. Badly, with a seeded probability: in one of the ways of
`MISDEEDS`. What it does depends on nothing but the request and the seed, so that threads, caches and repeats change nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any, cast

from toolrec_cli.seeds import stream_seed
from toolrec_cli.testing.asked import Asked, is_of_toolrec, read_request
from toolrec_cli.testing.obedient import obedient
from toolrec_cli.testing.replies import Call, Scripted

Act = tuple[str, dict[str, Any]]
"""A tool and its arguments."""


@dataclass
class PlayedSurrogate:
    """Reads a request dict in the shape of a chat completion, answers with `Scripted`. Thread-safe.

    misbehave: the probability that a reply is bad. misdeeds: in which ways; all by default.
    """

    misbehave: float = 0.0
    seed: int = 0
    misdeeds: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict[str, int])
    """How often what was done; "well" too."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, request: Mapping[str, Any]) -> Scripted:
        """The reply; to what is no question of ToolRec's (the doctor's, say) that of an obedient model."""
        if not is_of_toolrec(request):
            return obedient(request)
        asked = read_request(request)
        draw = Random(stream_seed(self.seed, json.dumps(request.get("messages"), sort_keys=True), *_more(request)))
        if draw.random() >= self.misbehave:
            self._count("well")
            return _well(asked)
        deed = draw.choice(self.misdeeds or tuple(MISDEEDS))
        self._count(deed)
        return MISDEEDS[deed](asked, draw)

    def _count(self, deed: str) -> None:
        with self._lock:
            self.counts[deed] = self.counts.get(deed, 0) + 1


def _more(request: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(request[key]) for key in ("seed", "sample") if request.get(key) is not None)


def written(asked: Asked, act: Act, thought: str = "I miss something.") -> Scripted:
    """An action, right or wrong, in the protocol that the request speaks."""
    tool, arguments = act
    items: Any
    if asked.protocol == "rank":
        return Scripted(json.dumps({"items": arguments.get("items", arguments)}))
    if asked.protocol == "titles":
        items = arguments.get("items", [])
        return Scripted("\n".join(map(str, cast("list[Any]", items))) if isinstance(items, list) else str(items))
    if asked.protocol == "plan":
        return Scripted(json.dumps({"thought": thought, **arguments}))
    if asked.protocol == "tools":
        return Scripted(calls=(Call(tool, json.dumps({"thought": thought, **arguments})),))
    if asked.protocol == "json":
        return Scripted(json.dumps({"thought": thought, "action": {"tool": tool, **arguments}}))
    if tool == "finish":
        items = arguments.get("items", [])
        inside = ", ".join(str(item) for item in cast("list[Any]", items)) if isinstance(items, list) else str(items)
        return Scripted(f"Thought: {thought}\nAction: Finish[{inside}]")
    parts = [str(arguments.get("attribute") or "none"), str(arguments.get("k", ""))]
    value = arguments.get("value")
    return Scripted(
        f"Thought: {thought}\nAction: {tool.capitalize()}[{', '.join([*parts, *([str(value)] if value else [])])}]"
    )


def good_act(asked: Asked) -> Act:
    """What a sensible person does next."""
    if asked.protocol in ("rank", "titles"):
        return "rank", {"items": asked.candidates[: asked.n]}
    if asked.protocol == "plan":
        calls = [{"attribute": attribute, "k": 20, "value": None} for attribute in (None, *asked.attributes)]
        return "plan", {"calls": calls, "rank": "popularity"}
    if asked.legal == ("finish",) or (asked.rounds >= 3 and len(asked.shown) >= asked.n and "finish" in asked.legal):
        return "finish", {"items": asked.latest(asked.n)}
    if "rank" in asked.legal and asked.rounds >= 2:
        return "rank", {"attribute": "popularity" if asked.rounds % 2 else None, "k": asked.n}
    attribute = asked.attributes[asked.rounds % len(asked.attributes)] if asked.attributes and asked.rounds else None
    return "retrieve", {"attribute": attribute, "k": 20 + asked.rounds, "value": None}


def _well(asked: Asked) -> Scripted:
    return written(asked, good_act(asked))


def _with(**changes: Any) -> Callable[[Asked, Random], Scripted]:
    """The sensible action with something wrong in its arguments."""

    def deed(asked: Asked, _: Random) -> Scripted:
        tool, arguments = good_act(asked)
        wrong = {key: value for key, value in changes.items() if key in arguments} or changes
        return written(asked, (tool, {**arguments, **wrong}))

    return deed


def _finishing(items: Callable[[Asked, Random], list[Any]]) -> Callable[[Asked, Random], Scripted]:
    return lambda asked, draw: written(asked, ("finish", {"items": items(asked, draw)}))


def _text(text: str, finish_reason: str | None = None) -> Callable[[Asked, Random], Scripted]:
    return lambda asked, draw: Scripted(text, finish_reason=finish_reason)


def _half(asked: Asked, _: Random) -> Scripted:
    """Cut off in the middle, as servers do at the token limit."""
    whole = _well(asked)
    if whole.calls:
        call = whole.calls[0]
        return Scripted(calls=(Call(call.name, call.arguments[: len(call.arguments) // 2]),), finish_reason="length")
    return Scripted(whole.text[: len(whole.text) // 2], finish_reason="length")


def _half_unsaid(asked: Asked, _: Random) -> Scripted:
    """Cut off, and the server does not say so."""
    whole = _well(asked)
    if whole.calls:
        call = whole.calls[0]
        return Scripted(calls=(Call(call.name, call.arguments[: len(call.arguments) // 2]),))
    return Scripted(whole.text[: len(whole.text) // 2])


def _five(asked: Asked, _: Random) -> Scripted:
    one = _well(asked)
    return Scripted(calls=one.calls * 5) if one.calls else Scripted("\n".join([one.text] * 5))


def _again(asked: Asked, _: Random) -> Scripted:
    """What it said last time, whatever that was."""
    return asked.said[-1] if asked.said else _well(asked)


def _fenced(asked: Asked, _: Random) -> Scripted:
    one = _well(asked)
    return one if one.calls else Scripted(f"Sure! Here you are:\n```\n{one.text}\n```\nI hope this helps [1].")


def _declines(asked: Asked, _: Random) -> Scripted:
    return Scripted(refusal="I'm sorry, but I can't help with that.")


MISDEEDS: dict[str, Callable[[Asked, Random], Scripted]] = {
    "wrong types": _with(k="ten", items={"first": 1}),
    "k = 0": _with(k=0),
    "k = -3": _with(k=-3),
    "k = 10**9": _with(k=10**9),
    "$10": _with(k="$10"),
    "unknown attribute": lambda asked, _: written(asked, ("retrieve", {"attribute": "reputation", "k": 10})),
    "invented ids": _finishing(lambda asked, draw: [f"x{draw.randrange(10**6)}" for _ in range(10)]),
    "invented titles": _finishing(lambda asked, draw: [f"The Great Nothing, Part {n}" for n in range(10)]),
    "ids of the history": _finishing(lambda asked, draw: asked.history[:10]),
    "one item ten times": _finishing(lambda asked, draw: asked.latest(1) * 10),
    "a list of three": _finishing(lambda asked, draw: asked.latest(3)),
    "a list of three hundred": _finishing(lambda asked, draw: (asked.shown * 300)[:300]),
    "an empty list": _finishing(lambda asked, draw: []),
    "control characters": lambda asked, _: written(asked, good_act(asked), "\x00\x1b[2J\x07 I miss \u202e\u200b\ud83d"),
    "1 MB of thought": lambda asked, _: written(asked, good_act(asked), "I miss everything. " * 55_000),
    "another language": lambda asked, _: written(asked, good_act(asked), "我缺少喜劇片。Мне не хватает комедий. 😀"),
    "code fences": _fenced,
    "a refusal": _text("I cannot help with choosing items for another person."),
    "declined": _declines,
    "no call": _text("Let me think about that. I like dramas, and I have seen many of them."),
    "empty": _text(""),
    "five calls": _five,
    "unknown tool": lambda asked, _: written(asked, ("search_web", {"query": "what next"})),
    "half a JSON": _half_unsaid,
    "cut off": _half,
    "the same again": _again,
    "rank before candidates": lambda asked, _: written(asked, ("rank", {"attribute": None, "k": 10})),
    "finish at once": _finishing(lambda asked, draw: asked.latest(10) or [str(n) for n in range(10)]),
    "filtered": _text("", "content_filter"),
    "null for arguments": lambda asked, _: written(asked, ("retrieve", {"attribute": None, "k": None, "items": None})),
    "deep nesting": _text('{"action": ' * 2_000),
}
"""What a bad reply does, by name."""
