"""The baseline `llm-rank`: a language model puts the backbone's best items in order, once, and explores nothing.

After LLMRank (Hou et al., ECIR 2024, arXiv 2305.08845), zero-shot: the same model, told the same, without tools.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.memory import Memory
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.llm.failures import Rejected
from toolrec_cli.llm.metered import labelled
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.exploring import Agent, blocks
from toolrec_cli.operations.modelling import Speaker
from toolrec_cli.operations.pool import each
from toolrec_cli.progress import Progress
from toolrec_cli.tools.protocol import Context, Named, Proposal, Refused, User
from toolrec_cli.tools.retrieve import masked, top_k

IntArray = npt.NDArray[np.int64]
LLM_RANK = "llm-rank"

CANDIDATES = 20
"""How many it is shown (the paper's setting); in longer lists the backbone's next follow."""


def llm_rank_lists(
    agent: Agent, speaker: Speaker, users: IntArray, n: int, progress: Progress, pace: Pace | None = None
) -> IntArray:
    """Every user's list, [n_users, n]; a user whose question is refused for its content has none, and counts as a miss.

    Raises ProviderError when nobody answers, BudgetSpent when nobody may be asked.
    """
    found = np.zeros((len(users), n), np.int64)

    def positions() -> Iterator[int]:
        start = 0
        for block in blocks(agent, users):
            yield from range(start, start + len(block))
            start += len(block)

    def one(position: int) -> tuple[int, IntArray]:
        user = agent.user(int(users[position]))
        with labelled(user.user_id):
            return position, _ordered(agent, speaker, user, n)

    ended = each(positions(), one, (pace or Pace()).concurrency)
    for done, (position, items) in enumerate(ended, start=1):
        found[position] = padded(items, n)
        progress(LLM_RANK, done, len(users), speaker.progress)
    return found


def _ordered(agent: Agent, speaker: Speaker, user: User, n: int) -> IntArray:
    """What the model names, in its order; then the rest as the backbone has it."""
    best = top_k(masked(agent.scorer.scores(None, user.user_index), user.history), max(CANDIDATES, n))
    context = _shown(agent, user, best[:CANDIDATES])
    try:
        order = speaker.ranker.order(list(context.candidates.values()), None, context)
    except Rejected:
        return np.zeros(0, np.int64)
    names = [] if isinstance(order, Refused) else [name for name, _ in order.items]
    matches = agent.dataset.catalog.resolve_all(names)
    named = [match.item_index for match in matches if match and match.item_index in context.candidates]
    return np.array(list(dict.fromkeys([*named, *best.tolist()]))[:n], dtype=np.int64)


def _shown(agent: Agent, user: User, items: IntArray) -> Context:
    """The moment after the backbone has brought these items, and no tool else."""
    catalog, explorer = agent.dataset.catalog, agent.explorer
    memory = Memory(catalog, user.history)
    named = tuple(Named(catalog.item_id(item), rank) for rank, item in enumerate(items.tolist(), start=1))
    memory.admit(Proposal(named), "retrieve", None, None, 1)
    n = explorer.limits.n
    return Context(user, catalog, explorer.facets, memory.candidates, explorer.attributes, n, 2, 3, wanted=n)
