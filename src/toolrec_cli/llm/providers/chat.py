"""Chat Completions: a Request as its JSON body, and the answer's JSON body as a Reply."""

import json
from typing import Any

from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.messages import Message, Reply, Request, ToolCall, ToolSpec, Usage
from toolrec_cli.llm.providers.loose import as_count, as_dict, as_dicts

PATH = "/chat/completions"

SCHEMA_NAME = "answer"


class BadShape(ValueError):
    """The server's JSON is not an answer; the text says what is wrong with it."""


def body(request: Request, endpoint: Endpoint, model: str) -> dict[str, Any]:
    """What is sent. Keys stand in one order always, the unchanging ones first, so that prompt caches hit."""
    messages = told_in_words(request, endpoint)
    sent: dict[str, Any] = {"model": model, "messages": [_message(message) for message in messages]}
    sent[endpoint.max_tokens_field] = request.max_tokens + endpoint.headroom
    if request.temperature is not None and endpoint.send_temperature:
        sent["temperature"] = request.temperature
    if request.seed is not None and endpoint.send_seed:
        sent["seed"] = request.seed
    if request.stop and endpoint.send_stop:
        sent["stop"] = list(request.stop)
    if request.schema is not None and endpoint.response_format == "json_schema":
        schema = {"name": SCHEMA_NAME, "strict": True, "schema": request.schema}
        sent["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.schema is not None and endpoint.response_format == "json_object":
        sent["response_format"] = {"type": "json_object"}
    if request.tools:
        sent["tools"] = [{"type": "function", "function": tool_body(tool, endpoint)} for tool in request.tools]
        sent |= choice_body(endpoint)
    return sent | dict(endpoint.extra_body)


def choice_body(endpoint: Endpoint) -> dict[str, Any]:
    """The settings that go with tools, the same in both interfaces."""
    choice = {} if endpoint.tool_choice == "none" else {"tool_choice": endpoint.tool_choice}
    return choice | ({"parallel_tool_calls": False} if endpoint.one_call else {})


def tool_body(tool: ToolSpec, endpoint: Endpoint) -> dict[str, Any]:
    """One tool as a server is told of it."""
    told = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return told | ({"strict": True} if endpoint.strict_tools else {})


def told_in_words(request: Request, endpoint: Endpoint) -> tuple[Message, ...]:
    """The messages; where the server cannot be given the schema as such, the first system message says it."""
    if request.schema is None or endpoint.response_format == "json_schema":
        return request.messages
    schema = json.dumps(request.schema, ensure_ascii=False, sort_keys=True)
    words = f"Answer with one JSON object and nothing else. It obeys this JSON schema: {schema}"
    first, *others = request.messages
    if first.role == "system":
        return (Message("system", f"{first.content}\n\n{words}"), *others)
    return (Message("system", words), *request.messages)


def _message(message: Message) -> dict[str, Any]:
    if message.role == "assistant" and message.raw and "output" not in message.raw:
        return dict(message.raw)
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call_id is not None:
        sent["tool_call_id"] = message.call_id
    return sent


def reply(answer: dict[str, Any], request: Request) -> Reply:
    """The answer. Raises BadShape when there is none in it."""
    choices = as_dicts(answer.get("choices"))
    if found := complaint(answer) or (complaint(choices[0]) if choices else "it has no choices"):
        raise BadShape(found)
    choice, message = choices[0], as_dict(choices[0].get("message"))
    if not message:
        raise BadShape("its choice has no message")
    calls = tuple(_call(number, each) for number, each in enumerate(as_dicts(message.get("tool_calls"))))
    ended = str(choice.get("finish_reason") or ("tool_calls" if calls else "stop"))
    text, ended = cut_at(request.stop, flat(message.get("content")), ended)
    return Reply(
        text=text,
        calls=calls,
        finish_reason="tool_calls" if ended == "function_call" else ended,
        usage=usage(answer.get("usage")),
        raw=without_nulls(message),
        refusal=str(message["refusal"]) if message.get("refusal") else None,
        model=str(answer.get("model") or ""),
    )


def _call(number: int, call: dict[str, Any]) -> ToolCall:
    function = as_dict(call.get("function"))
    call_id = str(call.get("id") or f"call_{number}")
    return ToolCall(call_id, str(function.get("name") or ""), as_text(function.get("arguments")))


def as_text(arguments: Any) -> str:
    """A call's arguments as text; some servers send the object itself."""
    if arguments is None:
        return "{}"
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def flat(content: Any) -> str:
    """The text of a message whose content is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in as_dicts(content))


def cut_at(stops: tuple[str, ...], text: str, ended: str) -> tuple[str, str]:
    """The text before the first stop sequence in it, for servers that do not stop there themselves."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], "stop") if places else (text, ended)


def without_nulls(message: dict[str, Any]) -> dict[str, Any]:
    """The message as it came, but for what is null; `content` stays: servers want it back."""
    return {key: value for key, value in message.items() if value is not None or key == "content"}


def complaint(answer: dict[str, Any]) -> str | None:
    """The error that some servers send with status 200."""
    if not (error := answer.get("error")):
        return None
    return f"the server says: {as_dict(error).get('message') or error}"


def usage(given: Any) -> Usage:
    """Tokens as both interfaces count them; what is not there, or no number, is 0."""
    found = as_dict(given)
    details_in = as_dict(found.get("prompt_tokens_details") or found.get("input_tokens_details"))
    details_out = as_dict(found.get("completion_tokens_details") or found.get("output_tokens_details"))
    cost = found.get("cost")
    return Usage(
        input_tokens=as_count(found.get("prompt_tokens")) or as_count(found.get("input_tokens")),
        output_tokens=as_count(found.get("completion_tokens")) or as_count(found.get("output_tokens")),
        cached_tokens=as_count(details_in.get("cached_tokens")),
        reasoning_tokens=as_count(details_out.get("reasoning_tokens")),
        cost=float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None,
    )
