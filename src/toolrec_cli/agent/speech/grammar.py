"""Retrieve[genre, 20], Rank[reputation, 10], Finish[593, 7]: written, and read as models write it.

Read with: any case, round brackets, bold type, code fences, text after the action, brackets inside titles, quotes, named
arguments, ids one a line. What is no number stays text ("$10"), so that the tool can say what is wrong with it.
"""

import json
import re
from typing import Any, cast

from toolrec_cli.agent.speech.reading import strings_in, whole_object
from toolrec_cli.tools.protocol import Action

_OBSERVATION = re.compile(r"\n[ \t*_#>`-]{0,10}Observation[ \t]{0,3}\d{0,3}[ \t*_]{0,5}:", re.IGNORECASE)
_ACTION = re.compile(r"^[ \t*_#>`-]*Action[ \t]*\d*[ \t*_]*:", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(r"^[ \t*_#>-]*Thought[ \t]*\d*[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_INPUT = re.compile(r"^[ \t*_]*Action[ \t]+Input[ \t*_]*:", re.IGNORECASE | re.MULTILINE)
_CALL = re.compile(r"[\W_]{0,20}([A-Za-z][\w-]{0,60})[ \t`*]*([\[(])?")
_BARE = re.compile(r"\b(retrieve|rank|finish)[ \t]*([\[(])", re.IGNORECASE)
_NAMED = re.compile(r"^(attribute|k|value)\s*[=:]\s*(.*)$", re.IGNORECASE | re.DOTALL)
_WITH_VALUE = re.compile(r"^([^=]+)=(.+)$", re.DOTALL)
_FENCE = re.compile(r"```(?:\w+\n)?|`")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_QUOTES = "\"'`“”‘’"
_LONGEST = 20_000


def spoken(action: Action) -> str:
    """An action in the grammar: Retrieve[none, 20, Drama]."""
    given = action.arguments
    if action.tool == "finish":
        items = given.get("items")
        named = cast("list[Any]", items) if isinstance(items, list) else []
        return f"Finish[{', '.join(map(str, named))}]"
    parts = [given.get("attribute") or "none", given.get("k", ""), *([given["value"]] if given.get("value") else [])]
    return f"{action.tool.capitalize()}[{', '.join(map(str, parts))}]"


def until_observation(text: str) -> str:
    """The text up to where the model goes on to play the world, as servers do that know no stop sequence."""
    found = _OBSERVATION.search(text)
    return text[: found.start()] if found else text


def thought_in(text: str) -> str:
    """What stands before the action."""
    start = _THOUGHT.search(text)
    rest = text[start.end() :] if start else text
    end = _ACTION.search(rest)
    return rest[: end.start()].strip() if end else (rest.strip() if start else "")


def action_in(text: str) -> Action | None:
    """The first action in the text, or None where there is none."""
    start = _ACTION.search(text)
    if start is None:
        found = _BARE.search(text)
        return None if found is None else _called(found[1], _inside(text, found.end() - 1))
    rest = text[start.end() : start.end() + _LONGEST]
    found = _CALL.match(rest)
    if found is None:
        return None
    if found[2]:
        return _called(found[1], _inside(rest, found.end() - 1))
    written = _INPUT.search(rest)
    return _called(found[1], "" if written is None else rest[written.end() :].strip())


def _inside(text: str, opening: int) -> str:
    """What stands between the bracket at `opening` and its partner, or else the last closing one, or else the end."""
    left, right = text[opening], "]" if text[opening] == "[" else ")"
    depth = 0
    for place in range(opening, min(len(text), opening + _LONGEST)):
        depth += (text[place] == left) - (text[place] == right)
        if depth == 0:
            return text[opening + 1 : place]
    last = text.rfind(right, opening)
    return text[opening + 1 : last if last > 0 else opening + _LONGEST]


def _called(name: str, inside: str) -> Action:
    tool = name.lower() if name.lower() in ("retrieve", "rank", "finish") else name
    written = whole_object(inside.strip())
    if written is not None:
        return Action(tool, {key: value for key, value in written.items() if value is not None})
    if tool == "finish":
        return Action(tool, {"items": _items(inside)})
    return Action(tool, _arguments(tool, inside))


def _arguments(tool: str, inside: str) -> dict[str, Any]:
    """ "genre, 20, Drama" by place, "attribute=genre, k=20" by name; of what is empty, nothing."""
    places = ("attribute", "k", "value")
    found: dict[str, Any] = {}
    for place, part in enumerate(_split(_FENCE.sub("", inside))):
        named, valued = _NAMED.match(part), _WITH_VALUE.match(part) if tool == "retrieve" and place == 0 else None
        if valued and not named:  # as tool marks are written: retrieve:genre=Drama
            found |= {"attribute": valued[1].strip(), "value": valued[2].strip()}
            continue
        key, text = (named[1].lower(), named[2].strip()) if named else (places[min(place, 2)], part)
        found[key] = f"{found[key]}, {text}" if key in found else text
    if tool == "rank" and found.get("value", "").lower() in ("none", "null", ""):
        found.pop("value", None)
    return {key: value for key, text in found.items() if (value := _value(key, text)) is not None}


def _value(key: str, text: str) -> str | int | None:
    text = text.strip(_QUOTES).strip()
    if key == "k":
        return int(text) if re.fullmatch(r"[+-]?\d{1,20}", text) else text
    return None if text.lower() in ("", "none", "null") else text


def _items(inside: str) -> list[str]:
    body = _FENCE.sub("", inside).strip()
    if body.startswith("["):
        return strings_in(body)
    try:
        listed: Any = json.loads(f"[{body}]")
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list) and all(type(name) in (str, int) for name in cast("list[Any]", listed)):
        return [str(name) for name in cast("list[Any]", listed)]
    lines = [_BULLET.sub("", line) for line in body.splitlines() if line.strip()] if "\n" in body else [body]
    named = [part.strip().strip(_QUOTES).strip() for line in lines for part in _split(line)]
    return [name for name in named if name]


def _split(text: str) -> list[str]:
    """At commas and semicolons outside brackets and double quotes."""
    parts, depth, quoted, start = list[str](), 0, False, 0
    for place, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif not quoted:
            depth += (c in "[(") - (c in "])")
            if c in ",;" and depth <= 0:
                parts.append(text[start:place].strip())
                start = place + 1
    return [*parts, text[start:].strip()]
