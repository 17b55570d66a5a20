"""Rank[attribute, K] by a language model: the attribute may be any word, the data need not hold it (the paper's rank tool).

Every name that comes back is checked against the candidates. An answer with names that are none, or with too few, is asked for
once more, saying what was wrong (the paper's memory strategy); then the better of the two is taken, whatever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toolrec_cli.agent.codec import recorded
from toolrec_cli.agent.merging import MERGES, interleaved
from toolrec_cli.agent.prompting import rank_text
from toolrec_cli.agent.rank_question import Answer, complaint, question, rank_request, read_answer
from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.llm.messages import ChatModel
from toolrec_cli.seeds import stream
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Candidate, Context, Exchange, Refused
from toolrec_cli.tools.rank import Order

BATCH = 100
"""Candidates in one question."""

_QUOTED = 5
"""Wrong names that a note quotes."""


@dataclass(frozen=True)
class RankHabits:
    """How a language model is asked for an order.

    samples: how often; more than once, each time over a fresh permutation of the candidates, drawn per user, round and sample,
    and the orders are merged by `merge` ("borda" or "rrf"). Asked once, it sees them in the order the tools agree on.
    batch: candidates a question; more are asked for in batches of equal strength, whose winners are ordered once more.
    reruns: how often a wrong answer is asked for again.
    """

    samples: int = 1
    merge: str = "borda"
    batch: int = BATCH
    reruns: int = 1
    seed: int = 42


def most_questions(n_candidates: int, habits: RankHabits) -> int:
    """How many questions an order of so many can take: each batch, their winners, every sample, and all once more if wrong."""
    batches = -(-n_candidates // habits.batch)
    return habits.samples * (1 + habits.reruns) * (batches if batches < 2 else batches + 1)


class LLMRanker:
    """Implements `Ranker`. Has no state, so that threads may share it.

    Raises UsageError for a merge that does not exist.
    """

    def __init__(self, model: ChatModel, brief: Brief, habits: RankHabits | None = None) -> None:
        self._model = model
        self._brief = brief
        self._habits = habits or RankHabits()
        if self._habits.merge not in MERGES:
            raise UsageError(unknown("merge", self._habits.merge, MERGES))

    def order(self, candidates: Sequence[Candidate], attribute: str | None, context: Context) -> Order | Refused:
        """The best `context.wanted` candidates (None: as many as the list is to have), as the model names them.

        Refused where no answer named a candidate. Raises ProviderError when nobody answers, BudgetSpent when nobody may be asked.
        """
        asking = _Asking(self._model, self._brief, self._habits, attribute, context)
        items = [index for index, _ in fused(candidates)]
        orders = [
            asking.order(self._arranged(items, context, sample), sample) for sample in range(self._habits.samples)
        ]
        order = orders[0] if len(orders) == 1 else MERGES[self._habits.merge](orders)
        exchanges = tuple(asking.exchanges)
        if not order:
            return Refused("The ranking named no candidate.", "Rank by something else, or finish.", exchanges)
        return Order(tuple((name, None) for name in asking.names(order)), asking.note(), exchanges)

    def note(self, context: Context) -> str:
        """Every order brings its own."""
        return ""

    def _arranged(self, items: list[int], context: Context, sample: int) -> list[int]:
        if self._habits.samples == 1:
            return items
        draw = stream(self._habits.seed, "rank permutation", context.user.user_id, context.step, sample)
        return [items[place] for place in draw.permutation(len(items))]


class _Asking:
    """One call of the ranker: its questions, what was answered, what was wrong."""

    def __init__(
        self, model: ChatModel, brief: Brief, habits: RankHabits, attribute: str | None, context: Context
    ) -> None:
        self._model, self._brief, self._habits = model, brief, habits
        self._attribute, self._context = attribute, context
        self._system = rank_text(brief, context.n)
        self._said: dict[int, str] = {}
        self._wrong: list[str] = []
        self._last: Answer | None = None
        self._again = 0
        self.exchanges: list[Exchange] = []

    def order(self, items: list[int], sample: int) -> list[int]:
        """The items (item_index), best first: asked for at once, or in batches and then among their winners."""
        wanted, batch = self._context.wanted or self._context.n, self._habits.batch
        if len(items) <= batch:
            return list(self._ask(items, wanted, sample).items)
        n_batches = -(-len(items) // batch)
        parts = [items[start::n_batches] for start in range(n_batches)]
        winners = interleaved([self._ask(part, wanted, sample).items for part in parts])
        final = list(self._ask(winners[:batch], wanted, sample).items) if winners else []
        return [*final, *(item for item in winners if item not in final)]

    def _ask(self, items: list[int], wanted: int, sample: int) -> Answer:
        """One question, and once more where the answer is wrong."""
        asked = question(self._context, items, self._attribute, min(wanted, len(items)))
        best = self._answer(asked, items, wanted, sample)
        for _ in range(self._habits.reruns):
            if not best.wrong and len(best.items) >= min(wanted, len(items)):
                break
            self._again += 1
            found = self._answer(f"{asked}\n\n{complaint(best)}", items, wanted, sample)
            self._wrong.extend(best.wrong)
            best = found if len(found.items) >= len(best.items) else best
        self._last = best
        for item, name in zip(best.items, best.names, strict=True):
            self._said.setdefault(item, name)
        return best

    def _answer(self, asked: str, items: list[int], wanted: int, sample: int) -> Answer:
        reply = self._model.reply(rank_request(self._brief, (self._system, asked), sample))
        self.exchanges.append(recorded("rank", reply, (self._system, asked), sample))
        return read_answer(reply, items, min(wanted, len(items)), self._context.catalog)

    def names(self, order: list[int]) -> list[str]:
        """The order as it was said. Of a single answer the wrong names too, in their places: memory turns them away."""
        if self._last is not None and len(self.exchanges) == 1 + self._again and self._habits.samples == 1:
            return list(self._last.said)
        return [self._said[item] for item in order]

    def note(self) -> str:
        """Who ordered, by what, and what went wrong on the way."""
        by = f" with {self._attribute!r:.80} in mind" if self._attribute else ""
        parts = [f"Ordered by {self._model.name}{by}"]
        if self._habits.samples > 1:
            parts.append(f"merged from {self._habits.samples} permutations by {self._habits.merge}")
        if self._again:
            wrong = ", ".join(f"{name!r:.60}" for name in self._wrong[:_QUOTED])
            because = f": no candidates were {wrong}" if wrong else ": the answer was too short"
            parts.append(f"asked again {self._again} time{'s' if self._again > 1 else ''}{because}")
        return "; ".join(parts) + "."
