"""Attribute values as people say them: "Drama", "1990s", "5.04–19.99". By these a make-up is counted and a value is asked for."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.catalog import Catalog, Kind

BoolArray = npt.NDArray[np.bool_]
Labels = tuple[str, ...]

N_RANGES = 5
"""Numbers that are not years are spoken of in so many ranges, each with about as many items."""

_RANGE = re.compile(r"^\s*(-?[\d.]+)\s*(?:-|–|\.\.|to)\s*(-?[\d.]+)\s*$")


class Facets:
    """The labels of every item, attribute by attribute; computed when first asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._labels: dict[str, list[Labels]] = {}
        self._members: dict[tuple[str, str], BoolArray] = {}

    @property
    def attributes(self) -> list[str]:
        """The attributes that have labels: all but free text."""
        return [a.name for a in self._catalog.attributes.values() if a.kind is not Kind.TEXT]

    def labels(self, attribute: str) -> list[Labels]:
        """Labels by item_index (entry 0, the padding, has none)."""
        if attribute not in self._labels:
            kind = self._catalog.attribute(attribute).kind
            values = self._catalog.values(attribute)
            self._labels[attribute] = _ranges(values) if kind is Kind.NUMERIC else [_listed(v) for v in values]
        return self._labels[attribute]

    def names(self, attribute: str) -> list[str]:
        """All labels of an attribute, sorted."""
        return sorted({label for labels in self.labels(attribute) for label in labels})

    def having(self, attribute: str, value: str) -> BoolArray | None:
        """Which items have `value`: a label in any case, or for numbers also "1994" or "1990-1999". Shape [N + 1].

        None when no item has it.
        """
        key = (attribute, value.strip().lower())
        if key not in self._members:
            self._members[key] = self._find(attribute, key[1])
        found = self._members[key]
        return found if found.any() else None

    def _find(self, attribute: str, value: str) -> BoolArray:
        labelled = np.array([any(label.lower() == value for label in labels) for labels in self.labels(attribute)])
        if labelled.any() or self._catalog.attribute(attribute).kind is not Kind.NUMERIC:
            return labelled
        bounds = _bounds(value)
        numbers = np.array([np.nan if v is None else v for v in self._catalog.values(attribute)], dtype=np.float64)
        return np.zeros_like(labelled) if bounds is None else (numbers >= bounds[0]) & (numbers <= bounds[1])


def _listed(value: Any) -> Labels:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)  # pyright: ignore[reportUnknownArgumentType]


def _bounds(value: str) -> tuple[float, float] | None:
    """ "1990-1999" -> (1990, 1999); "1994" -> (1994, 1994); None when it is no number."""
    try:
        if found := _RANGE.match(value):
            return float(found[1]), float(found[2])
        return float(value), float(value)
    except ValueError:
        return None


def _ranges(values: Sequence[float | None]) -> list[Labels]:
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if _are_years(known):
        return [() if value is None else (f"{int(value) // 10 * 10}s",) for value in values]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, N_RANGES + 1))) if len(known) else known
    if len(edges) < 2:
        return [() if value is None else (_spoken(value),) for value in values]
    names = [f"{_spoken(low)}–{_spoken(high)}" for low, high in pairwise(edges.tolist())]
    return [() if v is None else (names[_place(edges, v)],) for v in values]


def _spoken(number: float) -> str:
    """5.04 -> "5.04", 1293682.0 -> "1293682"."""
    return f"{number:.0f}" if abs(number) >= 100_000 else f"{number:g}"


def _place(edges: npt.NDArray[np.float64], value: float) -> int:
    return int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2))


def _are_years(known: npt.NDArray[np.float64]) -> bool:
    """Whole numbers between 1000 and 2100 that span at least twenty years."""
    if not len(known) or np.any(known != np.floor(known)):
        return False
    return bool(known.min() >= 1000 and known.max() <= 2100 and np.ptp(known) >= 20)
