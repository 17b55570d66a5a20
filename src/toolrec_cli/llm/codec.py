"""Questions and answers as JSON: what the cache and the record hold, and what a question's digest is taken of."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from toolrec_cli.llm.messages import Message, Reply, Request, ToolCall, ToolSpec, Usage

_KEPT = "_text"


def canonical(value: Any) -> str:
    """JSON in ASCII, with sorted keys and no blanks: equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """SHA-256 of canonical JSON, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def request_json(request: Request) -> dict[str, Any]:
    """A question as JSON, what is not said left out."""
    told = {"messages": [_message_json(message) for message in request.messages], "max_tokens": request.max_tokens}
    return told | _settings_json(request)


def _settings_json(request: Request) -> dict[str, Any]:
    """All but the messages and the length of the answer, which stand before it in canonical JSON."""
    told: dict[str, Any] = {}
    if request.schema is not None:
        told["schema"] = request.schema
    if request.tools:
        told["tools"] = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in request.tools
        ]
    if request.stop:
        told["stop"] = list(request.stop)
    return told | {
        "temperature": request.temperature,
        "seed": request.seed,
        "sample": request.sample,
    }


def request_text(request: Request) -> str:
    """A question as canonical JSON, made once: cache, record and digest all want it."""
    kept = request.__dict__.get(_KEPT)
    if kept is None:
        rest = canonical(_settings_json(request))
        messages = ",".join([_message_text(message) for message in request.messages])
        kept = f'{{"max_tokens":{canonical(request.max_tokens)},"messages":[{messages}],{rest[1:]}'
        request.__dict__[_KEPT] = kept  # beside the fields
    return kept


def _message_text(message: Message) -> str:
    """A message as canonical JSON; the next question of a conversation holds it again."""
    kept = message.__dict__.get(_KEPT)
    if kept is None:
        kept = message.__dict__[_KEPT] = canonical(_message_json(message))
    return kept


def _message_json(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call_id is not None:
        told["call_id"] = message.call_id
    if message.raw is not None:
        told["raw"] = message.raw
    return told


def request_from(told: Mapping[str, Any]) -> Request:
    """The question that `request_json` told."""
    return Request(
        messages=tuple(Message(m["role"], m["content"], m.get("call_id"), m.get("raw")) for m in told["messages"]),
        schema=told.get("schema"),
        tools=tuple(ToolSpec(tool["name"], tool["description"], tool["parameters"]) for tool in told.get("tools", [])),
        stop=tuple(told.get("stop", [])),
        max_tokens=told["max_tokens"],
        temperature=told["temperature"],
        seed=told["seed"],
        sample=told["sample"],
    )


def reply_json(reply: Reply) -> dict[str, Any]:
    """An answer as JSON. Whether it came from the cache is not part of it."""
    return {
        "text": reply.text,
        "calls": [[call.call_id, call.name, call.arguments] for call in reply.calls],
        "finish_reason": reply.finish_reason,
        "usage": usage_json(reply.usage),
        "raw": reply.raw,
        "refusal": reply.refusal,
        "model": reply.model,
        "seconds": round(reply.seconds, 4),
        "retries": reply.retries,
    }


def reply_from(told: Mapping[str, Any], *, from_cache: bool = False) -> Reply:
    """The answer that `reply_json` told."""
    return Reply(
        text=told["text"],
        calls=tuple(ToolCall(*call) for call in told["calls"]),
        finish_reason=told["finish_reason"],
        usage=Usage(**told["usage"]),
        raw=told["raw"],
        refusal=told["refusal"],
        model=told["model"],
        seconds=told["seconds"],
        retries=told["retries"],
        from_cache=from_cache,
    )


def usage_json(usage: Usage) -> dict[str, Any]:
    """Token counts by name, and the server's own price where it said one."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost": usage.cost,
    }
