"""How long the questions of a run can get at most, in bytes: from the catalogue's own lines and the limits, not from samples.

What it rests on: an item's line is as long as the catalogue makes it, and no group of items is longer than that of the longest;
what a model wrote goes back to it as no more tokens than it may write, and is quoted no longer than `agent/quoting.py` allows.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent import quoting
from toolrec_cli.agent.llm_ranker import BATCH, RankHabits, most_questions
from toolrec_cli.agent.loop import NEWEST_SHOWN
from toolrec_cli.agent.prompting import rank_text
from toolrec_cli.agent.rank_question import rank_request
from toolrec_cli.agent.speech import speech_called
from toolrec_cli.agent.trajectory import Brief, Refused, Step, Trajectory
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.llm.budgeted import template_tokens, worst_usage
from toolrec_cli.llm.messages import Request
from toolrec_cli.tools.protocol import Action
from toolrec_cli.tools.retrieve import MAX_K

_LINE = len("\\n")
_RATING = len(', \\"rating\\": -1000000.01')
_BY = len(', \\"by\\": []')
_MARK = quoting.MARK + len('\\"\\", ')
_TITLE = quoting.WORST * quoting.TITLE
_SENTENCE = quoting.WORST * quoting.SENTENCE
_NAMES = 20
"""Names that an observation quotes because they were turned away, or taken for a title; and as many in a complaint."""

_WORDS = 1_000
"""Bytes of what is said around lists, names and sentences."""

_CALLS = 3_000
"""Bytes of what is said to the calls of one reply that were not taken, where calls are native."""

_COMPLAINT = _NAMES * quoting.WORST * 80 + 1_000
"""Bytes of what was wrong with an order, said with its names when it is asked for once more."""


@dataclass(frozen=True)
class Longest:
    """The most bytes of: a conversation's first question; what a round adds besides the answer, on the average of all that are
    sent again; a question for an order, on the average of the costliest mixture of rounds; a question that stands alone.
    """

    first: int
    each_round: int
    order: int
    alone: int


def longest(
    brief: Brief, catalog: Catalog, profiles: Iterable[str], n: int, max_rounds: int, habits: RankHabits
) -> Longest:
    """For all users of `profiles` (each as it is told). A line of every item is made: some 30 s for a million items."""
    lines = _Lines(catalog)
    newest = NEWEST_SHOWN * _RATING + lines.new(NEWEST_SHOWN)
    person = newest + max((quoting.sent(told) for told in profiles), default=0) + _WORDS
    opening = _empty(brief, n, max_rounds)
    ranking = in_bytes(rank_request(brief, (rank_text(brief, n), ""), 0))
    words = _WORDS + (_CALLS if brief.protocol == "tools" else 0)
    return Longest(
        first=opening + person,
        each_round=_each_round(lines, words, max_rounds),
        order=_order(lines, ranking + person + _TITLE, max_rounds, habits),
        alone=max(ranking, opening) + person + _TITLE + _WORDS + _COMPLAINT + lines.candidates(BATCH, max_rounds),
    )


class _Lines:
    """Bytes of every item's line, in full and with its title alone, [N] each; sums are of the longest `k`."""

    def __init__(self, catalog: Catalog) -> None:
        items = range(1, len(catalog) + 1)
        full = [quoting.item(catalog.item_id(i), catalog.title(i), catalog.described(i)) for i in items]
        short = [quoting.item(catalog.item_id(i), catalog.title(i)) for i in items]
        self._full, self._short = (
            np.array([quoting.sent(line) + _LINE for line in each], dtype=np.int64) for each in (full, short)
        )

    def new(self, k: int) -> int:
        """Items that are shown for the first time."""
        return _top(self._full, k)

    def shown(self, k: int, calls: int) -> int:
        """Items of an observation, new or not: a mark stands for each of so many calls that brought one."""
        return _top(np.maximum(self._full, self._short + _BY + calls * _MARK), k)

    def candidates(self, k: int, calls: int) -> int:
        """Items that are to be put in order, after so many calls, each of which gave a mark to no more than it may bring."""
        return _top(self._full + _BY, k) + min(k, MAX_K) * calls * _MARK

    def __len__(self) -> int:
        return len(self._full)

    def named(self) -> int:
        """What quotes names that a model made up, and what they were taken for."""
        return _NAMES * (_TITLE + _top(self._short, 1))


