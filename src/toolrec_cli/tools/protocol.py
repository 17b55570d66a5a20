"""What a tool is, what it sees, and what it hands back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets

ItemArray = npt.NDArray[np.int32]

RRF_CONSTANT = 60


@dataclass(frozen=True)
class Action:
    """What the surrogate wants done: a tool and its arguments, as it said them, right or wrong."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Mark:
    """The tool mark of the paper's memory strategy: who brought an item, and how high.

    `rank` is the item's place (from 1) among *all* items by that tool, also when only some were asked for.
    """

    tool: str
    attribute: str | None
    value: str | None
    rank: int
    score: float | None
    step: int

    @property
    def text(self) -> str:
        """ "retrieve:genre", "retrieve:genre=Comedy", "retrieve:none"."""
        suffix = f"={self.value}" if self.value is not None else ""
        return f"{self.tool}:{self.attribute or 'none'}{suffix}"


@dataclass(slots=True)
class Candidate:
    """An item that memory has admitted, with every mark it has earned, oldest first. A mark is never taken away."""

    item_index: int
    marks: list[Mark]
    _texts: tuple[int, tuple[str, ...]] = field(default=(0, ()), init=False, repr=False, compare=False)
    _evidence: tuple[int, float] = field(default=(0, 0.0), init=False, repr=False, compare=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """The marks as words, oldest first, each once."""
        n, found = self._texts
        if n != len(self.marks):
            found = tuple(dict.fromkeys([mark.text for mark in self.marks]))
            self._texts = (len(self.marks), found)
        return found

    @property
    def evidence(self) -> float:
        """Σ over the distinct retrieval tools that brought the item of 1 / (60 + its best place with that tool).

        Reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
        """
        n, found = self._evidence
        if n != len(self.marks):
            best: dict[str | None, int] = {}
            for mark in self.marks:
                if mark.tool == "retrieve":
                    best[mark.attribute] = min(mark.rank, best.get(mark.attribute, mark.rank))
            found = sum([1.0 / (RRF_CONSTANT + rank) for rank in best.values()])
            self._evidence = (len(self.marks), found)
        return found


@dataclass(frozen=True)
class Named:
    """An item as a tool names it: by id or title, to be checked; `rank` is its place by this tool (from 1)."""

    name: str
    rank: int
    score: float | None = None


@dataclass(frozen=True)
class Proposal:
    """What a tool brings: names, best first."""

    items: tuple[Named, ...]
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """An action that could not be carried out: why, and what to do instead. The surrogate can mend this."""

    reason: str
    instead: str


@dataclass(frozen=True)
class Accepted:
    """A final list that holds only shown items: `items` (item_index), best first; `notes` say what was dropped."""

    items: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class User:
    """Who is asked: nothing here says what comes next."""

    user_index: int
    user_id: str
    profile: Mapping[str, Any]
    history: ItemArray
    """item_index, oldest first."""
    ratings: npt.NDArray[np.float32] | None
    makeup: dict[str, Mapping[str, float]] = field(
        default_factory=dict[str, Mapping[str, float]], init=False, repr=False, compare=False
    )
    """What the history is made of, by attribute, as far as somebody has counted it."""


@dataclass(frozen=True)
class Context:
    """All that a tool or a surrogate may see at one moment."""

    user: User
    catalog: Catalog
    facets: Facets
    candidates: Mapping[int, Candidate]
    """What memory holds, in the order it came."""
    attributes: tuple[str, ...]
    """The attributes with a retrieval tool."""
    n: int
    """How long the final list is to be."""
    step: int
    """The number of this step, from 1."""
    max_rounds: int

    @property
    def last_round(self) -> bool:
        """Whether only finishing is left."""
        return self.step >= self.max_rounds


class Tool(Protocol):
    """One capability of the surrogate. `Arguments` is what it must be called with; anything else is refused for it."""

    @property
    def name(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def Arguments(self) -> type[BaseModel]: ...

    def __call__(self, arguments: Any, context: Context) -> Proposal | Accepted | Refused:
        """Do it. Never raises for what the surrogate can mend: that is a `Refused`."""
        ...
