"""The surrogate's loop: ask it, do what it says, show it what came of it, until it finishes or the rounds run out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from toolrec_cli.agent import trajectory as record
from toolrec_cli.agent.codec import recordable
from toolrec_cli.agent.memory import Memory
from toolrec_cli.agent.trajectory import (
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

    def explore(self, user: User, on_step: Callable[[Trajectory], None] | None = None) -> Trajectory:
        """One user's exploration, from the first thought to the list. `on_step` sees it after every round."""
        trajectory, memory = self._begin(user), self.memory(self.catalog, user.history)
        for number in range(1, self.limits.max_rounds + 1):
            context = self._context(user, memory, number)
            turn = recordable(self.surrogate.next_turn(context, trajectory))
            outcome = self.toolbox.call(turn.action, context)
            self._record(trajectory, memory, turn, outcome, number)
            if on_step:
                on_step(trajectory)
            if isinstance(outcome, Accepted):
                return self._end(trajectory, memory, outcome.items, Status.FINISHED)
        best = tuple(index for index, _ in fused(memory.candidates.values()))[: self.limits.n]
        return self._end(trajectory, memory, best, Status.FORCED if best else Status.FAILED)

    def _begin(self, user: User) -> Trajectory:
        newest = user.history[-NEWEST_SHOWN:].tolist()
        ratings = [None] * len(newest) if user.ratings is None else user.ratings[-NEWEST_SHOWN:].tolist()
        rated = zip(newest, (None if r is None or math.isnan(r) else r for r in ratings), strict=True)
        trajectory = Trajectory(
            user_id=user.user_id,
            dataset=self.dataset,
            surrogate=self.surrogate.name,
            n=self.limits.n,
            max_rounds=self.limits.max_rounds,
            profile=dict(user.profile),
            n_history=len(user.history),
            newest=tuple(HistoryItem(self.catalog.item_id(item), rating) for item, rating in rated),
        )
        for item in newest:
            self._mention(trajectory, item)
        return trajectory

    def _context(self, user: User, memory: Memory, number: int) -> Context:
        return Context(
            user=user,
            catalog=self.catalog,
            facets=self.facets,
            candidates=memory.candidates,
            attributes=self.attributes,
            n=self.limits.n,
            step=number,
            max_rounds=self.limits.max_rounds,
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
        trajectory.steps.append(Step(turn.thought, turn.action, observation))

    def _show(self, trajectory: Trajectory, memory: Memory, action: Action, proposal: Proposal, number: int) -> Shown:
        """Admit what the catalogue knows, and show only that."""
        attribute, value = action.arguments.get("attribute"), action.arguments.get("value")
        admission = memory.admit(proposal, action.tool, attribute, value, number)
        shown: list[ShownItem] = []
        for index, named, new in admission.items:
            self._mention(trajectory, index)
            marks = marks_text(memory, index)
            shown.append(ShownItem(self.catalog.item_id(index), named.rank, named.score, new, marks))
        return Shown(tuple(shown), admission.rejected, proposal.note)

    def _mention(self, trajectory: Trajectory, item: int) -> None:
        item_id = self.catalog.item_id(item)
        if item_id not in trajectory.items:
            trajectory.items[item_id] = ItemCard(self.catalog.title(item), self.catalog.described(item))

    def _end(self, trajectory: Trajectory, memory: Memory, items: tuple[int, ...], status: Status) -> Trajectory:
        trajectory.status = status
        trajectory.ranking = tuple(
            Recommended(place, self.catalog.item_id(item), marks_text(memory, item))
            for place, item in enumerate(items, start=1)
        )
        return trajectory


def marks_text(memory: Memory, item: int) -> tuple[str, ...]:
    """The item's tool marks as words, oldest first, each once."""
    return tuple(dict.fromkeys(mark.text for mark in memory.candidates[item].marks))
