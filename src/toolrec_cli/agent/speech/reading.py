"""JSON as models write it: in code fences, with text around it, with an action in one of several shapes."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from toolrec_cli.tools.protocol import Action

_DECODER = json.JSONDecoder(strict=False)

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")

_LINES = 300

_TRIES = 50
"""Places at which an object is looked for."""


def object_in(text: str, *keys: str) -> dict[str, Any] | None:
    """The JSON object that is the text, or the first in it with one of `keys` (none: that names an action); None without."""
    for found in _objects(text):
        if found.keys() & set(keys or ("action", "tool")):
            return found
    return None


def whole_object(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is; None when it is none."""
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def strings_in(text: str) -> list[str]:
    """The first array of names in the text, as strings: {"items": […]}, […], in a code fence or not; else none."""
    start, tries = -1, 0
    while (start := text.find("[", start + 1)) >= 0 and tries < _TRIES:
        tries += 1
        found = _decoded(text, start)
        if isinstance(found, list) and found:
            names = cast("list[Any]", found)
            if all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
                return [str(name) for name in names]
    return []


def lines_in(text: str) -> list[str]:
    """A name a line, without bullets, numbers and quotes; for an answer that is no JSON."""
    lines = [_BULLET.sub("", line).strip(" \t\"'`,*") for line in text.splitlines()[:_LINES]]
    return [line for line in lines if line]


def action_of(found: dict[str, Any]) -> Action | None:
    """The action of an object: {"action": {"tool": …}}, {"action": "finish", …} or {"tool": …}. Nulls are left out."""
    inner = found.get("action", found)
    if isinstance(inner, str):
        inner = {**found, "tool": inner}
        del inner["action"]
    if not isinstance(inner, dict):
        return None
    given = cast("dict[str, Any]", inner)
    tool = given.get("tool", given.get("name"))
    if not isinstance(tool, str):
        return None
    nested = given.get("arguments", given.get("parameters"))
    arguments = cast("dict[str, Any]", nested) if isinstance(nested, dict) else given
    left_out = ("tool", "thought", "name") if arguments is given else ()
    return Action(tool, {key: value for key, value in arguments.items() if key not in left_out and value is not None})


def _objects(text: str) -> Iterator[dict[str, Any]]:
    start, tries = -1, 0
    while (start := text.find("{", start + 1)) >= 0 and tries < _TRIES:
        tries += 1
        found = _decoded(text, start)
        if isinstance(found, dict):
            yield cast("dict[str, Any]", found)


def _decoded(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
