"""What a history, or a list, is made of: the share of every label of an attribute, and how two make-ups differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolrec_cli.data.facets import Labels
from toolrec_cli.tools.protocol import Context

NEWEST = 50
"""Older items say little about what is wanted next."""

HALF_LIFE = 20.0
"""An item this many places back counts half as much as the newest."""

Shares = Mapping[str, float]


@dataclass(frozen=True)
class Gap:
    """How a list differs from a history by one attribute.

    `divergence` is the total variation distance ½ Σ |list − history|, from 0 (the same make-up) to 1 (nothing in common).
    """

    attribute: str
    divergence: float
    wanted: Shares
    present: Shares

    def missing(self, at_least: float = 0.05) -> list[str]:
        """Labels the list has too little of, worst first."""
        lacks = {label: share - self.present.get(label, 0.0) for label, share in self.wanted.items()}
        return [label for label, lack in sorted(lacks.items(), key=lambda pair: -pair[1]) if lack >= at_least]

    def excessive(self, at_least: float = 0.05) -> list[str]:
        """Labels the list has too much of, worst first."""
        extra = {label: share - self.wanted.get(label, 0.0) for label, share in self.present.items()}
        return [label for label, more in sorted(extra.items(), key=lambda pair: -pair[1]) if more >= at_least]


def shares(labelled: Iterable[tuple[Labels, float]]) -> dict[str, float]:
    """(labels, weight) of each item -> the share of each label; an item's weight is split evenly among its labels."""
    totals: dict[str, float] = defaultdict(float)
    for labels, weight in labelled:
        if labels:
            part = weight / len(labels)
            for label in labels:
                totals[label] += part
    whole = sum(totals.values())
    return {label: total / whole for label, total in totals.items()} if whole else {}


def history_shares(context: Context, attribute: str) -> Shares:
    """The make-up of the newest items of the history, the newest counting most. Of a user it is counted once."""
    known = context.user.makeup
    if attribute not in known:
        labels = context.facets.labels(attribute)
        newest: list[int] = context.user.history[-NEWEST:][::-1].tolist()
        known[attribute] = shares((labels[item], 0.5 ** (age / HALF_LIFE)) for age, item in enumerate(newest))
    return known[attribute]


def gap(context: Context, attribute: str, listed: Iterable[int]) -> Gap:
    """How the list (item_index) differs from the history by `attribute`."""
    labels = context.facets.labels(attribute)
    wanted = history_shares(context, attribute)
    present = shares((labels[item], 1.0) for item in listed)
    far = sum([abs(share - present.get(label, 0.0)) for label, share in wanted.items()])
    divergence = 0.5 * (far + sum([share for label, share in present.items() if label not in wanted]))
    return Gap(attribute, divergence, wanted, present)
