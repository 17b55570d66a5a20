"""What the retrieval tools brought, fused: how much speaks for an item, by its place with each tool that brought it."""

from collections.abc import Collection, Iterable
from operator import itemgetter

from toolrec_cli.tools.protocol import RRF_CONSTANT, Candidate
from toolrec_cli.tools.retrieve import MAX_K

__all__ = ["FUSIONS", "RRF_CONSTANT", "evidence", "fused"]


class _Borda(Candidate):
    """Σ max(0, 201 − place): points by place in the longest list that may be asked for (Aslam and Montague, SIGIR 2001)."""

    __slots__ = ()

    @staticmethod
    def fuse(places: Collection[int]) -> float:
        return float(sum([max(0, MAX_K + 1 - place) for place in places]))


class _InverseSquare(Candidate):
    """n · Σ 1 / place², n tools (Mourão, Martins and Magalhães, CLEF 2014): much for a first place, and for company."""

    __slots__ = ()

    @staticmethod
    def fuse(places: Collection[int]) -> float:
        return len(places) * sum([1.0 / place**2 for place in places])


class _Best(Candidate):
    """1 / the best place: one tool is enough, agreement counts for nothing."""

    __slots__ = ()

    @staticmethod
    def fuse(places: Collection[int]) -> float:
        return 1.0 / min(places) if places else 0.0


FUSIONS: dict[str, type[Candidate]] = {"rrf": Candidate, "borda": _Borda, "isr": _InverseSquare, "best": _Best}
"""Kinds of candidates by the name of the fusion that weighs them; the first is what memory holds by default."""


def evidence(candidate: Candidate) -> float:
    """How much speaks for it: see `Candidate.evidence`."""
    return candidate.evidence


def fused(candidates: Iterable[Candidate]) -> list[tuple[int, float]]:
    """(item_index, evidence), most first; ties by who came first, then by item_index."""
    scored = [(candidate.item_index, candidate.evidence) for candidate in candidates]
    return sorted(scored, key=itemgetter(1), reverse=True)
