"""The built-in ranker: agreement of the retrieval tools first, then the balance of one attribute."""

from collections.abc import Sequence

from toolrec_cli.agent.makeup import history_shares
from toolrec_cli.data.facets import Labels
from toolrec_cli.errors import unknown
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Candidate, Context, Refused

BALANCE = 0.05
"""How much an item gains at most for carrying what the list still lacks, as a share of its evidence.

Chosen on the validation split: more costs accuracy on ML-1M, less costs some on the sample (docs/experiments.md).
"""

REACH = 3
"""The balance looks at the best REACH × n items by evidence; what is below stays where it is."""


class BuiltinRanker:
    """Orders candidates without an LLM."""

    def __init__(self, balance: float = BALANCE) -> None:
        self._balance = balance

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Refused:
        """By fused evidence; with an attribute, greedily, each pick gaining by what the list so far lacks of the history."""
        scored = fused(candidates)
        if attribute is not None:
            if attribute not in context.facets.attributes:
                known = context.facets.attributes
                return Refused(unknown("attribute to rank by", attribute, known), f"Use one of: {', '.join(known)}.")
            scored = self._balanced(scored, attribute, context)
        return [(context.catalog.item_id(index), round(score, 6)) for index, score in scored]

    def note(self, context: Context) -> str:
        """The thought has said it all."""
        return ""

    def _balanced(self, scored: list[tuple[int, float]], attribute: str, context: Context) -> list[tuple[int, float]]:
        labels = context.facets.labels(attribute)
        lacking = dict(history_shares(context, attribute))
        pool, rest = scored[: REACH * context.n], scored[REACH * context.n :]
        picked: list[tuple[int, float]] = []
        lacks: dict[Labels, float] = {}  # until the next pick, those who carry the same lack the same
        while pool and len(picked) < context.n:
            gains: list[float] = []
            for index, score in pool:
                carried = labels[index]
                if carried not in lacks:
                    lacks[carried] = _lack(carried, lacking)
                gains.append(score * (1 + self._balance * lacks[carried]))
            best = gains.index(max(gains))
            index, _ = pool.pop(best)
            picked.append((index, gains[best]))
            for label in labels[index]:
                lacking[label] = lacking.get(label, 0.0) - 1 / (context.n * len(labels[index]))
            lacks = {carried: lack for carried, lack in lacks.items() if not set(carried) & set(labels[index])}
        return [*picked, *pool, *rest]


def _lack(labels: Labels, lacking: dict[str, float]) -> float:
    """How much the list lacks of what the item has: the mean over its labels, from −1 to 1."""
    return sum(lacking.get(label, 0.0) for label in labels) / len(labels) if labels else 0.0
