"""The baseline `llm-rank`: a language model puts the backbone's best items in order, once, and explores nothing.

After LLMRank (Hou et al., ECIR 2024, arXiv 2305.08845), zero-shot: the same model, told the same, without tools.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.memory import Memory
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.llm.failures import Rejected
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


ORDERED, FILLED, REFUSED, REJECTED = "ordered", "filled", "refused", "rejected"
"""Whose a list is: the model's; its first places only, the others the backbone's. Or why there is none: the answer named no
candidate, or the server gave none to this question."""


@dataclass
class Orders:
    """Everybody's list, [n_users, n], 0 where there is none; and how many lists are whose."""

    lists: IntArray
    ends: Counter[str] = field(default_factory=lambda: Counter({ORDERED: 0, FILLED: 0, REFUSED: 0, REJECTED: 0}))


def llm_rank_lists(
    agent: Agent, speaker: Speaker, users: IntArray, n: int, progress: Progress, pace: Pace | None = None
) -> Orders:
    """Every user's list; a user without a usable answer has none, and counts as a miss.

    Raises ProviderError when nobody answers, BudgetSpent when nobody may be asked.
    """
    found = Orders(np.zeros((len(users), n), np.int64))

    def positions() -> Iterator[int]:
        start = 0
        for block in blocks(agent, users):
            yield from range(start, start + len(block))
            start += len(block)

    def one(position: int) -> tuple[int, IntArray, str]:
        user = agent.user(int(users[position]))
        with speaker.about(user.user_id):
            return position, *_ordered(agent, speaker, user, n)

    at_once = (pace or Pace()).concurrency
    with speaker.asked_for(len(users), at_once):
        for done, (position, items, end) in enumerate(each(positions(), one, at_once), start=1):
            found.lists[position] = padded(items, n)
            found.ends[end] += 1
            progress(LLM_RANK, done, len(users), speaker.progress)
    return found


def _ordered(agent: Agent, speaker: Speaker, user: User, n: int) -> tuple[IntArray, str]:
    """What the model names, in its order, then the rest as the backbone has it; and whose list that is."""
    best = top_k(masked(agent.scorer.scores(None, user.user_index), user.history), max(CANDIDATES, n))
    context = _shown(agent, user, best[:CANDIDATES])
    try:
        order = speaker.ranker.order(list(context.candidates.values()), None, context)
    except Rejected:
        return np.zeros(0, np.int64), REJECTED
    names = [] if isinstance(order, Refused) else [name for name, _ in order.items]
    matches = agent.dataset.catalog.resolve_all(names)
    named = dict.fromkeys(found.item_index for found in matches if found and found.item_index in context.candidates)
    if not named:
        return np.zeros(0, np.int64), REFUSED
    end = ORDERED if len(named) >= min(context.n, len(context.candidates)) else FILLED
    return np.array(list(dict.fromkeys([*named, *best.tolist()]))[:n], dtype=np.int64), end


def _shown(agent: Agent, user: User, items: IntArray) -> Context:
    """The moment after the backbone has brought these items, and no tool else."""
    catalog, explorer = agent.dataset.catalog, agent.explorer
    memory = Memory(catalog, user.history)
    named = tuple(Named(catalog.item_id(item), rank) for rank, item in enumerate(items.tolist(), start=1))
    memory.admit(Proposal(named), "retrieve", None, None, 1)
    n = explorer.limits.n
    return Context(user, catalog, explorer.facets, memory.candidates, explorer.attributes, n, 2, 3, wanted=n)
