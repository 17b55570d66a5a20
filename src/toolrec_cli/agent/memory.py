"""The paper's memory strategy: whatever a tool names is checked against the item pool before the surrogate may see it."""

from dataclasses import dataclass

from toolrec_cli.agent.trajectory import Matched, Rejected
from toolrec_cli.data.catalog import Catalog, Match
from toolrec_cli.tools.protocol import Candidate, ItemArray, Mark, Named, Proposal


@dataclass(frozen=True)
class Admission:
    """What became of a proposal: (item_index, name as proposed, new to memory), best first, and what was turned away.

    `matched` are those of the admitted names that were no ids, and what they were taken for.
    """

    items: tuple[tuple[int, Named, bool], ...]
    rejected: tuple[Rejected, ...]
    matched: tuple[Matched, ...] = ()


class Memory:
    """Candidates with their tool marks. Only `admit` puts anything in, and nothing from the history gets past it."""

    def __init__(self, catalog: Catalog, history: ItemArray, kind: type[Candidate] = Candidate) -> None:
        """`kind`: how candidates weigh what speaks for them, one of `tools.fusion.FUSIONS`."""
        self._catalog, self._kind = catalog, kind
        self._history = frozenset(history.tolist())
        self.candidates: dict[int, Candidate] = {}

    def admit(self, proposal: Proposal, tool: str, attribute: str | None, value: str | None, step: int) -> Admission:
        """Resolve every name; the known get a mark, the rest is turned away with the reason."""
        admitted: list[tuple[int, Named, bool]] = []
        rejected: list[Rejected] = []
        matched: list[Matched] = []
        seen: set[int] = set()
        matches = self._catalog.resolve_all(named.name for named in proposal.items)
        for named, match in zip(proposal.items, matches, strict=True):
            reason = self._objection(None if match is None else match.item_index, seen, tool)
            if match is None or reason:
                rejected.append(Rejected(named.name, reason))
                continue
            seen.add(match.item_index)
            if match.how != "id":
                matched.append(self._matched(named.name, match))
            mark = Mark(tool, attribute, value, named.rank, named.score, step)
            admitted.append((match.item_index, named, self._store(match.item_index, mark)))
        return Admission(tuple(admitted), tuple(rejected), tuple(matched))

    def _matched(self, name: str, match: Match) -> Matched:
        return Matched(name, self._catalog.item_id(match.item_index), match.how, match.score)

    def _objection(self, item_index: int | None, seen: set[int], tool: str) -> str:
        if item_index is None:
            return "not in the catalogue"
        if item_index in self._history:
            return "already in the history"
        if tool == "rank" and item_index not in self.candidates:
            return "never shown"
        return "named twice" if item_index in seen else ""

    def _store(self, item_index: int, mark: Mark) -> bool:
        """Add the mark; whether the item is new here. A rank tool orders what is known, it is no new evidence of its own."""
        known = self.candidates.get(item_index)
        if known is None:
            self.candidates[item_index] = self._kind(item_index, [mark])
        else:
            known.marks.append(mark)
        return known is None
