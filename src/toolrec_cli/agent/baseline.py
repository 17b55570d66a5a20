"""What a language model makes of a user without exploring: the baselines by name; each is a file in `baselines`.

All are asked as the surrogate is: the same model, key, cache, budget and record, the same way of quoting strangers' text. Like
the surrogate, they are told of nothing but histories, profiles and the catalogue.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from toolrec_cli.agent.llm_ranker import LLMRanker, RankHabits, most_questions
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.memory import Memory
from toolrec_cli.agent.prompting import attributes_told, filled, templates_digest
from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.llm.messages import ChatModel, Message, Reply, Request
from toolrec_cli.registry import Registry
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Action, Context, Proposal, Refused, User

POOL = 50
"""How many candidates one order is asked for, where a baseline is to see what several tools bring, or one as much."""


@dataclass(frozen=True)
class Call:
    """One call of the retrieval tool."""

    attribute: str | None = None
    k: int = POOL
    value: str | None = None

    @property
    def action(self) -> Action:
        told = {"attribute": self.attribute, "k": self.k, "value": self.value}
        return Action("retrieve", {name: said for name, said in told.items() if said is not None})


@dataclass(frozen=True)
class Answer:
    """`named`: the candidates (item_index) that the model named, in its order. `candidates`: all, as the tools agree."""

    named: tuple[int, ...]
    candidates: tuple[int, ...]


@dataclass(frozen=True)
class Desk:
    """All that a baseline may use: the model, what it is told beforehand, and the surrogate's tools."""

    model: ChatModel
    brief: Brief
    habits: RankHabits
    explorer: Explorer

    def brought(self, user: User, calls: Iterable[Call]) -> Context:
        """The moment after these calls; one that cannot be carried out has brought nothing."""
        catalog, limits = self.explorer.catalog, self.explorer.limits
        memory = Memory(catalog, user.history)

        def now(step: int) -> Context:
            facets, attributes = self.explorer.facets, self.explorer.attributes
            return Context(user, catalog, facets, memory.candidates, attributes, limits.n, step, step + 1, limits.n)

        done = 0
        for done, call in enumerate(calls, start=1):
            found = self.explorer.toolbox.call(call.action, now(done))
            if isinstance(found, Proposal):
                memory.admit(found, "retrieve", call.attribute, call.value, done)
        return now(done + 1)

    def ordered(self, context: Context, attribute: str | None = None) -> Answer:
        """The model's order of the candidates. Raises what the model raises."""
        candidates = tuple(index for index, _ in fused(context.candidates.values()))
        if not candidates:
            return Answer((), ())
        ranker = LLMRanker(self.model, self.brief, self.habits)
        order = ranker.order(list(context.candidates.values()), attribute, context)
        names = [] if isinstance(order, Refused) else [name for name, _ in order.items]
        return Answer(self.known(context, names), candidates)

    def told(self, template: str, **more: Any) -> str:
        """The system text of a template, with `role`, `attributes` and what more it names."""
        return filled(template, self.brief, self.explorer.limits.n, attributes=self._attributes, **more)

    @cached_property
    def _attributes(self) -> str:
        return attributes_told(self.explorer.facets, self.explorer.catalog, self.brief.attributes)

    def ask(self, system: str, words: str, schema: Mapping[str, Any] | None = None) -> Reply:
        """One question; where the protocol knows no schema, the answer is free text. Raises what the model raises."""
        brief = self.brief
        return self.model.reply(
            Request(
                (Message("system", system), Message("user", words)),
                schema=schema if brief.protocol == "json" else None,
                max_tokens=brief.max_tokens,
                temperature=brief.temperature,
                seed=brief.seed,
            )
        )

    def known(self, context: Context, names: Sequence[str]) -> tuple[int, ...]:
        """The candidates among `names`, each once."""
        matches = context.catalog.resolve_all(names)
        return tuple(dict.fromkeys(m.item_index for m in matches if m and m.item_index in context.candidates))

    def best(self, user: User, n: int) -> tuple[int, ...]:
        """The backbone's `n` best (at most as many as the tool gives): by these a list is filled up."""
        return tuple(self.brought(user, [Call(None, n)]).candidates)


@dataclass(frozen=True)
class Baseline:
    """`answer`: one user's. `most`, `usual`: how many questions he can cause, and usually does. `templates`: of its own."""

    answer: Callable[[Desk, User], Answer]
    most: Callable[[RankHabits, Limits], int]
    usual: Callable[[RankHabits], int]
    templates: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of its own templates; a run that goes on is recognised by it. Empty where it has none."""
        return templates_digest(self.templates) if self.templates else ""


def ordering(n_candidates: int, answer: Callable[[Desk, User], Answer]) -> Baseline:
    """A baseline that asks for one order of so many candidates, and nothing else."""
    return Baseline(answer, lambda habits, _: most_questions(n_candidates, habits), lambda habits: habits.samples)


def in_turn(lists: Sequence[Sequence[int]], n: int) -> int:
    """How deep several lists may be read, place by place, until they hold more than `n` different items together."""
    seen = set[int]()
    for depth in count(1) if any(lists) else ():
        seen |= {found[depth - 1] for found in lists if len(found) >= depth}
        if len(seen) > n or depth > max(map(len, lists)):
            return depth - 1
    return 0


def every_tool(desk: Desk, k: int) -> Iterator[Call]:
    """The plain backbone and each attribute's tool, asked for `k`."""
    return (Call(attribute, k) for attribute in (None, *desk.explorer.attributes))


LLM_BASELINES: Registry[Baseline] = Registry("toolrec_cli.agent.baselines", "BASELINE", "baseline")