def _top(lines: npt.NDArray[np.int64], k: int) -> int:
    return int(np.sort(lines)[::-1][:k].sum())


def _each_round(lines: _Lines, words: int, max_rounds: int) -> int:
    """Of what rounds add, each as often as it is sent again: the first round is, in all later ones, the last never."""
    rounds = range(1, max_rounds)
    sent = sum((max_rounds - number) * (_observation(lines, number) + words) for number in rounds)
    return -(-sent // max(1, sum(rounds)))


def _observation(lines: _Lines, number: int) -> int:
    """What may come of round `number`: before the second, nothing was shown that could be ordered, or shown again."""
    shown = lines.new(MAX_K) if number == 1 else lines.shown(MAX_K, number) + lines.named()
    return max(shown, _SENTENCE) + _SENTENCE


def _order(lines: _Lines, around: int, max_rounds: int, habits: RankHabits) -> int:
    """Of all questions for an order: some rounds bring candidates, in all later ones but the last they are ordered."""
    mixtures = [
        sum(_orders(lines, around, number, bringing, habits) for number in range(bringing + 1, max_rounds))
        for bringing in range(1, max_rounds)
    ]
    return -(-max(mixtures, default=0) // max(1, most_ranking(max_rounds, habits, len(lines))))


def _orders(lines: _Lines, around: int, number: int, bringing: int, habits: RankHabits) -> int:
    """The questions of round `number`, `bringing` rounds before it having brought all that they may."""
    candidates = min(MAX_K * bringing, len(lines))
    several = candidates > habits.batch
    asked = lines.candidates(candidates, number - 1) + several * lines.candidates(habits.batch, number - 1)
    times, questions = habits.samples * (1 + habits.reruns), most_questions(candidates, habits)
    complaints = questions * habits.reruns // (1 + habits.reruns)  # the first time nothing was wrong yet
    return times * asked + questions * around + complaints * _COMPLAINT


def most_ranking(max_rounds: int, habits: RankHabits, n_items: int) -> int:
    """How many questions for an order one user can cause: some rounds bring candidates, in all later ones they are ranked.

    In the last round nothing is but finishing.
    """
    rounds = range(1, max_rounds)
    return max(((max_rounds - 1 - r) * most_questions(min(MAX_K * r, n_items), habits) for r in rounds), default=0)


def _empty(brief: Brief, n: int, max_rounds: int) -> int:
    """The first question without its items, everything being offered; and one in which all is named that may be called."""
    empty = Trajectory("", "", "", n, max_rounds, {}, 10**9, (), brief=replace(brief, legal_only=False))
    later = replace(empty, steps=[Step("", Action(""), Refused("", ""))])
    speech = speech_called(brief.protocol)
    return max(in_bytes(speech.request(each)) for each in (empty, later))


def usual_size(request: Request) -> int:
    """Bytes of what a question says, as a model reads it: not as JSON, in which quotation marks are escaped."""
    said = [message.content or str(dict(message.raw or {})) for message in request.messages]
    offered = [request.schema, *((tool.name, tool.description, tool.parameters) for tool in request.tools)]
    return sum(
        len(text.encode("utf-8", "surrogatepass")) for text in [*said, *(json.dumps(each) for each in offered if each)]
    )


def in_bytes(request: Request) -> int:
    """A question as a budget counts it, without what a server's template adds."""
    around = template_tokens(len(request.messages), with_tools=bool(request.tools))
    return worst_usage(request).input_tokens - around
