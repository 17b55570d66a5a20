"""Attribute values as people say them: "Drama", "1990s", "5.04–19.99". By these a make-up is counted and a value is asked for."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.bounds import Bounds, date_bounds, number_bounds
from toolrec_cli.data.catalog import Catalog, Kind
from toolrec_cli.data.reading.dates import days_since_1970

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Labels = tuple[str, ...]

N_RANGES = 5
"""Numbers that are not years are spoken of in so many ranges, each with about as many items."""

VERY_LIKE = 80.0
"""A value that is so like a label (of 100) may be taken for it, where no other label is within CLEARLY of that."""

CLEARLY = 5.0


class Facets:
    """The labels of every item, attribute by attribute; computed when first asked for.

    What is kept grows with the labels of the catalogue, and not with what is asked.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._labels: dict[str, list[Labels]] = {}
        self._names: dict[str, list[str]] = {}
        self._members: dict[str, _Members] = {}
        self._sizes: dict[str, FloatArray] = {}

    @property
    def attributes(self) -> list[str]:
        """The attributes that have labels: all but free text."""
        return [a.name for a in self._catalog.attributes.values() if a.kind is not Kind.TEXT]

    def labels(self, attribute: str) -> list[Labels]:
        """Labels by item_index (entry 0, the padding, has none)."""
        if attribute not in self._labels:
            kind = self._catalog.attribute(attribute).kind
            self._labels[attribute] = _LABELLED.get(kind, _lists)(self._catalog.values(attribute))
        return self._labels[attribute]

    def names(self, attribute: str) -> list[str]:
        """All labels of an attribute, sorted."""
        if attribute not in self._names:
            self._names[attribute] = sorted({label for labels in self.labels(attribute) for label in labels})
        return self._names[attribute]

    def having(self, attribute: str, value: str) -> BoolArray | None:
        """Which items have `value`: a label in any case, or for numbers and dates whatever `bounds` reads. Shape [N + 1].

        None when no item has it.
        """
        value = value.strip().lower()
        if attribute not in self._members:
            self._members[attribute] = _Members(self.labels(attribute))
        found = self._members[attribute].mask(value)
        kind = self._catalog.attribute(attribute).kind
        if found is None and (bounds := _BOUNDS.get(kind, _no_bounds)(value)):
            sizes = self._size(attribute, kind)
            found = (sizes >= bounds[0]) & (sizes <= bounds[1])
        return found if found is not None and found.any() else None

    def meant(self, attribute: str, value: str) -> str | None:
        """The one label that a misspelt `value` stands for; None where several are as near, or none is.

        Of numbers and dates nothing is guessed: "1960s" is near "1950s", and means something else.
        """
        if self._catalog.attribute(attribute).kind not in (Kind.CATEGORICAL, Kind.MULTI):
            return None
        return nearest(value, self.names(attribute))

    def _size(self, attribute: str, kind: Kind) -> FloatArray:
        """Numbers, or days since 1970; NaN where there is no value. [N + 1]."""
        if attribute not in self._sizes:
            values = self._catalog.values(attribute)
            numbers = days_since_1970(values) if kind is Kind.DATE else [np.nan if v is None else v for v in values]
            self._sizes[attribute] = np.array(numbers, dtype=np.float64)
        return self._sizes[attribute]


class _Members:
    """Which items bear which label: one flat array of item_index, sorted by label."""

    def __init__(self, labels: Sequence[Labels]) -> None:
        self._n = len(labels)
        self._places: dict[str, int] = {}
        small: dict[str, int] = {}
        owners, places = array("i"), array("i")
        for item, found in enumerate(labels):
            for label in found:
                if (place := small.get(label)) is None:
                    place = small[label] = self._places.setdefault(label.lower(), len(self._places))
                owners.append(item)
                places.append(place)
        numbers = np.array(places, dtype=np.int64)
        self._items = np.array(owners, dtype=np.int32)[np.argsort(numbers, kind="stable")]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=len(self._places)))])

    def mask(self, name: str) -> BoolArray | None:
        """The items that bear the label `name` (in small letters), [N + 1]; None when there is no such label."""
        if (place := self._places.get(name)) is None:
            return None
        found = np.zeros(self._n, dtype=np.bool_)
        found[self._items[self._starts[place] : self._starts[place + 1]]] = True
        return found


def nearest(value: str, names: Sequence[str]) -> str | None:
    """The one of `names` that `value` is most like, if it is very like and no other as much."""
    from rapidfuzz import fuzz, process, utils

    best = process.extract(
        value, names, scorer=fuzz.ratio, processor=utils.default_process, limit=2, score_cutoff=VERY_LIKE
    )
    if not best or (len(best) > 1 and best[0][1] - best[1][1] < CLEARLY):
        return None
    return best[0][0]


def _lists(values: Sequence[Any]) -> list[Labels]:
    return [_listed(value) for value in values]


def _listed(value: Any) -> Labels:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)  # pyright: ignore[reportUnknownArgumentType]


def _no_bounds(value: str) -> None:
    return None


def _years(values: Sequence[str | None]) -> list[Labels]:
    """Dates are spoken of by decade, or by year where there are few."""
    years = [None if value is None else int(value[:4]) for value in values]
    if _are_years(np.array([year for year in years if year is not None], dtype=np.float64)):
        return _ranges(years)
    return [() if year is None else (str(year),) for year in years]


def _ranges(values: Sequence[float | None]) -> list[Labels]:
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if _are_years(known):
        places = (known // 10).astype(np.int64).tolist()
        names = {place: (f"{place * 10}s",) for place in set(places)}
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, N_RANGES + 1))) if len(known) else known
        edges = np.repeat(edges, 2) if len(edges) == 1 else edges
        places = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, max(0, len(edges) - 2)).tolist()
        names = {place: (_range_name(low, high),) for place, (low, high) in enumerate(pairwise(edges.tolist()))}
    following = iter(places)
    return [() if value is None else names[next(following)] for value in values]


def _range_name(low: float, high: float) -> str:
    return _spoken(low) if low == high else f"{_spoken(low)}–{_spoken(high)}"


def _spoken(number: float) -> str:
    """5.04 -> "5.04", 1293682.0 -> "1293682"."""
    return f"{number:.0f}" if abs(number) >= 100_000 else f"{number:g}"


def _are_years(known: npt.NDArray[np.float64]) -> bool:
    """Whole numbers between 1000 and 2100 that span at least twenty years."""
    if not len(known) or np.any(known != np.floor(known)):
        return False
    return bool(known.min() >= 1000 and known.max() <= 2100 and np.ptp(known) >= 20)


_LABELLED: Mapping[Kind, Callable[[Sequence[Any]], list[Labels]]] = {Kind.NUMERIC: _ranges, Kind.DATE: _years}
_BOUNDS: Mapping[Kind, Callable[[str], Bounds | None]] = {Kind.NUMERIC: number_bounds, Kind.DATE: date_bounds}
