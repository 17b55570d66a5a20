"""The JSON of the two interfaces: requests read into one shape, replies written in the other."""

import hashlib
import itertools
import json
from typing import Any

from toolrec_cli.testing.replies import Scripted

_ids = itertools.count(1)

CHARACTERS_A_TOKEN = 4
"""This server's tokenizer."""


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """A Responses request in the shape of a chat completion request."""
    asked = {key: value for key, value in body.items() if key not in ("input", "instructions", "text", "tools")}
    given = body.get("input", "")
    items: list[dict[str, Any]] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    asked["messages"] = [_as_message(item) for item in items if item.get("type") != "reasoning"]
    if (form := body.get("text", {}).get("format")) and form.get("type") == "json_schema":
        asked["response_format"] = {
            "type": "json_schema",
            "json_schema": {k: v for k, v in form.items() if k != "type"},
        }
    if "tools" in body:
        asked["tools"] = [
            {"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}} for tool in body["tools"]
        ]
    return asked


def _as_message(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type") == "function_call_output":
        return {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}
    if item.get("type") == "function_call":
        function = {"name": item["name"], "arguments": item["arguments"]}
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": item["call_id"], "type": "function", "function": function}],
        }
    content = item.get("content", "")
    if not isinstance(content, str):
        content = "".join(part.get("text", "") for part in content)
    return {"role": item.get("role", "user"), "content": content}


def chat_completion(asked: dict[str, Any], reply: Scripted) -> dict[str, Any]:
    """The body of a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": call_id(asked, place),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for place, call in enumerate(reply.calls)
        ]
    n_in, n_out = tokens_in(asked), tokens_out(reply)
    usage: dict[str, Any] = {
        "prompt_tokens": n_in,
        "completion_tokens": n_out,
        "total_tokens": n_in + n_out,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
    if reply.cost is not None:
        usage["cost"] = reply.cost
    return {
        "id": f"chatcmpl-{next(_ids)}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.get("model", ""),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.ended}],
        **({"usage": usage} if reply.counted else {}),
    }


def response(asked: dict[str, Any], reply: Scripted) -> dict[str, Any]:
    """The body of a Responses reply."""
    output: list[dict[str, Any]] = []
    if reply.reasoning_tokens:
        output.append({"type": "reasoning", "id": f"rs_{next(_ids)}", "summary": [], "encrypted_content": "gAAA"})
    if reply.text or reply.refusal or not reply.calls:
        part: dict[str, Any] = (
            {"type": "refusal", "refusal": reply.refusal}
            if reply.refusal
            else {"type": "output_text", "text": reply.text, "annotations": []}
        )
        output.append({"type": "message", "id": f"msg_{next(_ids)}", "role": "assistant", "content": [part]})
    output += [
        {
            "type": "function_call",
            "id": f"fc_{next(_ids)}",
            "call_id": call_id(asked, place),
            "name": call.name,
            "arguments": call.arguments,
        }
        for place, call in enumerate(reply.calls)
    ]
    n_in, n_out = tokens_in(asked), tokens_out(reply)
    cut = reply.ended in ("length", "content_filter")
    why = {"length": "max_output_tokens"}.get(reply.ended, reply.ended)
    usage = {
        "input_tokens": n_in,
        "output_tokens": n_out,
        "total_tokens": n_in + n_out,
        "input_tokens_details": {"cached_tokens": reply.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
    return {
        "id": f"resp_{next(_ids)}",
        "object": "response",
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": why} if cut else None,
        "model": asked.get("model", ""),
        "output": output,
        **({"usage": usage} if reply.counted else {}),
    }


def call_id(asked: dict[str, Any], place: int) -> str:
    """The id of a call: it goes back in the next request, which must not depend on who else asks at the time."""
    said = json.dumps(asked.get("messages"), sort_keys=True).encode()
    return f"call_{hashlib.sha256(said).hexdigest()[:16]}_{place}"


def tokens_in(asked: dict[str, Any]) -> int:
    """How many tokens this server counts in the messages."""
    characters = sum(len(str(message.get("content") or "")) for message in asked.get("messages", []))
    return characters // CHARACTERS_A_TOKEN + 4 * len(asked.get("messages", [])) + 3


def tokens_out(reply: Scripted) -> int:
    """How many tokens this server counts in the reply."""
    characters = len(reply.text) + sum(len(call.name) + len(call.arguments) for call in reply.calls)
    return characters // CHARACTERS_A_TOKEN + 1 + reply.reasoning_tokens


def error(message: str, code: str | None = None, parameter: str | None = None) -> bytes:
    """The body of an error, as OpenAI shapes it."""
    said = {"message": message, "type": "invalid_request_error", "param": parameter, "code": code}
    return json.dumps({"error": said}).encode()
