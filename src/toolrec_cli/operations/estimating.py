"""What a run with a language model will cost, before it is asked anything: by real prompts of a few of the users."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.llm_ranker import BATCH, RankHabits
from toolrec_cli.agent.llm_surrogate import requests
from toolrec_cli.agent.prompting import rank_text
from toolrec_cli.agent.rank_question import question, rank_request
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.agent.trajectory import Brief, Shown, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.llm.budgeted import template_tokens, worst_usage
from toolrec_cli.llm.estimates import DryRun, Prompt, Ranking, estimate
from toolrec_cli.llm.messages import Request
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.seeds import stream
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.protocol import Candidate, Context, Refused
from toolrec_cli.tools.rank import Order, RankTool
from toolrec_cli.tools.retrieve import MAX_K
from toolrec_cli.tools.toolbox import Toolbox

LOOKED_AT = 5
"""Users whose prompts are made to see how long they are."""

USUAL_K, USUAL_RANKED = 30, 50
"""Items that a model usually asks for at once, and puts in order."""

COMPLAINT = 4_000
"""Bytes by which a question grows that is asked again, at most."""


@dataclass
class _Measuring:
    """The built-in ranker; notes how long a language model's question would have been."""

    brief: Brief
    sizes: list[int] = field(default_factory=list[int])
    _ranker: BuiltinRanker = field(default_factory=BuiltinRanker)

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Order | Refused:
        """As the built-in ranker does."""
        items = [candidate.item_index for candidate in candidates[:BATCH]]
        asked = question(context, items, attribute, context.n)
        size = _bytes(rank_request(self.brief, (rank_text(self.brief, context.n), asked), 0))
        self.sizes.append(size * BATCH // max(1, len(items)))
        return self._ranker.order(candidates, attribute, context)

    def note(self, context: Context) -> str:
        """As the built-in ranker's."""
        return self._ranker.note(context)


def dry_run(
    setting: Setting,
    dataset: Dataset,
    user_ids: Sequence[str],
    plan: AgentPlan,
    n_left: int,
    *,
    beside: bool = False,
) -> DryRun:
    """The bill for `n_left` users (of `user_ids`, those who are still to be asked). Nobody is asked anything.

    `beside`: also for the baseline that orders candidates once. Its lists are not on record: everybody is asked for them.
    """
    users = dataset.user_indices(user_ids)
    some = users[np.sort(stream(setting.seed, "dry run").permutation(len(users))[:LOOKED_AT])]
    agent = assemble(setting, dataset, plan, some)
    if agent.speaker is None:
        raise ValueError("a dry run needs a model")
    stack, habits = agent.speaker.stack, agent.speaker.habits
    prompt, size = _measured(agent, agent.speaker.brief, [int(user) for user in some], min(MAX_K, len(dataset.catalog)))
    prompt = replace(prompt, max_tokens=prompt.max_tokens + stack.endpoint.headroom)
    most = most_ranking(plan.limits.max_rounds, habits, len(dataset.catalog))
    ranking = Ranking(size * USUAL_RANKED // BATCH, size + COMPLAINT, most, float(habits.samples))
    alone = replace(ranking, most=habits.samples * (1 + habits.reruns))
    rounds, n_alone = plan.limits.max_rounds, len(user_ids) if beside else 0
    found = estimate(n_left, rounds, prompt, stack.prices, repairs=0, ranking=ranking, alone=alone, n_alone=n_alone)
    stack.close()
    return DryRun(stack.model.name, stack.endpoint.base_url, agent.speaker.brief.protocol, found)


def most_ranking(max_rounds: int, habits: RankHabits, n_items: int) -> int:
    """How many questions for an order one user can cause: some rounds bring candidates, in all others they are ranked."""

    def asked(retrieved: int) -> int:
        batches = -(-min(MAX_K * retrieved, n_items) // habits.batch)
        return batches if batches == 1 else batches + 1

    rounds = range(1, max_rounds)
    return habits.samples * (1 + habits.reruns) * max(((max_rounds - r) * asked(r) for r in rounds), default=0)


def _measured(agent: Agent, brief: Brief, users: list[int], most_items: int) -> tuple[Prompt, int]:
    """The longest prompt among these users', and the longest question for an order, in bytes."""
    ranker = _Measuring(brief)
    tools = Toolbox([agent.explorer.toolbox.tools["retrieve"], RankTool(ranker), FinishTool()])
    explorer = replace(agent.explorer, surrogate=BuiltinSurrogate(), toolbox=tools)
    done = [replace(explorer.explore(agent.user(user)), brief=brief) for user in users]
    asked = [list(requests(trajectory)) for trajectory in done]
    first = max(_bytes(each[0]) for each in asked)
    an_item = [size for pair in zip(done, asked, strict=True) for size in _bytes_an_item(*pair)] or [0.0]
    most = round(max(an_item) * most_items) + brief.max_tokens
    usual = round(sum(an_item) / len(an_item) * min(USUAL_K, most_items))
    return Prompt(first, most, brief.max_tokens, usual_round=usual), max(ranker.sizes, default=first)


def _bytes_an_item(trajectory: Trajectory, asked: list[Request]) -> list[float]:
    """By how many bytes the conversation grows for each item of an observation, round by round."""
    grown = [_bytes(after) - _bytes(before) for before, after in pairwise(asked)]
    shown = [step.observation for step in trajectory.steps]
    each = zip(grown, shown, strict=False)
    return [more / len(seen.items) for more, seen in each if isinstance(seen, Shown) and seen.items]


def _bytes(request: Request) -> int:
    around = template_tokens(len(request.messages), with_tools=bool(request.tools))
    return worst_usage(request).input_tokens - around
