"""Options that belong together, said once for every verb: a dataclass of them is one parameter of a command."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args

import typer


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command, with its context first, that has dataclasses among its parameters: each of their fields is an option of its own.

    A field is annotated as a parameter would be, and has its default. The command is called with the dataclasses. In the help,
    the options of one with a `PANEL` stand under that heading.
    """
    own = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: each.annotation for name, each in own.parameters.items() if _is_group(each.annotation)
    }
    flat: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        flat += _parameters(groups[name]) if name in groups else [_by_name(parameter)]

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


def _parameters(group: Any) -> list[inspect.Parameter]:
    panel = getattr(group, "PANEL", None)
    return [_parameter(each, panel) for each in fields(group)]


def _parameter(each: "Field[Any]", panel: str | None) -> inspect.Parameter:
    default = inspect.Parameter.empty if each.default is MISSING else each.default
    annotation = _in_panel(each.type, panel) if panel else each.type
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _in_panel(annotation: Any, panel: str) -> Any:
    """The annotation of an option, which may be another verb's too, with the heading under which the help shows it here."""
    of, option = get_args(annotation)
    option = copy.copy(option)
    option.rich_help_panel = panel
    return Annotated[of, option]
