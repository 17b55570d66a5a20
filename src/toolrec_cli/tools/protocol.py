"""What a tool is, what it sees, and what it hands back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.messages import ToolCall, Usage

ItemArray = npt.NDArray[np.int32]

RRF_CONSTANT = 60


@dataclass(frozen=True)
class Action:
    """What the surrogate wants done: a tool and its arguments, as it said them, right or wrong."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@lru_cache(maxsize=10_000)
def mark_text(tool: str, attribute: str | None, value: str | None) -> str:
    """ "retrieve:genre", "retrieve:genre=Comedy", "retrieve:none"."""
    suffix = f"={value}" if value is not None else ""
    return f"{tool}:{attribute or 'none'}{suffix}"


class Mark(NamedTuple):
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
        """In words: see `mark_text`."""
        return mark_text(self.tool, self.attribute, self.value)


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
            for mark in self.marks[n:]:
                if mark.text not in found:
                    found = (*found, mark.text)
            self._texts = (len(self.marks), found)
        return found

    @property
    def evidence(self) -> float:
        """What speaks for it: `fuse` of its best place with each of the distinct retrieval tools that brought it."""
        n, found = self._evidence
        if n != len(self.marks):
            best: dict[str | None, int] = {}
            for mark in self.marks:
                if mark.tool == "retrieve" and mark.rank <= best.get(mark.attribute, mark.rank):
                    best[mark.attribute] = mark.rank
            found = self.fuse(best.values())
            self._evidence = (len(self.marks), found)
        return found

    @staticmethod
    def fuse(places: Collection[int]) -> float:
        """Σ 1 / (60 + place): reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). Others: `tools.fusion`."""
        return sum([1.0 / (RRF_CONSTANT + place) for place in places])


class Named(NamedTuple):
    """An item as a tool names it: by id or title, to be checked; `rank` is its place by this tool (from 1)."""

    name: str
    rank: int
    score: float | None = None


@dataclass(frozen=True)
class Exchange:
    """One question put to a language model and what it answered, as a trajectory keeps it.

    `purpose` is "turn" (the surrogate's next action) or "rank" (an order of candidates). The question of a turn is built from
    what stands before it in the trajectory; a rank question, which stands alone, is kept in `asked`. `text` and `calls` are
    capped; `raw` is the assistant's message as the server sent it, empty where it cannot be sent back (broken off, too long).
    """

    __pydantic_config__ = ConfigDict(extra="forbid")
    purpose: Literal["turn", "rank"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    refusal: str | None = None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: tuple[str, ...] = ()
    """Of a rank question: system text, then what the user and the assistant said in turn."""
    sample: int = 0
    usage: Usage = Usage()
    model: str = ""
    """The model as the server names it."""
    seconds: float = 0.0
    retries: int = 0
    from_cache: bool = False


@dataclass(frozen=True)
class Proposal:
    """What a tool brings: names, best first, and what a language model was asked on the way."""

    items: tuple[Named, ...]
    note: str = ""
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An action that could not be carried out: why, and what to do instead. The surrogate can mend this."""

    reason: str
    instead: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """A final list that holds only shown items: `items` (item_index), best first; `notes` say what was dropped or added.

    `padded` are those of `items` that the surrogate did not name: in the last round a list that is too short is filled up.
    """

    items: tuple[int, ...]
    notes: tuple[str, ...] = ()
    padded: tuple[int, ...] = ()


@dataclass(frozen=True)
class User:
    """Who is asked: nothing here says what comes next."""

    user_index: int
    user_id: str
    profile: Mapping[str, Any]
    history: ItemArray
    """item_index, oldest first."""
    ratings: npt.NDArray[np.float32] | None
    ended: int | None = None
    """When the newest item of the history was met, in the log's unit; None where that is not known."""
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
    wanted: int | None = None
    """How many items the call that is being carried out asks for; None outside of a call."""

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
