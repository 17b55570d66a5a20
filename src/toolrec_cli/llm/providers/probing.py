"""What a server really does, found out by asking it: about eight tiny calls."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolrec_cli.llm.endpoint import Api
from toolrec_cli.llm.failures import Absent
from toolrec_cli.llm.messages import Reply
from toolrec_cli.llm.providers.asker import Asker, Verdict
from toolrec_cli.llm.providers.client import OpenAICompatible

_COUNT = "Count from 1 to 500, one number a line."

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
    """What was found. `calls`: how many questions were asked; `said`: the server's own words where it refused.

    `api`: the interface it was found through; what that one does not know stays "unclear".
    """

    api: Api = "chat"
    max_tokens: Verdict = "unclear"
    max_completion_tokens: Verdict = "unclear"
    max_output_tokens: Verdict | None = None
    """The Responses API's one token limit; None: not asked."""
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
    chat_api: Verdict | None = None
    """Whether there are chat completions too; None: everything was found through them."""
    calls: int = 0
    said: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def answered(self) -> bool:
        """Whether there was any answer at all."""
        return self.truncation != "not seen"

    @property
    def limit_field(self) -> Literal["max_tokens", "max_completion_tokens", "max_output_tokens"]:
        """The one that works, of chat completions' two the older one if both do."""
        if self.api == "responses":
            return "max_output_tokens"
        works_only_by_its_new_name = self.max_tokens != "yes" and self.max_completion_tokens == "yes"
        return "max_completion_tokens" if works_only_by_its_new_name or self.max_tokens == "refused" else "max_tokens"


def probe(server: OpenAICompatible, told: Callable[[str, int, int], None]) -> Facts:
    """Ask everything, through the endpoint's interface, or the other one where that is not there.

    `told` hears which probe comes next, its number and of how many. Raises ProviderError when the server does not answer at all.
    """
    api = server.endpoint.api
    try:
        return _probed(server, api, told)
    except Absent as error:
        other: Api = "chat" if api == "responses" else "responses"
        found = _probed(server, other, told, absent=api)
        return replace(found, calls=found.calls + 1, said={f"{api}_api": str(error), **found.said})


def _probed(
    server: OpenAICompatible, api: Api, told: Callable[[str, int, int], None], absent: Api | None = None
) -> Facts:
    """All that is asked through `api`; the interface that is known to be `absent` is not asked for once more."""
    asker = Asker(server, api)
    steps = {name: step for name, step in _STEPS[api].items() if absent is None or step not in (_responses, _chat)}
    facts = Facts(api=api, responses_api="yes") if api == "responses" else Facts()
    for number, (name, step) in enumerate(steps.items()):
        told(name, number, len(steps))
        facts = step(asker, facts)
    facts = replace(facts, calls=asker.calls, said=asker.said)
    if absent == "responses":
        return replace(facts, responses_api="refused")
    return replace(facts, chat_api="refused") if absent else facts


def _limit(asker: Asker, facts: Facts) -> Facts:
    reply = asker.reply("max_tokens", _COUNT, max_tokens=LIMIT)
    return _counted(asker, replace(facts, max_tokens=_cut(asker, reply)), reply)


def _other_limit(asker: Asker, facts: Facts) -> Facts:
    reply = asker.reply("max_completion_tokens", _COUNT, max_completion_tokens=LIMIT)
    return _counted(asker, replace(facts, max_completion_tokens=_cut(asker, reply)), reply)


def _output_limit(asker: Asker, facts: Facts) -> Facts:
    """The Responses API has one name for it."""
    reply = asker.reply("max_output_tokens", _COUNT, max_output_tokens=LIMIT)
    return _counted(asker, replace(facts, max_output_tokens=_cut(asker, reply)), reply)


def _cut(asker: Asker, reply: Reply | None) -> Verdict:
    if reply is None:
        return asker.why
    return "yes" if reply.finish_reason == "length" or len(reply.text) < 8 * LIMIT else "ignored"


