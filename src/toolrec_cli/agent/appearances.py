"""Where on its way a listed item was met: what of a trajectory answers "why is this here?"."""

from dataclasses import dataclass

from toolrec_cli.agent.trajectory import Shown, Trajectory


@dataclass(frozen=True)
class Appearance:
    """A round (from 1) in which a tool brought the item, its place in that observation (from 1), and its score there."""

    step: int
    place: int
    score: float | None
    new: bool


def appearances(trajectory: Trajectory) -> dict[str, tuple[Appearance, ...]]:
    """item_id -> every round that showed it, in order; of the items of the final list."""
    found: dict[str, list[Appearance]] = {entry.item_id: [] for entry in trajectory.ranking}
    for number, step in enumerate(trajectory.steps, start=1):
        if isinstance(step.observation, Shown):
            for place, item in enumerate(step.observation.items, start=1):
                if item.item_id in found:
                    found[item.item_id].append(Appearance(number, place, item.score, item.new))
    return {item_id: tuple(each) for item_id, each in found.items()}


def last_order(trajectory: Trajectory) -> tuple[int, str] | None:
    """The last round (from 1) in which an order was made that says why its first are the first, and what it says; or None."""
    for number, step in reversed(list(enumerate(trajectory.steps, start=1))):
        if step.action.tool == "rank" and isinstance(step.observation, Shown) and step.observation.note:
            return number, step.observation.note
    return None
