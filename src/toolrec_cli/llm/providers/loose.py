"""Strangers' JSON: nothing in it is sure to be there, or to be what it should be."""

import json
from typing import Any, cast


def parsed(content: bytes) -> Any:
    """The JSON in `content`; half a surrogate pair, which a cut-off answer may end in, becomes U+FFFD. Raises ValueError."""
    value = json.loads(content)
    return _mended(value) if b"\\ud" in content or b"\\uD" in content else value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in cast("dict[str, Any]", value).items()}
    return [_mended(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def as_dict(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in `value` if it is a list, else none."""
    given = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", each) for each in given if isinstance(each, dict)]


def as_count(value: Any) -> int:
    """`value` if it is a number above 0, else 0."""
    return value if isinstance(value, int) and value > 0 else 0
