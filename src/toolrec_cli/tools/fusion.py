"""Reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) of what the retrieval tools brought."""

from collections.abc import Iterable

from toolrec_cli.tools.protocol import Candidate

RRF_CONSTANT = 60


def evidence(candidate: Candidate) -> float:
    """Σ over the distinct retrieval tools that brought the item of 1 / (60 + its best place with that tool)."""
    best: dict[str | None, int] = {}
    for mark in candidate.marks:
        if mark.tool == "retrieve":
            best[mark.attribute] = min(mark.rank, best.get(mark.attribute, mark.rank))
    return sum(1.0 / (RRF_CONSTANT + rank) for rank in best.values())


def fused(candidates: Iterable[Candidate]) -> list[tuple[int, float]]:
    """(item_index, evidence), most first; ties by who came first, then by item_index."""
    scored = [(candidate.item_index, evidence(candidate)) for candidate in candidates]
    return sorted(scored, key=lambda pair: -pair[1])
