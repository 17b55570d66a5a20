"""A 400 about one parameter: which one is meant, and the request without it."""

import re
from collections.abc import Mapping
from typing import Any

from toolrec_cli.llm.providers.loose import as_dict, as_dicts

_NEEDED = {"model", "messages", "input", "tools"}
"""Without these it would be another question."""

_COMPLAINT = re.compile(
    r"unsupported|not supported|does(?:n't| not) support|unknown|unrecognized|unexpected|not permitted|not allowed|invalid",
    re.IGNORECASE,
)

_INSTEAD = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""What is sent instead of the refused one."""


def refused_parameter(sent: Mapping[str, Any], error: Any, message: str) -> str | None:
    """The parameter of `sent` that the server's `error` (its JSON, or text) complains about; None if it is about something else.

    "strict" stands for the flag on every tool.
    """
    can_go = [name for name in sent if name not in _NEEDED]
    if _has_strict(sent):
        can_go.append("strict")
    named = _named(error)
    for name in can_go:
        if named and re.search(rf"(^|\W){name}(\W|$)", named):
            return name
    if not _COMPLAINT.search(message):
        return None
    mentioned = [(found.start(), name) for name in can_go if (found := re.search(rf"\b{name}\b", message))]
    return min(mentioned)[1] if mentioned else None


def _named(error: Any) -> str:
    """Where the server says which one: OpenAI's `param`, or the `loc` of a validator's list."""
    said = as_dict(error)
    places = [" ".join(map(str, each.get("loc") or [])) for each in as_dicts(said.get("detail"))]
    return " ".join([str(as_dict(said.get("error")).get("param") or said.get("param") or ""), *places])


def without(sent: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    """`sent` without what the server refuses; a token limit goes under its other name if that one is not refused too."""
    kept = {name: value for name, value in sent.items() if name not in refused}
    for name in refused & _INSTEAD.keys() & sent.keys():
        if _INSTEAD[name] not in refused:
            kept[_INSTEAD[name]] = sent[name]
    if "strict" in refused and "tools" in kept:
        kept["tools"] = [_lenient(tool) for tool in kept["tools"]]
    return kept


def _has_strict(sent: Mapping[str, Any]) -> bool:
    return any("strict" in tool or "strict" in tool.get("function", {}) for tool in sent.get("tools", []))


def _lenient(tool: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in tool.items() if key != "strict"}
    if "function" in kept:
        kept["function"] = {key: value for key, value in kept["function"].items() if key != "strict"}
    return kept
