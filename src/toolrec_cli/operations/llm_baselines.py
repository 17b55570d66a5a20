"""Rows of an evaluation in which a language model makes the lists without exploring: `agent/baselines`, over many users."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.baseline import LLM_BASELINES, Baseline, Desk
from toolrec_cli.evaluation.report import FILLED, ORDERED, REFUSED, REJECTED, UNHEARD, LLMRow
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.llm.failures import Rejected, Unheard
from toolrec_cli.llm.metered import Ledger, Metered
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.exploring import Agent, blocks
from toolrec_cli.operations.modelling import Speaker
from toolrec_cli.operations.pool import each
from toolrec_cli.progress import Progress
from toolrec_cli.tools.protocol import User

IntArray = npt.NDArray[np.int64]


@dataclass
class Made:
    """Everybody's list, [n_users, n], 0 where there is none; how many lists ended how; and what they took."""

    lists: IntArray
    ledger: Ledger
    ends: Counter[str] = field(default_factory=lambda: Counter({ORDERED: 0, FILLED: 0, REFUSED: 0, REJECTED: 0}))

    @property
    def row(self) -> LLMRow:
        """For the report."""
        return LLMRow(dict(self.ends), self.ledger.total.as_json())


def llm_lists(
    name: str, agent: Agent, speaker: Speaker, users: IntArray, n: int, progress: Progress, pace: Pace | None = None
) -> Made:
    """The baseline `name`, for every user; one without a usable answer has no list, and counts as a miss.

    Raises ProviderError when nobody answers, BudgetSpent when nobody may be asked.
    """
    baseline, made = LLM_BASELINES.get(name), Made(np.zeros((len(users), n), np.int64), Ledger(speaker.stack.prices))
    desk = Desk(Metered(speaker.stack.model, made.ledger), speaker.brief, speaker.habits, agent.explorer)

    def positions() -> Iterator[int]:
        start = 0
        for block in blocks(agent, users):
            yield from range(start, start + len(block))
            start += len(block)

    def one(position: int) -> tuple[int, IntArray, str]:
        user = agent.user(int(users[position]))
        with speaker.about(user.user_id):
            return position, *_listed(baseline, desk, user, n)

    at_once = (pace or Pace()).concurrency
    with speaker.asked_for(len(users), at_once):
        for done, (position, items, end) in enumerate(each(positions(), one, at_once), start=1):
            made.lists[position] = padded(items, n)
            made.ends[end] += 1
            progress(name, done, len(users), speaker.progress)
    return made


def _listed(baseline: Baseline, desk: Desk, user: User, n: int) -> tuple[IntArray, str]:
    """What the model names, in its order; then the other candidates as the tools agree, then the backbone's; and whose it is."""
    try:
        answer = baseline.answer(desk, user)
    except Rejected as error:
        return np.zeros(0, np.int64), UNHEARD if isinstance(error, Unheard) else REJECTED
    if not answer.named:
        return np.zeros(0, np.int64), REFUSED
    own = len(answer.named) >= min(desk.explorer.limits.n, len(answer.candidates))
    items = dict.fromkeys([*answer.named, *answer.candidates])
    if len(items) < n:
        items |= dict.fromkeys(desk.best(user, n + len(items)))
    return np.array(list(items)[:n], dtype=np.int64), ORDERED if own else FILLED
