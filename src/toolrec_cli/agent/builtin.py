"""The built-in surrogate: no LLM, no network, no cost; it looks at make-ups, says what it sees, and asks for what is missing.

It first asks the plain backbone, then compares the list so far with the history, attribute by attribute, and consults the
tool of the attribute that fits worst until all fit or the rounds run out; what is then still missing it asks for by value.
"""

from dataclasses import dataclass, replace
from typing import Any

from toolrec_cli.agent import words
from toolrec_cli.agent.makeup import Gap, gap
from toolrec_cli.agent.trajectory import Shown, Step, Trajectory, Turn
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Action, Context
from toolrec_cli.tools.retrieve import MAX_K

NAME = "builtin"


@dataclass(frozen=True)
class Habits:
    """The built-in surrogate's settings. None of them moves the accuracy of its lists much (docs/experiments.md)."""

    k: int = 50
    """What it asks of a retrieval tool."""
    value_k: int = 10
    """What it asks for by value."""
    satisfied: float = 0.1
    """An attribute with at most this divergence fits; its tool is not consulted."""
    outright: float = 0.15
    """A label that the list lacks by this share is asked for by value."""
    ranks: bool = True
    """Whether it has its candidates ranked before it finishes; else it lists them by agreement of the tools."""


class BuiltinSurrogate:
    """Plays the user by comparing what the list is made of with what the history is made of."""

    def __init__(self, habits: Habits | None = None, *, tuned: bool = False) -> None:
        self._habits = habits or Habits()
        self._tuned = tuned
        self.name = f"{NAME}-tuned" if tuned else NAME

    def changed(self, **habits: Any) -> "BuiltinSurrogate":
        """The same with other habits."""
        return BuiltinSurrogate(replace(self._habits, **habits), tuned=self._tuned)

    def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
        """The next thought and action; a pure function of what was seen."""
        if not context.candidates:
            return Turn(words.opening(context), self._retrieve(None, context.n))
        steps = trajectory.steps
        if not _called(
            steps, "rank"
        ):  # which brings nothing new: what was not asked for before it is not asked for after it
            gaps = self._gaps(context)
            if context.max_rounds - context.step >= 2:
                turn = self._consult(context, steps, gaps) or self._ask_outright(context, steps, gaps)
                if turn:
                    return turn
            if self._habits.ranks and not context.last_round:
                return self._rank(context, gaps)
        final = _final_list(context, steps)
        kept = [match.item_index for name in final if (match := context.catalog.resolve(name))]
        return Turn(words.finishing(context, self._gaps(context, kept)), Action("finish", {"items": final}))

    def _rank(self, context: Context, gaps: list[Gap]) -> Turn:
        """By the attribute that fits worst; with tuned weights by none, since they weigh all."""
        worst = gaps[0].attribute if gaps and not self._tuned else None
        thought = words.ranking_tuned(context) if self._tuned else words.ranking(context, gaps)
        return Turn(thought, Action("rank", {"attribute": worst, "k": min(MAX_K, context.n)}))

    def _gaps(self, context: Context, listed: list[int] | None = None) -> list[Gap]:
        """How a list (None: the list so far) differs from the history, worst attribute first."""
        if listed is None:
            listed = [index for index, _ in fused(context.candidates.values())[: context.n]]
        compared = [gap(context, name, listed) for name in context.attributes if name in context.facets.attributes]
        return sorted((g for g in compared if g.wanted), key=lambda g: -g.divergence)

    def _consult(self, context: Context, steps: list[Step], gaps: list[Gap]) -> Turn | None:
        """Ask the tool of the worst fitting attribute that was not asked yet; of attributes without labels, in any case."""
        asked = {step.action.arguments.get("attribute") for step in steps if step.action.tool == "retrieve"}
        known = {g.attribute for g in gaps}
        for found in gaps:
            if found.attribute not in asked and found.divergence > self._habits.satisfied:
                return Turn(words.consulting(found), self._retrieve(found.attribute, context.n))
        for name in context.attributes:
            if name not in asked and name not in known:
                return Turn(words.consulting_unlabelled(name), self._retrieve(name, context.n))
        return None

    def _ask_outright(self, context: Context, steps: list[Step], gaps: list[Gap]) -> Turn | None:
        """Once: ask by value for the label that is missing most."""
        if any(step.action.arguments.get("value") for step in steps):
            return None
        wanted = [
            (g.wanted[label] - g.present.get(label, 0.0), g, label)
            for g in gaps
            for label in [x for x in g.missing() if _to_be_had(context, g.attribute, x)][:1]
        ]
        lack, found, label = max(wanted, key=lambda entry: entry[0], default=(0.0, None, ""))
        if found is None or lack < self._habits.outright:
            return None
        return Turn(words.asking_outright(found, label), self._retrieve(found.attribute, context.n, label))

    def _retrieve(self, attribute: str | None, n: int, value: str | None = None) -> Action:
        if value is None:
            return Action("retrieve", {"attribute": attribute, "k": min(MAX_K, max(self._habits.k, n))})
        return Action("retrieve", {"attribute": attribute, "k": self._habits.value_k, "value": value})


def _to_be_had(context: Context, attribute: str, label: str) -> bool:
    """Whether there is an item with the label that the user does not have."""
    having = context.facets.having(attribute, label)
    if having is None:
        return False
    left = having.copy()
    left[context.user.history] = False
    return bool(left.any())


def _called(steps: list[Step], tool: str) -> bool:
    return any(step.action.tool == tool for step in steps)


def _final_list(context: Context, steps: list[Step]) -> list[str]:
    """The ids of the last ranking; where it is short of `n`, or nothing was ranked, the fused candidates follow."""
    ranked = (step for step in reversed(steps) if step.action.tool == "rank")
    observed = next((step.observation for step in ranked if isinstance(step.observation, Shown)), Shown(()))
    ids = dict.fromkeys(item.item_id for item in observed.items[: context.n])
    if len(ids) < context.n:
        ids |= dict.fromkeys(context.catalog.item_id(index) for index, _ in fused(context.candidates.values()))
    return list(ids)[: context.n]
