"""Reciprocal-rank fusion of what the retrieval tools brought."""

from collections.abc import Iterable
from operator import itemgetter

from toolrec_cli.tools.protocol import RRF_CONSTANT, Candidate

__all__ = ["RRF_CONSTANT", "evidence", "fused"]


def evidence(candidate: Candidate) -> float:
    """How much speaks for it: see `Candidate.evidence`."""
    return candidate.evidence


def fused(candidates: Iterable[Candidate]) -> list[tuple[int, float]]:
    """(item_index, evidence), most first; ties by who came first, then by item_index."""
    scored = [(candidate.item_index, candidate.evidence) for candidate in candidates]
    return sorted(scored, key=itemgetter(1), reverse=True)
