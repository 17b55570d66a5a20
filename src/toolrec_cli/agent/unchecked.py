"""Memory without its strategy, to learn what the strategy contributes: whatever a tool names is believed, and may be listed.

A name that no item bears takes a place all the same: that of a spare item, without title or attributes, which scoring will find
to be nobody's. Nothing outside ablations uses this.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.agent.memory import Admission, Memory
from toolrec_cli.data.catalog import Catalog, Match
from toolrec_cli.tools.finish import FinishArguments
from toolrec_cli.tools.protocol import Accepted, Candidate, Context, ItemArray, Mark, Named, Proposal
from toolrec_cli.tools.retrieve import Scorer

SPARE = 2_048
"""Names of no item that one exploration can hold."""


class OpenCatalog(Catalog):
    """A catalogue that finds an item for every name: item_index above `n_real` stands for a name it had not."""

    def __init__(self, base: Catalog, spare: int = SPARE) -> None:
        empty = base.frame.clear(spare).with_columns(item_id=pl.format("\0{}", pl.int_range(spare)), title=pl.lit(""))
        super().__init__(pl.concat([base.frame, empty]), list(base.attributes.values()))
        self._base, self.n_real = base, len(base)
        self._strange: dict[str, int] = {}

    def forget(self) -> None:
        """The strange names of the last user are names of nothing again."""
        self._strange.clear()

    def resolve(self, name: str, *, nearly: bool = False) -> Match | None:
        """The item of that id or very title, real or spare; nothing is guessed. None only when the spare ones are used up."""
        match = self._base.resolve(name, nearly=False)
        if match is not None and match.how in ("id", "title"):
            return match
        if name not in self._strange:
            if self.n_real + len(self._strange) >= len(self):
                return None
            index = self.n_real + 1 + len(self._strange)
            self._strange[name] = index
            self._ids[index] = name
        return Match(self._strange[name], "id")


class UncheckedMemory(Memory):
    """Admits everything: strange names, items of the history, the same item twice."""

    def __init__(self, catalog: Catalog, history: ItemArray, kind: type[Candidate] = Candidate) -> None:
        super().__init__(catalog, history, kind)
        self._open = catalog
        if isinstance(catalog, OpenCatalog):
            catalog.forget()

    def admit(self, proposal: Proposal, tool: str, attribute: str | None, value: str | None, step: int) -> Admission:
        """Every name gets a mark."""
        admitted: list[tuple[int, Named, bool]] = []
        for named in proposal.items:
            if (match := self._open.resolve(named.name)) is None:
                continue
            new = match.item_index not in self.candidates
            candidate = self.candidates.setdefault(match.item_index, self._kind(match.item_index, []))
            candidate.marks.append(Mark(tool, attribute, value, named.rank, named.score, step))
            admitted.append((match.item_index, named, new))
        return Admission(tuple(admitted), ())


class UncheckedFinish:
    """Ends the exploration with whatever is named; only what memory holds can be written down."""

    name = "finish"
    about = "finish(items): the final list, item ids, best first."
    Arguments = FinishArguments

    def __call__(self, arguments: FinishArguments, context: Context) -> Accepted:
        """The first `n` names, as they are."""
        named = [context.catalog.resolve(name) for name in arguments.items]
        held = [match.item_index for match in named if match and match.item_index in context.candidates]
        return Accepted(tuple(held[: context.n]))


class WidenedScorer:
    """A scorer over an open catalogue: no tool brings a spare item of its own accord."""

    def __init__(self, scorer: Scorer, spare: int = SPARE) -> None:
        self._scorer, self._spare = scorer, spare

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that have an encoder."""
        return self._scorer.attributes

    def scores(self, attribute: str | None, user_index: int) -> npt.NDArray[np.float32]:
        """[N + 1 + spare]."""
        return np.pad(self._scorer.scores(attribute, user_index), (0, self._spare), constant_values=-np.inf)

    def near(
        self, attribute: str | None, user_index: int, n: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]] | None:
        """A spare item is in no index."""
        return self._scorer.near(attribute, user_index, n)