def _counted(asker: Asker, facts: Facts, reply: Reply | None) -> Facts:
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


def _schema(asker: Asker, facts: Facts) -> Facts:
    """Asked for a greeting under a schema that allows one strange word only."""
    schema = {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [_WORD]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "test", "strict": True, "schema": schema}}
    settings = {facts.limit_field: ENOUGH, "response_format": form}
    reply = asker.reply("json_schema", "Greet me in one short sentence.", **settings)
    if reply is None or reply.finish_reason == "length":
        return replace(facts, json_schema=asker.why if reply is None else "unclear")
    try:
        obeyed = json.loads(reply.text) == {"word": _WORD}
    except ValueError:
        obeyed = False
    return replace(facts, json_schema="yes" if obeyed else "ignored")


def _tools(asker: Asker, facts: Facts) -> Facts:
    text = "What is the weather in Rome and in Oslo? Call the tool once for each city."
    reply = asker.reply("tools", text, tools=_TOOLS, **{facts.limit_field: ENOUGH})
    if reply is None:
        return replace(facts, tools=asker.why)
    return replace(facts, tools="yes" if reply.calls else "ignored", calls_at_once=len(reply.calls))


def _required(asker: Asker, facts: Facts) -> Facts:
    if facts.tools in ("refused", "failed"):
        return replace(facts, tool_choice=facts.tools)
    text = "Greet me in one short sentence. Do not call any tool."
    reply = asker.reply("tool_choice", text, tools=_TOOLS, tool_choice="required", **{facts.limit_field: ENOUGH})
    if reply is None:
        return replace(facts, tool_choice=asker.why)
    return replace(facts, tool_choice="yes" if reply.calls else "ignored")


def _sampling(asker: Asker, facts: Facts) -> Facts:
    """Seed, temperature and stop in one call; if that is refused, one by one."""
    text, limit = "Write exactly this and nothing else: 1 2 3 4 5 6 7 8 9", {facts.limit_field: ENOUGH}
    settings: dict[str, Any] = {"seed": 7, "temperature": 0.0, "stop": ["5"]}
    reply = asker.reply("sampling", text, **settings, **limit)
    if reply is not None:
        return replace(facts, seed="yes", temperature="yes", stop=_stopped(reply))
    asker.said.pop("sampling", None)
    alone: dict[str, Verdict] = {}
    for name, value in settings.items():
        reply = asker.reply(name, text, **{name: value}, **limit)
        alone[name] = asker.why if reply is None else _stopped(reply) if name == "stop" else "yes"
    return replace(facts, **alone)


def _stopped(reply: Reply) -> Verdict:
    if "4" not in reply.text:
        return "unclear"
    return "ignored" if "5" in reply.text else "yes"


def _temperature(asker: Asker, facts: Facts) -> Facts:
    """The Responses API knows neither seed nor stop."""
    reply = asker.reply("temperature", "Greet me in one short sentence.", temperature=0.0, max_output_tokens=ENOUGH)
    return replace(facts, temperature=asker.why if reply is None else "yes")


def _responses(asker: Asker, facts: Facts) -> Facts:
    reply = asker.other("responses_api", "Greet me in one short sentence.", "responses", max_output_tokens=ENOUGH)
    return replace(facts, responses_api=asker.why if reply is None else "yes")


def _chat(asker: Asker, facts: Facts) -> Facts:
    reply = asker.other("chat_api", "Greet me in one short sentence.", "chat")
    return replace(facts, chat_api=asker.why if reply is None else "yes")


Step = Callable[[Asker, Facts], Facts]

_STEPS: dict[Api, dict[str, Step]] = {
    "chat": {
        "token limit": _limit,
        "token limit by its other name": _other_limit,
        "schema": _schema,
        "tools": _tools,
        "required tool": _required,
        "sampling": _sampling,
        "Responses API": _responses,
    },
    "responses": {
        "token limit": _output_limit,
        "schema": _schema,
        "tools": _tools,
        "required tool": _required,
        "temperature": _temperature,
        "chat completions": _chat,
    },
}
