"""What a server really does, found out by asking it: about eight tiny calls."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.messages import Message, Reply, Request
from toolrec_cli.llm.providers import chat, responses
from toolrec_cli.llm.providers.client import OpenAICompatible

Verdict = Literal["yes", "ignored", "refused", "failed", "unclear"]
"""Does as told; takes the setting but does not obey it; says no; breaks down over it; the answer does not tell."""

LIMIT, ENOUGH = 24, 1000
"""Output tokens: few enough to cut an answer off, and enough for a short one after some hidden reasoning."""

_WORD = "zyx-31"
"""What no model says of its own accord."""

_CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather in a city.", "parameters": _CITY}}
]


@dataclass(frozen=True)
class Facts:
    """What was found. `calls`: how many questions were asked; `said`: the server's own words where it refused."""

    max_tokens: Verdict = "unclear"
    max_completion_tokens: Verdict = "unclear"
    truncation: str = "not seen"
    """The finish reason of an answer that was cut off."""
    usage: bool = False
    cached_tokens: bool = False
    """Whether cached tokens are counted apart (if any)."""
    json_schema: Verdict = "unclear"
    tools: Verdict = "unclear"
    calls_at_once: int = 0
    """Native calls in one reply, two being asked for."""
    tool_choice: Verdict = "unclear"
    """tool_choice: required."""
    seed: Verdict = "unclear"
    temperature: Verdict = "unclear"
    stop: Verdict = "unclear"
    responses_api: Verdict = "unclear"
    calls: int = 0
    said: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def answered(self) -> bool:
        """Whether there was any answer at all."""
        return self.truncation != "not seen"

    @property
    def limit_field(self) -> Literal["max_tokens", "max_completion_tokens"]:
        """The one that works, the older one if both do."""
        works_only_by_its_new_name = self.max_tokens != "yes" and self.max_completion_tokens == "yes"
        return "max_completion_tokens" if works_only_by_its_new_name or self.max_tokens == "refused" else "max_tokens"


PROBES = (
    "token limit",
    "token limit by its other name",
    "schema",
    "tools",
    "required tool",
    "sampling",
    "Responses API",
)


def probe(server: OpenAICompatible, told: Callable[[str, int], None]) -> Facts:
    """Ask everything. `told` hears which probe comes next. Raises ProviderError when the server does not answer at all."""
    asker = _Asker(server)
    facts = Facts()
    steps = (_limit, _other_limit, _schema, _tools, _required, _sampling, _responses)
    for number, (name, step) in enumerate(zip(PROBES, steps, strict=True)):
        told(name, number)
        facts = step(asker, facts)
    return replace(facts, calls=asker.calls, said=asker.said)


class _Asker:
    """Sends bodies of our own, counts them, and keeps what the server says when it refuses."""

    def __init__(self, server: OpenAICompatible) -> None:
        self._server = server
        self.calls = 0
        self.said: dict[str, str] = {}
        self.why: Verdict = "unclear"
        """What it is when there was no reply: "refused" or "failed"."""
        self.seen: dict[str, Any] = {}
        """The last answer, as it came."""

    def chat(self, about: str, text: str, **settings: Any) -> Reply | None:
        """The reply to one short text; None if there is none, and then `why` and `said` tell why.

        Raises ProviderError when not even the first question is answered.
        """
        messages = [{"role": "system", "content": "You are being tested."}, {"role": "user", "content": text}]
        asked = Request((Message("user", text),))
        body = {"model": self._server.name, "messages": messages, **settings}
        return self._ask(about, chat.PATH, body, lambda answer: chat.reply(answer, asked))

    def response(self, about: str, text: str, **settings: Any) -> Reply | None:
        """The same through the Responses API."""
        asked = Request((Message("user", text),))
        body = {"model": self._server.name, "input": text, "store": False, **settings}
        return self._ask(about, responses.PATH, body, lambda answer: responses.reply(answer, asked))

    def _ask(
        self, about: str, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], Reply]
    ) -> Reply | None:
        self.calls += 1
        try:
            self.seen = self._server.raw(path, body)
            return read(self.seen)
        except (ProviderError, chat.BadShape) as error:
            if self.calls == 1 and isinstance(error, ProviderError) and not is_refusal(error):
                raise
            self.said[about] = str(error)
            self.why = "refused" if isinstance(error, ProviderError) and is_no(error) else "failed"
            return None


def is_refusal(error: ProviderError) -> bool:
    """Whether the server answered, and did not like the question: only its words can tell."""
    return "refuses the request" in error.message


