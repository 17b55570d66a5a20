"""An exploration as the page shows it: who, the list and why each item is in it, and a round after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolrec_cli.agent.appearances import Appearance, appearances, last_order
from toolrec_cli.agent.trajectory import Refused, Shown, Status, Trajectory
from toolrec_cli.render.ranking import spoken_entry, spoken_title
from toolrec_cli.render.sheet import Column, Line, Sheet, columns
from toolrec_cli.render.trace import (
    attributes_met,
    shortened,
    spoken_action,
    spoken_exchanges,
    spoken_history,
    spoken_marks,
    spoken_observation,
    spoken_rating,
    spoken_user,
    spoken_value,
)

_TITLE = 300
"""Characters shown of a title: one may be a megabyte, and it stands in the page many times."""


@dataclass(frozen=True)
class Round:
    """One round. `more` says how many items are not shown; `exchanges` what a language model was asked for it."""

    anchor: str
    number: int
    action: str
    thought: str
    refused: bool
    seen: str
    items: Sheet | None
    note: str
    more: str
    exchanges: str


@dataclass(frozen=True)
class Met:
    """A round that showed an item: where it is on the page, and the item's place in it."""

    anchor: str
    said: str


@dataclass(frozen=True)
class Entry:
    """One item of the final list."""

    place: str
    title: str
    attributes: str
    brought_by: str
    met: tuple[Met, ...]
    item_id: str
    padded: bool


@dataclass(frozen=True)
class Explored:
    """One user."""

    anchor: str
    user: str
    gist: str
    by: str
    list_title: str
    entries: tuple[Entry, ...]
    order: tuple[Met, str] | None
    """The round that made the last order, and why its first are the first."""
    history_title: str
    history: Sheet
    rounds: tuple[Round, ...]
    is_own_list: bool


def explored(trajectory: Trajectory, anchor: str, rows: int) -> Explored:
    """`anchor` begins the names of all places within; `rows` items are shown of each observation."""
    n_rounds = len(trajectory.steps)
    met = appearances(trajectory)
    order = last_order(trajectory)
    return Explored(
        anchor=anchor,
        user=spoken_user(trajectory),
        gist=f"{trajectory.status}, {n_rounds} round{'' if n_rounds == 1 else 's'}, {len(trajectory.ranking)} items",
        by=_by(trajectory),
        list_title=spoken_title(trajectory),
        entries=tuple(_entry(trajectory, place, anchor, met) for place in range(len(trajectory.ranking))),
        order=None if order is None else (Met(_step(anchor, order[0]), f"Round {order[0]}"), order[1]),
        history_title=spoken_history(trajectory),
        history=_history(trajectory),
        rounds=tuple(_round(trajectory, number, anchor, rows) for number in range(1, n_rounds + 1)),
        is_own_list=trajectory.status is Status.FINISHED,
    )


def _by(trajectory: Trajectory) -> str:
    """Who explored, and within which limits; of a language model also how it was spoken to."""
    limits = f"{trajectory.n} items in at most {trajectory.max_rounds} rounds"
    brief = trajectory.brief
    told = "" if brief is None else f", prompt {brief.prompt}, protocol {brief.protocol}"
    return f"Explored by {trajectory.surrogate}{told}; {limits}, from {trajectory.dataset}."


def _entry(trajectory: Trajectory, place: int, anchor: str, met: dict[str, tuple[Appearance, ...]]) -> Entry:
    entry = trajectory.ranking[place]
    said, about, marks = spoken_entry(trajectory, entry)
    rounds = tuple(Met(_step(anchor, each.step), _spoken_place(each)) for each in met[entry.item_id])
    title = _capped(trajectory.items[entry.item_id].title)
    return Entry(said, title, about, marks, rounds, entry.item_id, entry.padded)


def _spoken_place(met: Appearance) -> str:
    """ "2 (14)": in round 2 at place 14."""
    return f"{met.step} ({met.place:,})"


def _step(anchor: str, number: int) -> str:
    return f"{anchor}-round-{number}"


def _capped(title: str) -> str:
    return title if len(title) <= _TITLE else f"{title[:_TITLE]}… ({len(title) - _TITLE:,} more characters)"


def _history(trajectory: Trajectory) -> Sheet:
    names = attributes_met(trajectory, 0)
    rated = any(entry.rating is not None for entry in trajectory.newest)
    lines: list[Line] = []
    for entry in trajectory.newest:
        rating = [spoken_rating(entry.rating)] * rated
        lines.append(Line((*_about(trajectory, entry.item_id, names), *rating)))
    return Sheet("", columns("title", *names, *[""] * rated), tuple(lines))


def _round(trajectory: Trajectory, number: int, anchor: str, rows: int) -> Round:
    step = trajectory.steps[number - 1]
    seen = step.observation
    shown = seen if isinstance(seen, Shown) else None
    left = len(shown.items) - rows if shown else 0
    return Round(
        anchor=_step(anchor, number),
        number=number,
        action=spoken_action(step.action),
        thought=shortened(step.thought),
        refused=isinstance(seen, Refused),
        seen=spoken_observation(seen),
        items=_items(trajectory, number, shown, rows) if shown else None,
        note=shown.note if shown else "",
        more=f"… and {left:,} more" if left > 0 else "",
        exchanges=spoken_exchanges(step.exchanges),
    )


def _items(trajectory: Trajectory, number: int, shown: Shown, rows: int) -> Sheet:
    names = attributes_met(trajectory, number)
    lines: list[Line] = []
    for place, item in enumerate(shown.items[:rows], start=1):
        score = "" if item.score is None else f"{item.score:.3g}"
        about = _about(trajectory, item.item_id, names)
        cells = (f"{'+ ' * item.new}{place}", *about, score, spoken_marks(item.marks))
        lines.append(Line(cells, strong=item.new))
    return Sheet("", (Column(right=True), *columns("title", *names, "score", "brought by")), tuple(lines))


def _about(trajectory: Trajectory, item_id: str, names: Sequence[str]) -> tuple[str, ...]:
    card = trajectory.items[item_id]
    return _capped(card.title), *(spoken_value(card.attributes.get(name)) for name in names)
