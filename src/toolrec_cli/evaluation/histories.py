"""Histories that make it hard: contradictory, of one rare label, shuffled, very short, very long, poisoned.

Made from the histories and the catalogue alone, by the seed; no held-out item is looked at, so that one may turn up among what
is put in. It is then masked, and a miss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.evaluation.labels import LabelTable
from toolrec_cli.seeds import stream

IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.int32]

LONG = 1_000
"""Very long: at least so many items, other users' histories first."""

POISONED = 0.2
"""Poisoned: so much of a history is items that hardly anybody met."""


@dataclass(frozen=True)
class Surroundings:
    """What an adverse history is made from."""

    histories: Interactions
    labels: Mapping[str, LabelTable]
    counts: IntArray
    """Interactions of each item, [N + 1]."""

    def having(self, label: int, table: LabelTable) -> IntArray:
        """The items with the label, ascending."""
        return np.flatnonzero((table.ids == label).any(axis=1))


def _contradictory(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """Every other item replaced by one that shares no label with what came before it, whatever that was."""
    found = own.copy()
    for place in range(1, len(own), 2):
        there = np.zeros(len(of.counts), np.bool_)
        for table in of.labels.values():
            mine = table.ids[found[place - 1]]
            there |= np.isin(table.ids, mine[mine > 0]).any(axis=1)
        there[0] = True
        if len(other := np.flatnonzero(~there)):
            found[place] = rng.choice(other)
    return found


def _rare(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """Only items of one rare label: the rarest of the first attribute that five items have, or the most there are."""
    if not of.labels:
        return own
    table = next(iter(of.labels.values()))
    sizes = np.bincount(table.ids[1:][table.ids[1:] > 0], minlength=table.n + 1)[1:]
    enough = np.flatnonzero(sizes >= min(5, int(sizes.max(initial=0))))
    label = 1 + int(enough[np.argmin(sizes[enough])])
    items = of.having(label, table)
    return rng.permutation(items)[: max(1, min(len(own), len(items)))].astype(np.int32)


def _shuffled(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """The same items in another order."""
    return rng.permutation(own)


def _short(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """The newest item alone."""
    return own[-1:]


def _long(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """Other users' histories before one's own, until there are LONG items; half the catalogue at most."""
    wanted = min(LONG, (len(of.counts) - 1) // 2)
    parts = [own]
    for user in rng.permutation(of.histories.n_users):
        if sum(map(len, parts)) >= wanted:
            break
        parts.insert(0, of.histories.history(int(user)))
    return np.concatenate(parts)[-max(wanted, len(own)) :]


def _poisoned(own: ItemArray, of: Surroundings, rng: np.random.Generator) -> ItemArray:
    """A fifth of the places, the newest one among them, taken by the least popular fifth of the items."""
    order = np.argsort(of.counts[1:], kind="stable") + 1
    obscure = order[: max(1, len(order) // 5)]
    places = np.unique(np.append(np.flatnonzero(rng.random(len(own)) < POISONED), len(own) - 1))
    found = own.copy()
    found[places] = rng.choice(obscure, len(places))
    return found


ADVERSE: dict[str, Callable[[ItemArray, Surroundings, np.random.Generator], ItemArray]] = {
    "contradictory": _contradictory,
    "single rare label": _rare,
    "shuffled": _shuffled,
    "very short": _short,
    "very long": _long,
    "poisoned": _poisoned,
}


def altered(
    kind: str, histories: Interactions, users: IntArray, labels: Mapping[str, LabelTable], n_items: int, seed: int
) -> Interactions:
    """The histories of `users` made adverse; everybody else's are empty, and nobody has ratings.

    What is put in a place was met when the user's own item there was, counted from the newest; what is longer than that, at the
    time of the oldest: a backbone may read times.
    """
    counts = np.bincount(histories.items, minlength=n_items + 1).astype(np.int64)
    of = Surroundings(histories, labels, counts)
    made = {
        user: ADVERSE[kind](histories.history(user), of, stream(seed, "adverse history", kind, user))
        for user in users.tolist()
    }
    lengths = np.zeros(histories.n_users, np.int64)
    lengths[list(made)] = [len(each) for each in made.values()]
    items = np.concatenate([*made.values(), np.zeros(0, np.int32)]).astype(np.int32)
    times = None
    if histories.timestamps is not None:
        parts = [_times(histories, user, len(each)) for user, each in made.items()]
        times = np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)
    return Interactions(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), items, times, None)


def _times(histories: Interactions, user: int, length: int) -> IntArray:
    """The user's newest `length` times; the oldest as often as there are too few. [length]."""
    assert histories.timestamps is not None
    own = histories.timestamps[histories.offsets[user] : histories.offsets[user + 1]]
    return np.concatenate([np.full(max(0, length - len(own)), own[0]), own[max(0, len(own) - length) :]])
