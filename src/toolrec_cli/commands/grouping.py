"""Options that belong together, said once for every verb: a dataclass of them is one parameter of a command."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any

import typer


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command, with its context first, that has dataclasses among its parameters: each of their fields is an option of its own.

    A field is annotated as a parameter would be, and has its default. The command is called with the dataclasses.
    """
    own = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: each.annotation for name, each in own.parameters.items() if _is_group(each.annotation)
    }
    flat: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        flat += map(_parameter, fields(groups[name])) if name in groups else [_by_name(parameter)]

    @wraps(command)
    def ungrouped(ctx: typer.Context, **given: Any) -> None:
        made = {
            name: group(**{each.name: given.pop(each.name) for each in fields(group)}) for name, group in groups.items()
        }
        command(ctx, **given, **made)

    found: Any = ungrouped
    found.__signature__ = own.replace(parameters=flat)
    found.__annotations__ = {each.name: each.annotation for each in flat}
    return ungrouped


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)


def _by_name(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _parameter(each: "Field[Any]") -> inspect.Parameter:
    default = inspect.Parameter.empty if each.default is MISSING else each.default
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=each.type)
