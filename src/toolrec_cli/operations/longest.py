"""How long the questions of a run can get at most, in bytes: from the catalogue's own lines and the limits, not from samples.

What it rests on: an item's line is as long as the catalogue makes it, and no group of items is longer than that of the longest;
what a model wrote goes back to it as no more tokens than it may write, and is quoted no longer than `agent/quoting.py` allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent import quoting
from toolrec_cli.agent.llm_ranker import BATCH
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

_WORDS = 4_000
"""Bytes of what is said around lists, names and sentences; also to calls of one reply that were not taken."""

_NAME = quoting.WORST * 80
"""Bytes of a name in a complaint."""


@dataclass(frozen=True)
class Longest:
    """The most bytes of: a conversation's first question; what a round adds besides the answer; a question that stands alone."""

    first: int
    each_round: int
    alone: int


def longest(brief: Brief, catalog: Catalog, profiles: Iterable[str], n: int, max_rounds: int) -> Longest:
    """For all users of `profiles` (each as it is told). A line of every item is made: some 30 s for a million items."""
    full, short = _lines(catalog)
    marks = _BY + max_rounds * _MARK
    newest = NEWEST_SHOWN * _RATING + _top(full, NEWEST_SHOWN)
    person = newest + max((quoting.sent(told) for told in profiles), default=0) + _WORDS
    opening = _empty(brief, n, max_rounds)
    names = _NAMES * (_TITLE + int(short[0]))
    shown = _top(full, MAX_K)
    ordered = _top(short, MAX_K) + min(MAX_K, len(short)) * marks + names
    candidates = _top(full, BATCH) + min(BATCH, len(full)) * marks
    ranking = in_bytes(rank_request(brief, (rank_text(brief, n), ""), 0))
    return Longest(
        first=opening + person,
        each_round=max(shown, ordered, _SENTENCE) + _SENTENCE + _WORDS,
        alone=max(ranking, opening) + person + candidates + _TITLE + _NAMES * _NAME + _WORDS,
    )


def _lines(catalog: Catalog) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bytes of every item's line, in full and with its title alone, the longest first. [N] each."""
    items = range(1, len(catalog) + 1)
    full = [quoting.item(catalog.item_id(i), catalog.title(i), catalog.described(i)) for i in items]
    short = [quoting.item(catalog.item_id(i), catalog.title(i)) for i in items]
    found = (np.array([quoting.sent(line) + _LINE for line in lines], dtype=np.int64) for lines in (full, short))
    longest_first, titles_alone = (np.sort(sizes)[::-1] for sizes in found)
    return longest_first, titles_alone


def _top(lines: npt.NDArray[np.int64], n: int) -> int:
    return int(lines[:n].sum())


def _empty(brief: Brief, n: int, max_rounds: int) -> int:
    """The first question without its items, everything being offered; and one in which all is named that may be called."""
    empty = Trajectory("", "", "", n, max_rounds, {}, 10**9, (), brief=replace(brief, legal_only=False))
    later = replace(empty, steps=[Step("", Action(""), Refused("", ""))])
    speech = speech_called(brief.protocol)
    return max(in_bytes(speech.request(each)) for each in (empty, later))


def in_bytes(request: Request) -> int:
    """A question as a budget counts it, without what a server's template adds."""
    around = template_tokens(len(request.messages), with_tools=bool(request.tools))
    return worst_usage(request).input_tokens - around
