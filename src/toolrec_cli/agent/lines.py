"""An item's line, made once: a run tells the same items again and again, in every round and to every user.

The text is that of `quoting.item`, to the byte; what is kept goes with the card, or the catalogue, that it was made of.
"""

from typing import Any
from weakref import WeakKeyDictionary

from toolrec_cli.agent import quoting
from toolrec_cli.agent.trajectory import ItemCard
from toolrec_cli.data.catalog import Catalog

MOST = 50_000
"""Items of a catalogue whose lines are kept at once."""

_KEPT = "_line"
_OF_CATALOG: WeakKeyDictionary[Catalog, dict[int, tuple[str, ItemCard]]] = WeakKeyDictionary()


def of_card(item_id: str, card: ItemCard, **more: Any) -> str:
    """The line of an item as a trajectory holds it; `more` stands at its end."""
    kept = card.__dict__.get(_KEPT)
    if kept is None or kept[0] != item_id:
        names = frozenset(quoting.tame(name, quoting.VALUE) for name in card.attributes)
        kept = item_id, quoting.item(item_id, card.title, card.attributes), names
        card.__dict__[_KEPT] = kept  # beside the fields: no part of what is compared or recorded
    _, line, names = kept
    if not more:
        return line
    if not names.isdisjoint(more):  # they give way
        return quoting.item(item_id, card.title, card.attributes, **more)
    return f"{line[:-1]}, {quoting.dumps(more)[1:]}"


def of_catalog(catalog: Catalog, item: int, **more: Any) -> str:
    """The line of an item as the catalogue describes it."""
    lines = _OF_CATALOG.setdefault(catalog, {})
    if (found := lines.get(item)) is None:
        if len(lines) >= MOST:
            lines.clear()
        found = lines[item] = catalog.item_id(item), ItemCard(catalog.title(item), catalog.described(item))
    return of_card(*found, **more)
