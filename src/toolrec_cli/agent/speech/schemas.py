"""What an action looks like, as a JSON schema in the strictest common dialect.

Every field required, nothing else allowed, null rather than absent, no bounds: several servers ignore or refuse those, so the
tools check them. Enums are understood by all.
"""

from typing import Any

from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.llm.messages import ToolSpec

_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_THOUGHT = {"thought": {"type": "string", "description": "One or two sentences: what is missing or fits ill."}}

_ABOUT = {
    "retrieve": "Items that most likely follow the history, judged by one attribute (null: by order alone).",
    "rank": "All items shown so far, ordered with an attribute in mind; any word may be the attribute, null means everything.",
    "finish": "The final list: ids of shown items, the likeliest first.",
}


def properties(tool: str, brief: Brief) -> dict[str, Any]:
    """The arguments of a tool. The trained attributes are an enum; what `rank` goes by is open."""
    if tool == "retrieve":
        trained = {"type": ["string", "null"], "enum": [*brief.attributes, None]}
        return {"attribute": trained, "k": {"type": "integer"}, "value": _TEXT_OR_NULL}
    if tool == "rank":
        return {"attribute": _TEXT_OR_NULL, "k": {"type": "integer"}}
    return {"items": {"type": "array", "items": _TEXT}}


def closed(fields: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def turn_schema(brief: Brief, tools: tuple[str, ...]) -> dict[str, Any]:
    """{"thought": …, "action": one of the tools}."""
    actions = [closed({"tool": {"type": "string", "enum": [tool]}, **properties(tool, brief)}) for tool in tools]
    return closed({**_THOUGHT, "action": actions[0] if len(actions) == 1 else {"anyOf": actions}})


def tool_specs(brief: Brief, tools: tuple[str, ...]) -> tuple[ToolSpec, ...]:
    """The tools for native calls; the thought comes as an argument, since many models call without a word."""
    return tuple(ToolSpec(tool, _ABOUT[tool], closed({**_THOUGHT, **properties(tool, brief)})) for tool in tools)


def order_schema() -> dict[str, Any]:
    """{"items": [id, …]}; the same for every question, so that servers compile it once."""
    return closed({"items": {"type": "array", "items": _TEXT}})
