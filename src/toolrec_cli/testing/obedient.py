"""A model without a part to play: it does what a plain question says, as far as the schema, the tools and the limits go."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from toolrec_cli.testing.replies import Call, Scripted

_TOKENS = re.compile(r"\d+\n|\S+\s*")
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def obedient(request: Mapping[str, Any]) -> Scripted:
    """An object under the schema, calls of the tools, numbers or a greeting; cut off at the limit, ended at a stop sequence."""
    said = _text(request)
    if form := request.get("response_format"):
        return Scripted(json.dumps(_fitting(form["json_schema"]["schema"])))
    if tools := request.get("tools"):
        return Scripted(calls=tuple(call for tool in tools for call in _calls(tool["function"], said)))
    if numbers := re.search(r"from (\d+) to (\d+)", said):
        text = "".join(f"{number}\n" for number in range(int(numbers[1]), int(numbers[2]) + 1))
    elif exactly := re.search(r"exactly this and nothing else: (.*)", said):
        text = exactly[1]
    else:
        text = "Hello."
    return _ended(request, text)


def _text(request: Mapping[str, Any]) -> str:
    return str(cast("list[dict[str, Any]]", request["messages"])[-1].get("content") or "")


def _fitting(schema: Mapping[str, Any]) -> Any:
    """The smallest value that obeys a schema of the strict dialect."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _fitting(schema["anyOf"][0])
    kind = schema.get("type")
    if kind == "object":
        return {name: _fitting(inner) for name, inner in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {"array": [], "integer": 1, "number": 1, "boolean": True, "null": None}
    return plain.get(str(kind), "…")


def _calls(function: Mapping[str, Any], said: str) -> list[Call]:
    """A call for each city that is named, else one."""
    cities = re.findall(r"\b(Rome|Oslo)\b", said)
    arguments = _fitting(function["parameters"])
    return [Call.of(function["name"], **{**arguments, "city": city}) for city in cities] or [
        Call.of(function["name"], **arguments)
    ]


def _ended(request: Mapping[str, Any], text: str) -> Scripted:
    for stop in cast("list[str]", request.get("stop") or []):
        text = text.partition(stop)[0]
    limit = next((int(request[name]) for name in _LIMITS if name in request), None)
    tokens = _TOKENS.findall(text)
    if limit is None or len(tokens) <= limit:
        return Scripted(text)
    return Scripted("".join(tokens[:limit]), finish_reason="length")
