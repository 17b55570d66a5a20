"""Two trajectories of one user, compared: where they part, and what their lists have in common."""

import json
from dataclasses import dataclass
from typing import Any, cast

from toolrec_cli.agent.codec import encode
from toolrec_cli.agent.trajectory import Trajectory


@dataclass(frozen=True)
class Divergence:
    """The first place where two trajectories differ. `step` counts from 1; 0 is what stood before the first, None the end.

    `field` is a path as "action.arguments.k". `whose` says who did otherwise: the surrogate (what it was told, or how it
    thinks), a tool (a model, the catalogue), or what was given (history, settings).
    """

    user_id: str
    step: int | None
    field: str
    then: Any
    now: Any
    whose: str


@dataclass(frozen=True)
class Compared:
    """How two trajectories of one user differ: the items only one list has, in its order, and where they part."""

    user_id: str
    n_common: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    same_order: bool
    divergence: Divergence | None


def divergence(then: Trajectory, now: Trajectory) -> Divergence | None:
    """Where `now` parts from `then`; None when they are the same. The file format's version is no difference."""
    one, other = _plain(then), _plain(now)
    given = {key: one[key] for key in one if key not in _LATER}
    if found := _first(given, {key: other.get(key) for key in given}):
        return Divergence(then.user_id, 0, *found, "what was given (history or settings)")
    for number in range(max(len(one["steps"]), len(other["steps"]))):
        mine, theirs = (steps[number] if number < len(steps) else None for steps in (one["steps"], other["steps"]))
        if found := _first(mine, theirs):
            tool = found[0].startswith("observation")
            whose = "a tool (a model or the catalogue)" if tool else "the surrogate (its prompt or its policy)"
            return Divergence(then.user_id, number + 1, *found, whose)
    for key in ("status", "ranking", "items"):
        if found := _first(one[key], other[key], key):
            return Divergence(then.user_id, None, *found, "how the end is made")
    return None


def compared(here: Trajectory, there: Trajectory) -> Compared:
    """How two runs served one user."""
    mine, theirs = ([entry.item_id for entry in each.ranking] for each in (here, there))
    return Compared(
        user_id=here.user_id,
        n_common=len(set(mine) & set(theirs)),
        only_here=tuple(item for item in mine if item not in theirs),
        only_there=tuple(item for item in theirs if item not in mine),
        same_order=mine == theirs,
        divergence=divergence(here, there),
    )


_LATER = ("steps", "status", "ranking", "items", "schema_version")


def _plain(trajectory: Trajectory) -> dict[str, Any]:
    return json.loads(encode(trajectory))


def _first(one: Any, other: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """The path, and both values, of the first difference."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        pairs = [(key, left.get(key), right.get(key)) for key in [*left, *(key for key in right if key not in left)]]
    elif isinstance(one, list) and isinstance(other, list):
        mine, theirs = cast("list[Any]", one), cast("list[Any]", other)
        if len(mine) != len(theirs):
            return f"{path}.length".lstrip("."), len(mine), len(theirs)
        pairs = [(str(place), *pair) for place, pair in enumerate(zip(mine, theirs, strict=True))]
    else:
        return None if one == other else (path, cast("Any", one), other)
    for key, left, right in pairs:
        if found := _first(left, right, f"{path}.{key}".lstrip(".")):
            return found
    return None
