"""The truth about one user: every thought, action and observation, in order. Traces, lists and metrics are read off it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from toolrec_cli.data.catalog import Value
from toolrec_cli.tools import protocol
from toolrec_cli.tools.protocol import Action, Exchange

SCHEMA_VERSION = 2
"""2 added what a language model was told and said, names that were matched, and padded lists; a line of 1 reads as one of 2."""

_STRICT = ConfigDict(extra="forbid")


class Status(StrEnum):
    """How an exploration ended."""

    RUNNING = "running"
    FINISHED = "finished"
    """The surrogate's own list is the answer."""
    PADDED = "padded"
    """The surrogate's own list was too short; what memory added is marked."""
    FORCED = "forced"
    """The rounds ran out; the list was made from memory and says so."""
    FAILED = "failed"
    """There is no list; the user counts as a miss."""


@dataclass(frozen=True)
class ItemCard:
    """What the surrogate was told of an item."""

    __pydantic_config__ = _STRICT
    title: str
    attributes: dict[str, Value]


@dataclass(frozen=True)
class HistoryItem:
    """One of the newest items of the history, oldest first."""

    __pydantic_config__ = _STRICT
    item_id: str
    rating: float | None


@dataclass(frozen=True)
class ShownItem:
    """One verified item of an observation. `rank` is its place by the tool among all items, `new` if never shown before."""

    __pydantic_config__ = _STRICT
    item_id: str
    rank: int
    score: float | None
    new: bool
    marks: tuple[str, ...]
    """Every tool mark the item bears by now, oldest first."""


@dataclass(frozen=True)
class Rejected:
    """A name that a tool brought and memory turned away."""

    __pydantic_config__ = _STRICT
    name: str
    reason: str


@dataclass(frozen=True)
class Matched:
    """A name that was no id, and the item it was taken for: by its "title", a "normalised" or a "fuzzy" one (`score` of 100)."""

    __pydantic_config__ = _STRICT
    name: str
    item_id: str
    how: str
    score: float | None = None


@dataclass(frozen=True)
class Shown:
    """Verified items, best first, and what was turned away."""

    __pydantic_config__ = _STRICT
    items: tuple[ShownItem, ...]
    rejected: tuple[Rejected, ...] = ()
    note: str = ""
    matched: tuple[Matched, ...] = ()
    """The names among them that were no ids."""
    kind: Literal["shown"] = "shown"


@dataclass(frozen=True)
class Refused:
    """The action could not be carried out: why, and what to do instead."""

    __pydantic_config__ = _STRICT
    reason: str
    instead: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True)
class Finished:
    """The end. `items` are item ids, best first; `notes` say what was dropped from the list or why it was made."""

    __pydantic_config__ = _STRICT
    items: tuple[str, ...]
    notes: tuple[str, ...] = ()
    kind: Literal["finished"] = "finished"


UNHEARD = "Let the run go on (--resume): this user is then asked again."
"""What a last `Refused` says instead where the server failed at the question. The record is known by it: never another."""


Observation = Annotated[Shown | Refused | Finished, Field(discriminator="kind")]


@dataclass(frozen=True)
class Turn:
    """What a surrogate says when it is asked: a thought, and what it wants done.

    Where a language model's reply cannot be used at all, `fault` says so and what to do instead, and nothing is done;
    `exchanges` are the questions it was asked for this turn.
    """

    thought: str
    action: Action
    fault: protocol.Refused | None = None
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Step:
    """One round: thought, action, observation, and what language models were asked in it, the surrogate first."""

    __pydantic_config__ = _STRICT
    thought: str
    action: Action
    observation: Observation
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Recommended:
    """One item of the final list, with the tools that brought it."""

    __pydantic_config__ = _STRICT
    rank: int
    item_id: str
    marks: tuple[str, ...]
    padded: bool = False
    """Not named by the surrogate, but added from memory to a list that was too short."""


@dataclass(frozen=True)
class Brief:
    """What a language model was told before anything else, and how it is spoken to; the same for every user of a run.

    With this, every question of the trajectory can be built again, byte for byte, from the trajectory alone. `prompt` names
    the prompt and its version ("films/1"), `digest` is the SHA-256 of its templates, `system` the text they became.
    """

    __pydantic_config__ = _STRICT
    protocol: str
    prompt: str
    digest: str
    system: str
    attributes: tuple[str, ...]
    """The attributes with a retrieval tool."""
    legal_only: bool = True
    """Whether only the actions of the moment are offered; else always all of them, so that providers' caches hit."""
    max_tokens: int = 2048
    temperature: float | None = 0.0
    seed: int | None = None


@dataclass
class Trajectory:
    """The whole exploration for one user; it grows while the loop runs and is written once it has ended."""

    __pydantic_config__ = _STRICT
    user_id: str
    dataset: str
    surrogate: str
    n: int
    max_rounds: int
    profile: dict[str, Any]
    n_history: int
    newest: tuple[HistoryItem, ...]
    items: dict[str, ItemCard] = field(default_factory=dict[str, ItemCard])
    """Everything mentioned, by item id: the record can be read without the data set."""
    steps: list[Step] = field(default_factory=list[Step])
    status: Status = Status.RUNNING
    ranking: tuple[Recommended, ...] = ()
    brief: Brief | None = None
    """None where no language model was asked."""
    schema_version: int = SCHEMA_VERSION

    @property
    def unheard(self) -> bool:
        """Whether it ended because the server failed to answer, and not by anybody's doing: he may be asked again."""
        if not self.steps or self.steps[-1].action.tool:
            return False
        seen = self.steps[-1].observation
        return isinstance(seen, Refused) and seen.instead == UNHEARD
