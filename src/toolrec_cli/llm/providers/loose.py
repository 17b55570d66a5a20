"""Strangers' JSON: nothing in it is sure to be there, or to be what it should be."""

from typing import Any, cast


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
