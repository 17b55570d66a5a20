"""The Responses API: a Request as its JSON body, and the answer's JSON body as a Reply. Nothing is kept on the server."""

from typing import Any

from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.messages import Message, Reply, Request, ToolCall
from toolrec_cli.llm.providers.chat import (
    SCHEMA_NAME,
    BadShape,
    as_text,
    choice_body,
    complaint,
    cut_at,
    told_in_words,
    tool_body,
    usage,
)
from toolrec_cli.llm.providers.loose import as_dict, as_dicts

PATH = "/responses"

_ENDED = {"max_output_tokens": "length", "max_tokens": "length"}


def body(request: Request, endpoint: Endpoint, model: str) -> dict[str, Any]:
    """What is sent. This interface knows neither seed nor stop sequences: text is cut at them after it has come."""
    messages = told_in_words(request, endpoint)
    sent: dict[str, Any] = {"model": model, "input": [item for message in messages for item in _items(message)]}
    sent["max_output_tokens"] = request.max_tokens + endpoint.headroom
    sent["store"] = False
    if request.temperature is not None and endpoint.send_temperature:
        sent["temperature"] = request.temperature
    if request.schema is not None and endpoint.response_format == "json_schema":
        form = {"type": "json_schema", "name": SCHEMA_NAME, "strict": True, "schema": request.schema}
        sent["text"] = {"format": form}
    elif request.schema is not None and endpoint.response_format == "json_object":
        sent["text"] = {"format": {"type": "json_object"}}
    if request.tools:
        sent["tools"] = [{"type": "function", **tool_body(tool, endpoint)} for tool in request.tools]
        sent |= choice_body(endpoint)
    return sent | dict(endpoint.extra_body)


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.call_id or "", "output": message.content}]
    if message.role == "assistant" and message.raw and "output" in message.raw:
        return [dict(item) for item in message.raw["output"]]
    return [{"role": message.role, "content": message.content}]


def reply(answer: dict[str, Any], request: Request) -> Reply:
    """The answer. Raises BadShape when there is none in it."""
    if found := complaint(answer):
        raise BadShape(found)
    if not isinstance(answer.get("output"), list):
        raise BadShape("it has no output")
    output = [{k: v for k, v in item.items() if v is not None} for item in as_dicts(answer["output"])]
    calls = tuple(_call(item) for item in output if item.get("type") == "function_call")
    text, ended = cut_at(request.stop, _said(output, "text"), _ended(answer, bool(calls)))
    return Reply(
        text=text,
        calls=calls,
        finish_reason=ended,
        usage=usage(answer.get("usage")),
        raw={"output": output},
        refusal=_said(output, "refusal") or None,
        model=str(answer.get("model") or ""),
    )


def _call(item: dict[str, Any]) -> ToolCall:
    call_id = str(item.get("call_id") or item.get("id") or "")
    return ToolCall(call_id, str(item.get("name") or ""), as_text(item.get("arguments")))


def _said(output: list[dict[str, Any]], part: str) -> str:
    """All "text", or all "refusal", of the messages, one after the other."""
    said: list[str] = []
    for item in output:
        if item.get("type") == "message":
            said += [str(each.get(part) or "") for each in as_dicts(item.get("content"))]
    return "".join(said)


def _ended(answer: dict[str, Any], has_calls: bool) -> str:
    if answer.get("status") == "incomplete":
        why = str(as_dict(answer.get("incomplete_details")).get("reason") or "length")
        return _ENDED.get(why, why)
    return "tool_calls" if has_calls else "stop"
