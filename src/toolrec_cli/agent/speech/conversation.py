"""The trajectory as a conversation: who you are, then in turn what was said and what came of it. Append-only.

Nothing here depends on the day, on chance or on what comes later, so that the beginning of every request is the one before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from toolrec_cli.agent import lines, quoting
from toolrec_cli.agent.loop import stuck
from toolrec_cli.agent.trajectory import Brief, Matched, Observation, Refused, Rejected, Shown, Step, Trajectory
from toolrec_cli.llm.messages import Message
from toolrec_cli.tools.protocol import Exchange

SENT_BACK = 2_000
"""Characters of a reply that could not be used which the model is shown again."""

_NAMED = 10
"""Names that were turned away, or taken for a title, which are told."""

ALL = ("retrieve", "rank", "finish")

_KEPT = "_told"


def brief_of(trajectory: Trajectory) -> Brief:
    """The trajectory's brief. Raises ValueError when no language model was asked in it."""
    if trajectory.brief is None:
        raise ValueError("this trajectory was not made by a language model: it has no brief")
    return trajectory.brief


def legal(trajectory: Trajectory) -> tuple[str, ...]:
    """What may be called in the next round (as `Toolbox.legal` judges it from memory)."""
    if not any(isinstance(step.observation, Shown) and step.observation.items for step in trajectory.steps):
        return ("retrieve",)
    last = len(trajectory.steps) + 1 >= trajectory.max_rounds or stuck(trajectory.steps)
    return ("finish",) if last else ALL


def offered(trajectory: Trajectory) -> tuple[str, ...]:
    """What the schema or the tools of the next request offer."""
    return legal(trajectory) if brief_of(trajectory).legal_only else ALL


def messages(
    trajectory: Trajectory, said: Callable[[Step], Message], answered: Callable[[Step, str], Sequence[Message]]
) -> tuple[Message, ...]:
    """System, opening, then for every step what the assistant `said` and how that is `answered` (step, observation).

    What was told before is kept beside the trajectory's fields, and only what came since is made.
    """
    kept = trajectory.__dict__.get(_KEPT)
    if kept is None or not kept.goes_on_with(trajectory, said):
        first = [Message("system", brief_of(trajectory).system), Message("user", opening(trajectory))]
        kept = trajectory.__dict__[_KEPT] = _Told(said, brief_of(trajectory), first)
    for number, step in enumerate(trajectory.steps[len(kept.steps) :], start=len(kept.steps) + 1):
        kept.messages.append(said(step))
        kept.messages.extend(answered(step, observed(trajectory, number)))
        kept.steps.append(step)
    return tuple(kept.messages)


@dataclass
class _Told:
    """A conversation so far: how it is spoken, and the steps that are in it."""

    said: Callable[[Step], Message]
    brief: Brief
    messages: list[Message]
    steps: list[Step] = field(default_factory=list[Step])

    def goes_on_with(self, trajectory: Trajectory, said: Callable[[Step], Message]) -> bool:
        """Whether these are the first steps of the trajectory, told in the same way."""
        same = zip(self.steps, trajectory.steps, strict=False)
        whole = len(self.steps) <= len(trajectory.steps) and all(mine is its for mine, its in same)
        return whole and self.said is said and self.brief is trajectory.brief


def opening(trajectory: Trajectory) -> str:
    """The profile and the newest items of the history, and how long the list is to be."""
    items = [
        lines.of_card(
            entry.item_id,
            trajectory.items[entry.item_id],
            **({} if entry.rating is None else {"rating": round(entry.rating, 2)}),
        )
        for entry in trajectory.newest
    ]
    told = [
        f"You: {quoting.dumps(quoting.fields(trajectory.profile))}",
        f"Your history has {trajectory.n_history} items. The newest {len(items)}, the newest last:",
        *items,
        _next_round(trajectory, 0),
    ]
    return "\n".join(told)


def observed(trajectory: Trajectory, number: int) -> str:
    """What came of round `number` (from 1), and what the next round is."""
    observation = trajectory.steps[number - 1].observation
    return f"{_came_of_it(trajectory, observation)}\n{_next_round(trajectory, number)}"


def kept(exchange: Exchange) -> Message:
    """What the assistant said, to be sent back: verbatim where that can be, else the beginning of its text."""
    if exchange.raw:
        return Message("assistant", exchange.text, raw=exchange.raw)
    text = exchange.text or " ".join(f"{call.name}({call.arguments})" for call in exchange.calls)
    return Message("assistant", text[:SENT_BACK].strip() or "(nothing)")


def turn_of(step: Step) -> Exchange | None:
    """The exchange in which the step's action was said; None when no language model said it."""
    return next((each for each in step.exchanges if each.purpose == "turn"), None)


def _next_round(trajectory: Trajectory, done: int) -> str:
    allowed = legal(replace(trajectory, steps=trajectory.steps[:done]))
    final = " This is the last round: finish now." if allowed == ("finish",) else ""
    return f"Round {done + 1} of {trajectory.max_rounds}.{final} You may call: {', '.join(allowed)}."


def _came_of_it(trajectory: Trajectory, observation: Observation) -> str:
    if isinstance(observation, Refused):
        return f"Not done: {quoting.sentence(observation.reason)} Instead: {quoting.sentence(observation.instead)}"
    if isinstance(observation, Shown):
        return "\n".join(_shown(trajectory, observation))
    return "The list is finished."


def _shown(trajectory: Trajectory, shown: Shown) -> list[str]:
    """A line an item: in full when it is new, else its id, its title and what has brought it."""
    new = sum(item.new for item in shown.items)
    mark = quoting.tame if brief_of(trajectory).prompt.endswith("/1") else quoting.mark  # version 1 told them at length
    told = [f"{len(shown.items)} items, {new} of them new to you, the best first:"]
    for item in shown.items:
        card = trajectory.items[item.item_id]
        if item.new:
            told.append(lines.of_card(item.item_id, card))
        else:
            told.append(quoting.item(item.item_id, card.title, by=[mark(text) for text in item.marks]))
    return [*told, *_turned_away(shown.rejected), *_taken_for(shown.matched), *_note(shown.note)]


def _turned_away(rejected: Sequence[Rejected]) -> list[str]:
    named = [{"name": quoting.tame(each.name), "why": each.reason} for each in rejected[:_NAMED]]
    return [f"{len(rejected)} names were turned away, for instance: {quoting.dumps(named)}"] if named else []


def _taken_for(matched: Sequence[Matched]) -> list[str]:
    named = [{"name": quoting.tame(each.name), "id": each.item_id} for each in matched[:_NAMED]]
    return [f"Names that were no ids were taken for: {quoting.dumps(named)}"] if named else []


def _note(note: str) -> list[str]:
    return [f"Note: {quoting.sentence(note)}"] if note else []