def is_no(error: ProviderError) -> bool:
    """Whether the server said that it does not do this, or has no such interface."""
    return is_refusal(error) or " has no " in error.message


def _limit(asker: _Asker, facts: Facts) -> Facts:
    reply = asker.chat("max_tokens", "Count from 1 to 500, one number a line.", max_tokens=LIMIT)
    return _counted(asker, replace(facts, max_tokens=_cut(asker, reply)), reply)


def _other_limit(asker: _Asker, facts: Facts) -> Facts:
    text = "Count from 1 to 500, one number a line."
    reply = asker.chat("max_completion_tokens", text, max_completion_tokens=LIMIT)
    return _counted(asker, replace(facts, max_completion_tokens=_cut(asker, reply)), reply)


def _cut(asker: _Asker, reply: Reply | None) -> Verdict:
    if reply is None:
        return asker.why
    return "yes" if reply.finish_reason == "length" or len(reply.text) < 8 * LIMIT else "ignored"


def _counted(asker: _Asker, facts: Facts, reply: Reply | None) -> Facts:
    if reply is None:
        return facts
    shape = f"finish_reason {reply.finish_reason!r}" + ("" if reply.text else ", no text")
    cut = facts.truncation if facts.truncation != "not seen" else shape
    return replace(
        facts,
        truncation=cut,
        usage=facts.usage or reply.usage.input_tokens > 0,
        cached_tokens=facts.cached_tokens or "cached_tokens" in json.dumps(asker.seen.get("usage")),
    )


def _schema(asker: _Asker, facts: Facts) -> Facts:
    """Asked for a greeting under a schema that allows one strange word only."""
    schema = {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [_WORD]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "test", "strict": True, "schema": schema}}
    settings = {facts.limit_field: ENOUGH, "response_format": form}
    reply = asker.chat("json_schema", "Greet me in one short sentence.", **settings)
    if reply is None or reply.finish_reason == "length":
        return replace(facts, json_schema=asker.why if reply is None else "unclear")
    try:
        obeyed = json.loads(reply.text) == {"word": _WORD}
    except ValueError:
        obeyed = False
    return replace(facts, json_schema="yes" if obeyed else "ignored")


def _tools(asker: _Asker, facts: Facts) -> Facts:
    text = "What is the weather in Rome and in Oslo? Call the tool once for each city."
    reply = asker.chat("tools", text, tools=_TOOLS, **{facts.limit_field: ENOUGH})
    if reply is None:
        return replace(facts, tools=asker.why)
    return replace(facts, tools="yes" if reply.calls else "ignored", calls_at_once=len(reply.calls))


def _required(asker: _Asker, facts: Facts) -> Facts:
    if facts.tools in ("refused", "failed"):
        return replace(facts, tool_choice=facts.tools)
    text = "Greet me in one short sentence. Do not call any tool."
    reply = asker.chat("tool_choice", text, tools=_TOOLS, tool_choice="required", **{facts.limit_field: ENOUGH})
    if reply is None:
        return replace(facts, tool_choice=asker.why)
    return replace(facts, tool_choice="yes" if reply.calls else "ignored")


def _sampling(asker: _Asker, facts: Facts) -> Facts:
    """Seed, temperature and stop in one call; if that is refused, one by one."""
    text, limit = "Write exactly this and nothing else: 1 2 3 4 5 6 7 8 9", {facts.limit_field: ENOUGH}
    settings: dict[str, Any] = {"seed": 7, "temperature": 0.0, "stop": ["5"]}
    reply = asker.chat("sampling", text, **settings, **limit)
    if reply is not None:
        return replace(facts, seed="yes", temperature="yes", stop=_stopped(reply))
    asker.said.pop("sampling", None)
    alone: dict[str, Verdict] = {}
    for name, value in settings.items():
        reply = asker.chat(name, text, **{name: value}, **limit)
        alone[name] = asker.why if reply is None else _stopped(reply) if name == "stop" else "yes"
    return replace(facts, **alone)


def _stopped(reply: Reply) -> Verdict:
    if "4" not in reply.text:
        return "unclear"
    return "ignored" if "5" in reply.text else "yes"


def _responses(asker: _Asker, facts: Facts) -> Facts:
    reply = asker.response("responses_api", "Greet me in one short sentence.", max_output_tokens=ENOUGH)
    return replace(facts, responses_api=asker.why if reply is None else "yes")
