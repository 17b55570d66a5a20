"""Names gone wrong between a tool and memory, as language models get them wrong: typos, case, other items' ids, synonyms.

Everything is drawn from the seed, by user, step and attempt: a tool that is run again errs anew.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields

import numpy as np
from pydantic import BaseModel

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.seeds import stream
from toolrec_cli.tools.protocol import Accepted, Context, Named, Proposal, Refused, Tool

Garble = Callable[[str, Catalog, np.random.Generator], str]

_WORDS = {"and": "&", "&": "and", "the": "", "of": "from", "man": "guy", "two": "2", "ii": "2", "love": "romance"}


def typo(item_id: str, catalog: Catalog, rng: np.random.Generator) -> str:
    """One character of the id doubled, dropped, or swapped with its neighbour."""
    place = int(rng.integers(len(item_id)))
    match int(rng.integers(3)):
        case 0:
            return item_id[: place + 1] + item_id[place:]
        case 1 if len(item_id) > 1:
            return item_id[:place] + item_id[place + 1 :]
        case _:
            following = item_id[place + 1 : place + 2]
            return item_id[:place] + following + item_id[place] + item_id[place + 2 :] if following else item_id + "0"


def case(item_id: str, catalog: Catalog, rng: np.random.Generator) -> str:
    """The title instead of the id, in the other case."""
    return _title(item_id, catalog).swapcase()


def swap(item_id: str, catalog: Catalog, rng: np.random.Generator) -> str:
    """The id of another item: no catalogue can tell."""
    return catalog.item_id(1 + int(rng.integers(len(catalog))))


def synonym(item_id: str, catalog: Catalog, rng: np.random.Generator) -> str:
    """The title as somebody remembers it: without year or article, a word for its like."""
    title = re.sub(r"\s*\(\d{4}\)$", "", _title(item_id, catalog))
    words = [_WORDS.get(word.lower(), word) for word in title.replace(", The", "").split()]
    said = " ".join(word for word in words if word)
    return said if said and said != _title(item_id, catalog) else f"{title} (the one)"


def _title(item_id: str, catalog: Catalog) -> str:
    match = catalog.resolve(item_id)
    return catalog.title(match.item_index) if match else item_id


GARBLES: dict[str, Garble] = {"typo": typo, "case": case, "swap": swap, "synonym": synonym}


@dataclass(frozen=True)
class Noise:
    """Which error, at which rate (0 to 1), and how often a tool is run again because of names that mean nothing."""

    kind: str
    rate: float
    reruns: int = 0
    seed: int = 42


@dataclass
class Ledger:
    """What became of names, over all users since it was last `taken`."""

    named: int = 0
    garbled: int = 0
    failed: int = 0
    """Named nothing at the first attempt."""
    calls: int = 0
    rerun: int = 0
    recovered: int = 0
    lost: int = 0
    slipped: int = 0
    """Named another item than was meant: nothing that asks the catalogue can see it."""

    def taken(self) -> dict[str, int]:
        """What was counted since this was last asked, by name; counting begins anew."""
        counted = asdict(self)
        for name in counted:
            setattr(self, name, 0)
        return counted

    @classmethod
    def of(cls, counts: Mapping[str, float]) -> "Ledger":
        """From sums by name."""
        return cls(**{each.name: int(counts[each.name]) for each in fields(cls)})

    def measured(self) -> dict[str, float]:
        """As shares, in per cent: of names, and of calls."""
        names, calls = max(1, self.named), max(1, self.calls)
        return {
            "garbled %": 100 * self.garbled / names,
            "failed %": 100 * self.failed / names,
            "re-run % of calls": 100 * self.rerun / calls,
            "recovered %": 100 * self.recovered / names,
            "lost %": 100 * self.lost / names,
            "slipped %": 100 * self.slipped / names,
        }


@dataclass
class NoisyTool:
    """A tool whose names go wrong on their way to memory; where some mean nothing, it is run again."""

    tool: Tool
    noise: Noise
    catalog: Catalog
    """The real one, by which a name is found to mean nothing."""
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def name(self) -> str:
        """The tool's."""
        return self.tool.name

    @property
    def about(self) -> str:
        """The tool's."""
        return self.tool.about

    @property
    def Arguments(self) -> type[BaseModel]:
        """The tool's."""
        return self.tool.Arguments

    def __call__(self, arguments: object, context: Context) -> Proposal | Accepted | Refused:
        """What the tool says, some names garbled."""
        said = self.tool(arguments, context)
        if not isinstance(said, Proposal):
            return said
        names = self._garbled(said, context, 0)
        unknown = self._unknown(names)
        self.ledger.calls += 1
        self.ledger.named += len(names)
        self.ledger.garbled += sum(name != item.name for name, item in zip(names, said.items, strict=True))
        self.ledger.failed += len(unknown)
        for attempt in range(1, self.noise.reruns + 1):
            if not unknown:
                break
            self.ledger.rerun += 1
            again = self._garbled(said, context, attempt)
            for place in unknown:
                names[place] = again[place]
            left = self._unknown(names)
            self.ledger.recovered += len(unknown) - len(left)
            unknown = left
        self.ledger.lost += len(unknown)
        self.ledger.slipped += self._slipped(said, names)
        renamed = zip(names, said.items, strict=True)
        return Proposal(tuple(Named(name, item.rank, item.score) for name, item in renamed), said.note)

    def _garbled(self, said: Proposal, context: Context, attempt: int) -> list[str]:
        rng = stream(self.noise.seed, "id noise", self.noise.kind, context.user.user_id, context.step, attempt)
        hit = rng.random(len(said.items)) < self.noise.rate
        garble = GARBLES[self.noise.kind]
        pairs = zip(said.items, hit, strict=True)
        return [garble(item.name, self.catalog, rng) if wrong else item.name for item, wrong in pairs]

    def _unknown(self, names: list[str]) -> list[int]:
        return [place for place, match in enumerate(self.catalog.resolve_all(names)) if match is None]

    def _slipped(self, said: Proposal, names: list[str]) -> int:
        found = self.catalog.resolve_all(names)
        meant = self.catalog.resolve_all(item.name for item in said.items)
        return sum(
            one is not None and (other is None or one.item_index != other.item_index)
            for one, other in zip(found, meant, strict=True)
        )
