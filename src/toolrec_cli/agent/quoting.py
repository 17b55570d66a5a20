"""Strangers' text on its way into a prompt: always inside a JSON string, on one line, capped, and unable to end anything.

Titles, attribute values, profiles and names that a model wrote are data. Here, and nowhere else, they become text of a prompt.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

TITLE = 160
"""Characters of a title that are told."""

VALUE = 80
"""Characters of one attribute value."""

LABELS = 6
"""Labels of one attribute."""

MARK = 40
"""Bytes of a tool mark as it is sent: its words may be a model's own, and stand beside every item that a call brought."""

FIELDS = 12
"""Attributes of an item, or entries of a profile."""

SENTENCE = 600
"""Characters of a sentence that quotes what a model or a stranger wrote."""

WORST = 7
"""Bytes that a character of quoted text takes in a request at most: "<" is sent as \\\\u003c."""

_QUOTES = 4
"""Bytes of the two quotation marks around a string inside a message."""

_JSON = json.JSONEncoder(ensure_ascii=False)
"""Made once: making it anew takes as long as an item's line."""

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_DELIMITER = re.compile(r"[<>`]|\[(?=/?[A-Z])")
"""What chat templates and markup are made of: </system>, <|im_end|>, [/INST], code fences. JSON's own brackets never match."""


def tame(text: str, longest: int = TITLE) -> str:
    """On one line, without control, bidirectional or zero-width characters, and no longer than `longest`."""
    seen = text[: 4 * longest]
    if not seen.isprintable():
        seen = "".join(" " if c in "\t\n\r" else c for c in seen)
        seen = "".join(c for c in seen if unicodedata.category(c) not in _UNSEEN)
    seen = " ".join(seen.split())
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"


def dumps(value: Any) -> str:
    """JSON on one line. What could be taken for the end of a message or of a string is written as an escape.

    Ids go through here untamed, so that they come back as they are: unseen characters in them are escaped, not dropped.
    """
    text = _DELIMITER.sub(_escaped, _JSON.encode(value))
    if text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNSEEN else c for c in text)


def sentence(text: str) -> str:
    """A sentence in which a model's or a stranger's words may stand, quoted."""
    return dumps(tame(text, SENTENCE))


@lru_cache(maxsize=4096)
def mark(text: str) -> str:
    """A tool mark on one line, cut where it would be sent as more than MARK bytes."""
    told = tame(text, MARK)
    while sent(dumps(told)) > MARK + _QUOTES:
        told = told[:-2] + "…"
    return told


def sent(line: str) -> int:
    """Bytes of a line inside a message, as a request holds it."""
    return len(_JSON.encode(line).encode("utf-8", "surrogatepass")) - 2


def fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes or a profile as they are told: the first few, each tamed, numbers as numbers."""
    return {tame(name, VALUE): _told(value) for name, value in list(values.items())[:FIELDS]}


def item(item_id: str, title: str, attributes: Mapping[str, Any] | None = None, **more: Any) -> str:
    """An item on a line: {"id": …, "title": …, its attributes, what more there is to say}. An attribute cannot pose as the id."""
    return dumps({"id": item_id, **_titled(title, attributes or {}, more)})


def titled(title: str, attributes: Mapping[str, Any], **more: Any) -> str:
    """The same without the id, for who is to speak of it by its title."""
    return dumps(_titled(title, attributes, more))


def _titled(title: str, attributes: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in fields(attributes).items() if key not in ("id", "title", *more)}
    return {"title": tame(title), **known, **more}


def _told(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [tame(str(label), VALUE) for label in cast("list[Any]", value)[:LABELS]]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.6g}")
    return value if isinstance(value, bool | int) or value is None else tame(str(value), VALUE)


def _escaped(found: re.Match[str]) -> str:
    return "".join(_escape(c) for c in found[0])


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
