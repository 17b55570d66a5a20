"""Rank[attribute, K]: order the candidates with an attribute in mind and keep the K best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from toolrec_cli.tools.protocol import Candidate, Context, Exchange, Named, Proposal, Refused
from toolrec_cli.tools.retrieve import MAX_K

Names = tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Order:
    """An order that took some asking: (name, score), best first, why, and what a language model was asked for it."""

    items: tuple[tuple[str, float | None], ...]
    note: str = ""
    exchanges: tuple[Exchange, ...] = ()


class Ranker(Protocol):
    """Whoever does the ordering: the built-in fusion, or an LLM."""

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Order | Refused:
        """(name, score), best first. Names are checked afterwards, so a ranker may err.

        A ranker that is shared by threads, or that asked a language model, hands back an `Order`, which holds its note.
        """
        ...

    def note(self, context: Context) -> str:
        """Why the last order that was a plain list is as it is, in a sentence; empty when there is nothing to say."""
        ...


class RankArguments(BaseModel):
    """What rank is called with. The attribute is open vocabulary; what a ranker cannot use, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    attribute: str | None = None
    k: int = Field(ge=1, le=MAX_K)


class RankTool:
    """Orders what memory holds."""

    name = "rank"
    about = f"rank(attribute, k): order the items shown so far, attribute may be null, k from 1 to {MAX_K}."
    Arguments = RankArguments

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker

    def __call__(self, arguments: RankArguments, context: Context) -> Proposal | Refused:
        """The k best candidates in the ranker's order."""
        asked = replace(context, wanted=arguments.k)
        ordered = self._ranker.order(list(context.candidates.values()), arguments.attribute, asked)
        if isinstance(ordered, Refused):
            return ordered
        if not isinstance(ordered, Order):
            ordered = Order(tuple(ordered), self._ranker.note(context))
        best = _until(ordered.items, arguments.k, context)
        named = tuple(Named(name, place, score) for place, (name, score) in enumerate(best, start=1))
        return Proposal(named, ordered.note, ordered.exchanges)


class NoRank:
    """In the rank tool's place where there is to be none: whoever calls it is told."""

    name = "rank"
    about = "rank: not to be had in this run."
    Arguments = RankArguments

    def __call__(self, arguments: RankArguments, context: Context) -> Refused:
        """Never an order."""
        return Refused("There is no ranking in this run.", "Put what you were shown in order yourself, and finish.")


def _until(ordered: Names, k: int, context: Context) -> Names:
    """The names up to the k-th candidate among them; the rest memory turns away, and it costs no place."""
    found: set[int] = set()
    matches = context.catalog.resolve_all(name for name, _ in ordered)
    for place, match in enumerate(matches, start=1):
        if match is not None and match.item_index in context.candidates:
            found.add(match.item_index)
        if len(found) == k:
            return ordered[:place]
    return ordered
