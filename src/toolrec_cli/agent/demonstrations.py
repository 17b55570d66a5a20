"""Demonstrations for the text protocol (the paper shows three), made from the data set at hand: its items, ids and attributes.

Nobody's history is in them: the items are drawn from the catalogue by a value they share.
"""

import re
from collections.abc import Sequence

import numpy as np

from toolrec_cli.agent import quoting
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets
from toolrec_cli.seeds import stream

COUNT = 3
_HISTORY, _FOUND, _LISTED = 2, 4, 3
_LEAST = _HISTORY + _FOUND


def demonstrations(
    catalog: Catalog, facets: Facets, attributes: tuple[str, ...], seed: int = 42, count: int = COUNT
) -> str:
    """`count` short explorations in the grammar, each about one attribute in turn; empty where the catalogue is too small.

    The lists in them are short: how long the real one is to be, the rules say.
    """
    labelled = [name for name in attributes if name in facets.attributes]
    shown = [
        _one(catalog, facets, labelled[number % len(labelled)] if labelled else None, seed, number)
        for number in range(count)
    ]
    found = [text for text in shown if text]
    heads = [f"Example {number} (with a list of {_LISTED}):\n{text}" for number, text in enumerate(found, start=1)]
    return "\n\n".join(heads)


def _one(catalog: Catalog, facets: Facets, attribute: str | None, seed: int, number: int) -> str:
    """A history of items that share a value; what a tool might find; a list of these."""
    draw = stream(seed, "demonstration", number)
    label, pool = _pool(catalog, facets, attribute, draw)
    if len(pool) < _LEAST:
        return ""
    drawn = [int(item) for item in draw.choice(pool, _LEAST, replace=False)]
    history, found = drawn[:_HISTORY], drawn[_HISTORY:]
    ids = [_word(catalog.item_id(item)) for item in found]
    by = "none" if attribute is None else _word(attribute)
    likes = f"I keep choosing {by} {quoting.dumps(quoting.tame(label, 40))}" if label else "I know little of myself"
    return "\n".join(
        [
            "Your history, the newest last:",
            *_lines(catalog, history),
            f"Thought: {likes}. First: what usually follows a history like mine?",
            "Action: Retrieve[none, 2]",
            f"Observation: 2 items, 2 of them new to you, the best first:\n{_joined(catalog, found[:2])}",
            f"Thought: That is a beginning. I ask again, judged by {by}."
            if attribute
            else "Thought: I want more of them.",
            f"Action: Retrieve[{by}, {_FOUND}]",
            f"Observation: {_FOUND} items, 2 of them new to you, the best first:\n{_joined(catalog, found[::-1])}",
            "Thought: Both fit. I order them by what is best known.",
            f"Action: Rank[popularity, {_LISTED}]",
            f"Observation: {_LISTED} items, 0 of them new to you, the best first:\n{_joined(catalog, found[1:])}",
            "Thought: This list goes with my history. I keep it.",
            f"Action: Finish[{', '.join(ids[1:])}]",
        ]
    )


def _word(name: str) -> str:
    """An id or an attribute as it stands in the grammar: as it is, or, where it holds anything odd, quoted."""
    return name if re.fullmatch(r"[\w.:/-]{1,60}", name) else quoting.dumps(name)


def _pool(
    catalog: Catalog, facets: Facets, attribute: str | None, draw: np.random.Generator
) -> tuple[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A value that enough items have, and these items; without an attribute, all of them."""
    everything = np.arange(1, len(catalog) + 1, dtype=np.int64)
    if attribute is None:
        return "", everything
    by_label: dict[str, list[int]] = {}
    for item, labels in enumerate(facets.labels(attribute)):
        for label in labels:
            by_label.setdefault(label, []).append(item)
    usable = sorted(label for label, items in by_label.items() if len(items) >= _LEAST)
    if not usable:
        return "", everything
    label = usable[int(draw.integers(len(usable)))]
    return label, np.array(by_label[label], dtype=np.int64)


def _lines(catalog: Catalog, items: Sequence[int]) -> list[str]:
    return [quoting.item(catalog.item_id(item), catalog.title(item), catalog.described(item)) for item in items]


def _joined(catalog: Catalog, items: Sequence[int]) -> str:
    return "\n".join(_lines(catalog, items))
