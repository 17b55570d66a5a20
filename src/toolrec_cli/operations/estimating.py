"""What a run with a language model will cost, before it is asked anything: at most, and by real prompts of a few users."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from toolrec_cli.agent import quoting
from toolrec_cli.agent.baseline import LLM_BASELINES, Baseline
from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.llm_ranker import BATCH, RankHabits
from toolrec_cli.agent.llm_surrogate import requests
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.prompting import rank_text
from toolrec_cli.agent.rank_question import question, rank_request
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.agent.trajectory import Brief, Shown, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.llm.estimates import DryRun, Prompt, Ranking, estimate
from toolrec_cli.llm.messages import Request
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.longest import longest, most_ranking, usual_size
from toolrec_cli.operations.setting import Setting
from toolrec_cli.seeds import stream
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.protocol import Candidate, Context, Refused
from toolrec_cli.tools.rank import Order, RankTool
from toolrec_cli.tools.retrieve import MAX_K
from toolrec_cli.tools.toolbox import Toolbox

LOOKED_AT = 5
"""Users whose prompts are made to see how long they are."""

USUAL_K, USUAL_LISTS, USUAL_RANKED = 30, 3, 50
"""Items that a model usually asks for at once, how often before it has so many put in order, and finishes."""


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
        size = usual_size(rank_request(self.brief, (rank_text(self.brief, context.n), asked), 0))
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
    beside: Sequence[str] = (),
) -> DryRun:
    """The bill for `n_left` users (of `user_ids`, those who are still to be asked). Nobody is asked anything.

    What is expected is measured on a few of them; what is spent at most is not (`operations/longest.py`). `beside`: baselines
    for which the model is asked too. Their lists are not on record: everybody is asked for them.
    """
    users = dataset.user_indices(user_ids)
    some = users[np.sort(stream(setting.seed, "dry run").permutation(len(users))[:LOOKED_AT])]
    agent = assemble(setting, dataset, plan, some)
    if agent.speaker is None:
        raise ValueError("a dry run needs a model")
    stack, habits, limits = agent.speaker.stack, agent.speaker.habits, plan.limits
    usual = _measured(agent, agent.speaker.brief, [int(user) for user in some], min(MAX_K, len(dataset.catalog)))
    profiles = (quoting.dumps(quoting.fields(dataset.profile(int(user)))) for user in users)
    most = longest(agent.speaker.brief, dataset.catalog, profiles, limits.n, limits.max_rounds, habits)
    answer = agent.speaker.brief.max_tokens + stack.endpoint.headroom
    prompt = Prompt(most.first, most.each_round + answer, answer, usual_round=usual.each_round, usual_first=usual.first)
    found = estimate(
        n_left,
        limits.max_rounds,
        prompt,
        stack.prices,
        repairs=0,
        ranking=Ranking(
            usual.ranking * USUAL_RANKED // BATCH,
            most.order,
            most_ranking(limits.max_rounds, habits, len(dataset.catalog)),
            float(habits.samples),
        ),
        beside=[_alone(LLM_BASELINES.get(name), habits, limits, usual.ranking, most.alone) for name in beside],
        n_beside=len(user_ids),
    )
    stack.close()
    return DryRun(stack.model.name, stack.endpoint.base_url, agent.speaker.brief.protocol, found)


def _alone(baseline: Baseline, habits: RankHabits, limits: Limits, usual: int, most: int) -> Ranking:
    """A baseline's questions, which stand alone."""
    return Ranking(usual * USUAL_RANKED // BATCH, most, baseline.most(habits, limits), float(baseline.usual(habits)))


@dataclass(frozen=True)
class _Usual:
    """Bytes, on the average of a few users, of the first question, of what a round adds, and of a question for an order."""

    first: int
    each_round: int
    ranking: int


def _measured(agent: Agent, brief: Brief, users: list[int], most_items: int) -> _Usual:
    ranker = _Measuring(brief)
    tools = Toolbox([agent.explorer.toolbox.tools["retrieve"], RankTool(ranker), FinishTool()])
    explorer = replace(agent.explorer, surrogate=BuiltinSurrogate(), toolbox=tools)
    done = [replace(explorer.explore(agent.user(user)), brief=brief) for user in users]
    asked = [list(requests(trajectory)) for trajectory in done]
    first = _mean([usual_size(each[0]) for each in asked])
    an_item = _mean([size for pair in zip(done, asked, strict=True) for size in _bytes_an_item(*pair)])
    added = (USUAL_LISTS * min(USUAL_K, most_items) + agent.explorer.limits.n) / (USUAL_LISTS + 1)
    return _Usual(round(first), round(an_item * added), round(_mean(ranker.sizes) or first))


def _mean(sizes: Sequence[float]) -> float:
    return sum(sizes) / len(sizes) if sizes else 0.0


def _bytes_an_item(trajectory: Trajectory, asked: list[Request]) -> list[float]:
    """By how many bytes the conversation grows for each item of an observation, round by round."""
    grown = [usual_size(after) - usual_size(before) for before, after in pairwise(asked)]
    shown = [step.observation for step in trajectory.steps]
    each = zip(grown, shown, strict=False)
    return [more / len(seen.items) for more, seen in each if isinstance(seen, Shown) and seen.items]
