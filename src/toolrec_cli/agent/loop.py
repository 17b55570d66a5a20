"""The surrogate's loop: ask it, do what it says, show it what came of it, until it finishes or the rounds run out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from toolrec_cli.agent import trajectory as record
from toolrec_cli.agent.codec import recordable
from toolrec_cli.agent.memory import Memory
from toolrec_cli.agent.trajectory import (
    Brief,
    Finished,
    HistoryItem,
    ItemCard,
    Recommended,
    Shown,
    ShownItem,
    Status,
    Step,
    Trajectory,
    Turn,
)
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.failures import Rejected, Unheard
from toolrec_cli.tools import protocol
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Accepted, Action, Context, ItemArray, Proposal, User
from toolrec_cli.tools.toolbox import Toolbox

NEWEST_SHOWN = 10
"""How many of the newest items the surrogate is told in full (the paper's setting)."""


class SurrogateUser(Protocol):
    """Whoever plays the user: the built-in policy, or an LLM."""

    name: str

    def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
        """The next thought and action, from what was seen so far."""
        ...


@runtime_checkable
class Briefed(Protocol):
    """A surrogate that is told something before it begins, which belongs into the record."""

    brief: Brief


@dataclass(frozen=True)
class Limits:
    """How long the final list is, and after how many rounds it must stand."""

    n: int = 10
    max_rounds: int = 7


@dataclass(frozen=True)
class Explorer:
    """A surrogate with its tools, ready for any user."""

    surrogate: SurrogateUser
    toolbox: Toolbox
    catalog: Catalog
    facets: Facets
    attributes: tuple[str, ...]
    dataset: str
    limits: Limits = Limits()
    memory: Callable[[Catalog, ItemArray], Memory] = Memory
    """What memory a user's exploration begins with; another one only to learn what memory contributes."""
    _cards: dict[int, ItemCard] = field(default_factory=dict[int, ItemCard], init=False, repr=False, compare=False)
    """What was told of an item before: one card serves every trajectory that mentions it."""

    def explore(self, user: User, on_step: Callable[[Trajectory], None] | None = None) -> Trajectory:
        """One user's exploration, from the first thought to the list. `on_step` sees it after every round."""
        trajectory, memory = self.begin(user), self.memory(self.catalog, user.history)
        for number in range(1, self.limits.max_rounds + 1):
            context = self._context(user, memory, number, bool(memory.candidates) and stuck(trajectory.steps))
            try:
                turn = recordable(self.surrogate.next_turn(context, trajectory))
                outcome = self._outcome(turn, context, trajectory)
            except Rejected as error:  # nobody else's failure; and in this sitting it will not be answered later
                instead = record.UNHEARD if isinstance(error, Unheard) else ""
                trajectory.steps.append(Step("", Action(""), record.Refused(error.message, instead)))
                break
            self._record(trajectory, memory, turn, outcome, number)
            if on_step:
                on_step(trajectory)
            if isinstance(outcome, Accepted):
                status = Status.PADDED if outcome.padded else Status.FINISHED
                return self._end(trajectory, memory, outcome.items, status, outcome.padded)
            if context.last_round:
                break
        best = tuple(index for index, _ in fused(memory.candidates.values()))[: self.limits.n]
        return self._end(trajectory, memory, best, Status.FORCED if best else Status.FAILED)

    def begin(self, user: User) -> Trajectory:
        """An exploration before its first round: what is given."""
        newest = rated(user, NEWEST_SHOWN)
        trajectory = Trajectory(
            user_id=user.user_id,
            dataset=self.dataset,
            surrogate=self.surrogate.name,
            n=self.limits.n,
            max_rounds=self.limits.max_rounds,
            profile=dict(user.profile),
            n_history=len(user.history),
            newest=tuple(HistoryItem(self.catalog.item_id(item), rating) for item, rating in newest),
            brief=self.surrogate.brief if isinstance(self.surrogate, Briefed) else None,
        )
        for item, _ in newest:
            self._mention(trajectory, item)
        return trajectory

    def _outcome(self, turn: Turn, context: Context, trajectory: Trajectory) -> Proposal | Accepted | protocol.Refused:
        """Do what was said, unless nothing was, or it was said just now; in the last round even that is tried once more."""
        if turn.fault is not None:
            return turn.fault
        if not context.last_round and repeats(turn.action, trajectory.steps):
            return protocol.Refused(
                f"This is exactly what you did in round {context.step - 1}: it brings nothing new.",
                "Do something else: who does the same for ever must finish in the next round.",
            )
        return self.toolbox.call(turn.action, context)

    def _context(self, user: User, memory: Memory, number: int, stuck: bool) -> Context:
        """What may be seen now. For a surrogate that is stuck, and holds enough to make a list of, this round is the last."""
        return Context(
            user=user,
            catalog=self.catalog,
            facets=self.facets,
            candidates=memory.candidates,
            attributes=self.attributes,
            n=self.limits.n,
            step=number,
            max_rounds=number if stuck else self.limits.max_rounds,
        )

    def _record(
        self,
        trajectory: Trajectory,
        memory: Memory,
        turn: Turn,
        outcome: Proposal | Accepted | protocol.Refused,
        number: int,
    ) -> None:
        observation: Shown | record.Refused | Finished
        if isinstance(outcome, Proposal):
            observation = self._show(trajectory, memory, turn.action, outcome, number)
        elif isinstance(outcome, Accepted):
            ids = tuple(self.catalog.item_id(item) for item in outcome.items)
            observation = Finished(ids, outcome.notes)
        else:
            observation = record.Refused(outcome.reason, outcome.instead)
        exchanges = turn.exchanges if isinstance(outcome, Accepted) else (*turn.exchanges, *outcome.exchanges)
        trajectory.steps.append(Step(turn.thought, turn.action, observation, exchanges))

    def _show(self, trajectory: Trajectory, memory: Memory, action: Action, proposal: Proposal, number: int) -> Shown:
        """Admit what the catalogue knows, and show only that."""
        attribute, value = action.arguments.get("attribute"), action.arguments.get("value")
        admission = memory.admit(proposal, action.tool, attribute, value, number)
        shown: list[ShownItem] = []
        for index, named, new in admission.items:
            if new:  # what memory held has been mentioned
                self._mention(trajectory, index)
            marks = marks_text(memory, index)
            shown.append(ShownItem(self.catalog.item_id(index), named.rank, named.score, new, marks))
        return Shown(tuple(shown), admission.rejected, proposal.note, admission.matched)

    def _mention(self, trajectory: Trajectory, item: int) -> None:
        item_id = self.catalog.item_id(item)
        if item_id not in trajectory.items:
            if item not in self._cards:
                self._cards[item] = ItemCard(self.catalog.title(item), self.catalog.described(item))
            trajectory.items[item_id] = self._cards[item]

    def _end(
        self,
        trajectory: Trajectory,
        memory: Memory,
        items: tuple[int, ...],
        status: Status,
        padded: tuple[int, ...] = (),
    ) -> Trajectory:
        trajectory.status = status
        trajectory.ranking = tuple(
            Recommended(place, self.catalog.item_id(item), marks_text(memory, item), item in padded)
            for place, item in enumerate(items, start=1)
        )
        return trajectory


def repeats(action: Action, steps: Sequence[Step]) -> bool:
    """Whether this is what was done in the round before, to the letter; a reply without an action repeats nothing."""
    return bool(steps) and bool(action.tool) and action == steps[-1].action


def stuck(steps: Sequence[Step]) -> bool:
    """Whether the surrogate has just done the same a second time, and was told so: it gets one more round, to finish."""
    return len(steps) > 1 and repeats(steps[-1].action, steps[:-1])


def marks_text(memory: Memory, item: int) -> tuple[str, ...]:
    """The item's tool marks as words, oldest first, each once."""
    return memory.candidates[item].texts


def rated(user: User, newest: int) -> list[tuple[int, float | None]]:
    """The newest items of a history (item_index), oldest first, each with its rating, if it has one."""
    items: list[int] = user.history[-newest:].tolist()
    if user.ratings is None:
        return [(item, None) for item in items]
    ratings: list[float] = user.ratings[-newest:].tolist()
    return [(item, None if math.isnan(r) else r) for item, r in zip(items, ratings, strict=True)]
