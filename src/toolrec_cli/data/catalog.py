"""The item pool: ids, titles, attributes. Everything a tool names is checked here.

`item_index` runs from 1 to N, and **0 is padding**; it is said here and nowhere else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.data.naming import TitleIndex
from toolrec_cli.errors import UsageError, unknown

PADDING = 0

GUESSES = 20
"""Of one list so many names may be compared with all titles: a model that makes up hundreds must not hold everybody up."""

Value = str | float | int | list[str] | None
"""One item's value of one attribute: text, a number, several labels, or nothing."""


class Kind(StrEnum):
    """What sort of values an attribute has."""

    CATEGORICAL = "categorical"
    MULTI = "multi-valued"
    NUMERIC = "numeric"
    DATE = "date"
    """Stored as text, "2014-02-17"."""
    TEXT = "text"


@dataclass(frozen=True)
class Attribute:
    """One column of the catalogue. `coverage` is the share of items that have a value, `n_values` counts distinct ones."""

    name: str
    kind: Kind
    coverage: float
    n_values: int


@dataclass(frozen=True)
class Match:
    """An item found by name.

    `how` is "id", "title" (letter by letter), "normalised" (but for case, accents, punctuation, articles, the year) or
    "fuzzy" (nearly, with `score` from 0 to 100).
    """

    item_index: int
    how: str
    score: float | None = None


class Catalog:
    """The item pool.

    `frame` has one row an item, in `item_index` order (row r is item r + 1): item_id (str), title (str), then one
    column an attribute.
    """

    def __init__(self, frame: pl.DataFrame, attributes: Sequence[Attribute]) -> None:
        self.frame = frame
        self.attributes: Mapping[str, Attribute] = {a.name: a for a in attributes}
        self._ids: list[str] = ["", *frame["item_id"].to_list()]
        self._titles: list[str] = ["", *frame["title"].to_list()]

    @classmethod
    def read(cls, path: Path, attributes: Sequence[Attribute]) -> "Catalog":
        """The catalogue stored in `path` (items.parquet)."""
        return cls(pl.read_parquet(path), attributes)

    def __len__(self) -> int:
        return len(self._ids) - 1

    def item_id(self, item_index: int) -> str:
        """The id as the data set writes it."""
        return self._ids[item_index]

    def title(self, item_index: int) -> str:
        """The title; foreign text, never markup."""
        return self._titles[item_index]

    @cached_property
    def _by_id(self) -> dict[str, Match]:
        return {item_id: Match(index, "id") for index, item_id in enumerate(self._ids) if index}

    @cached_property
    def _by_title(self) -> dict[str, int]:
        """Titles that name exactly one item."""
        found: dict[str, int] = {}
        twice: set[str] = set()
        for index, title in enumerate(self._titles[1:], start=1):
            if title in found:
                twice.add(title)
            found[title] = index
        return {title: index for title, index in found.items() if title not in twice}

    @cached_property
    def _nearly(self) -> TitleIndex:
        """Titles that may be misspelt; an id that stands for a title may not."""
        ids, titles = self._ids, self._titles
        return TitleIndex(["" if title == ids[i] else title for i, title in enumerate(titles)], self._years())

    def _years(self) -> list[int | None]:
        """By item_index the first number of an attribute that is called a year."""
        numeric = [a.name for a in self.attributes.values() if a.kind is Kind.NUMERIC and "year" in a.name.lower()]
        values = self.values(numeric[0]) if numeric else [None] * len(self._ids)
        return [None if value is None else int(value) for value in values]

    def resolve(self, name: str, *, nearly: bool = True) -> Match | None:
        """The item that `name` means: its id, or else its title, exactly, but for its dress, or nearly, if only one can be meant.

        None when none can be meant, or several. Ids and exact titles cost a look-up; the rest is tried only after them, and
        what is nearly it not at all unless `nearly`.
        """
        if (match := self._by_id.get(name)) is not None:
            return match
        if (index := self._by_title.get(name)) is not None:
            return Match(index, "title")
        found = self._nearly.find(name, nearly=nearly)
        return None if found is None else Match(found.place, found.how, found.score)

    def resolve_all(self, names: Iterable[str]) -> Iterator[Match | None]:
        """Every name in turn; after GUESSES names that had to be compared with all titles, no more are."""
        left = GUESSES
        for name in names:
            match = self.resolve(name, nearly=left > 0)
            left -= match is None or match.how == "fuzzy"
            yield match

    def attribute(self, name: str) -> Attribute:
        """The attribute called `name`. Raises UsageError with the near miss."""
        if name not in self.attributes:
            raise UsageError(unknown("attribute", name, self.attributes, option="--attr"))
        return self.attributes[name]

    def values(self, name: str) -> list[Any]:
        """The attribute's values by `item_index` (length N + 1; entry 0, the padding, is None)."""
        cached = self.__dict__.setdefault("_values", {})
        if name not in cached:
            self.attribute(name)
            cached[name] = [None, *self.frame[name].to_list()]
        return cached[name]

    def described(self, item_index: int) -> dict[str, Value]:
        """All attributes of one item that have a value, in catalogue order."""
        found = {name: self.values(name)[item_index] for name in self.attributes}
        return {name: value for name, value in found.items() if value not in (None, [])}
