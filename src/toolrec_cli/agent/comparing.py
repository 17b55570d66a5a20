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


def divergence(then: Trajectory, now: Trajectory, *, so_far: bool = False) -> Divergence | None:
    """Where `now` parts from `then`; None when they are the same. The file format's version is no difference, nor is how an
    answer of a language model was delivered (seconds, tokens, tries, from the cache or not).

    `so_far`: `now` is under way, and only what it has is compared.
    """
    one, other = _plain(then), _plain(now)
    given = {key: one[key] for key in one if key not in _LATER}
    if found := _first(given, {key: other.get(key) for key in given}):
        return Divergence(then.user_id, 0, *found, _whose_beginning(found[0]))
    mine, theirs = one["steps"], other["steps"]
    for number in range(len(theirs) if so_far else max(len(mine), len(theirs))):
        step, again = (steps[number] if number < len(steps) else None for steps in (mine, theirs))
        if found := _first(step, again):
            return Divergence(then.user_id, number + 1, *found, _whose_step(found[0], step, again))
    for key in () if so_far else ("status", "ranking", "items"):
        if found := _first(one[key], other[key], key):
            return Divergence(then.user_id, None, *found, "how the end is made")
    return None


def _whose_beginning(field: str) -> str:
    return "the prompt" if field.startswith("brief") else "what was given (history or settings)"


def _whose_step(field: str, then: dict[str, Any] | None, now: dict[str, Any] | None) -> str:
    """Who did otherwise in a step. What a language model answered is on record: it is read again, not thought up again."""
    turns = [_turn(step) for step in (then, now)]
    if field.startswith("observation"):
        return "a tool (a model or the catalogue)"
    if field.startswith("exchanges") and not field.startswith("exchanges.0."):
        return "the prompt" if ".asked" in field else "a tool (the model that ranks)"
    if turns == [None, None]:
        return "the surrogate (its prompt or its policy)"
    same = turns[0] == turns[1]
    return (
        "how an answer is read" if same else "the record (exchanges.jsonl has another answer than trajectories.jsonl)"
    )


def _turn(step: dict[str, Any] | None) -> Any:
    """The answer of a language model that a step was read from; None where none was asked."""
    return step["exchanges"][0] if step and step["exchanges"] else None


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
_DELIVERY = ("seconds", "retries", "from_cache", "usage")


def _plain(trajectory: Trajectory) -> dict[str, Any]:
    """As JSON, without how answers were delivered; of the brief its text comes before the digest of its templates."""
    found: dict[str, Any] = json.loads(encode(trajectory))
    for exchange in (each for step in found["steps"] for each in step["exchanges"]):
        for name in _DELIVERY:
            del exchange[name]
    if found["brief"]:
        found["brief"]["digest"] = found["brief"].pop("digest")
    return found


def n_alike(one: str, other: str) -> int:
    """With how many characters two texts begin alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


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
