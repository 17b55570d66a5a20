"""What is left of a staged log after each step: which users and items, with how many interactions each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.preparing.staged import Piece, Staged, selected

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_DEAD = 0.4
"""Above this share of rows that are gone, the files are written anew without them."""


@dataclass(frozen=True)
class Remaining:
    """`log` may still hold rows of users and items that are gone: those with a count of 0."""

    log: Staged
    users: Counts
    """Interactions by user number, 0 for whoever is gone. Shape [users ever met]."""
    items: Counts
    """The same by item number."""
    rounds: int = 0
    """How often the last step went over the log."""

    @classmethod
    def of(cls, log: Staged, n_users: int, n_items: int) -> "Remaining":
        """Everything that is staged."""
        every = np.ones(n_users, np.bool_), np.ones(n_items, np.bool_)
        return cls(log, *_counted(log, *every))

    @property
    def n_rows(self) -> int:
        return int(self.users.sum())

    def pieces(self, *names: str) -> Iterator[Piece]:
        """The rows that are left, with the columns `names` (none: all)."""
        users, items = self.users > 0, self.items > 0
        whole = self.n_rows == self.log.n_rows
        needed = () if not names else tuple(dict.fromkeys(("user", "item", *names)))
        for piece in self.log.pieces(*(names if whole else needed)):
            yield piece if whole else selected(piece, users[piece["user"]] & items[piece["item"]])

    def only(self, users: Mask, items: Mask) -> "Remaining":
        """What is left when only these users and items stay."""
        users, items = users & (self.users > 0), items & (self.items > 0)
        rest = Remaining(self.log, *_counted(self.log, users, items), self.rounds + 1)
        return rest._compacted() if rest.n_rows < (1 - _DEAD) * self.log.n_rows else rest

    def _compacted(self) -> "Remaining":
        log = Staged(self.log.folder.with_name(f"{self.log.folder.name}+"), self.log.types)
        for piece in self.pieces():
            log.append(piece)
        self.log.remove()
        return Remaining(log, self.users, self.items, self.rounds)


def _counted(log: Staged, users: Mask, items: Mask) -> tuple[Counts, Counts]:
    """How many rows each user and each item has, in rows where both may stay."""
    by_user, by_item = np.zeros(len(users), np.int64), np.zeros(len(items), np.int64)
    all_stay = bool(users.all() and items.all())
    for piece in log.pieces("user", "item"):
        user, item = piece["user"], piece["item"]
        if not all_stay:
            stays = users[user] & items[item]
            user, item = user[stays], item[stays]
        _add(by_user, user)
        _add(by_item, item)
    return by_user, by_item


def _add(counts: Counts, numbers: npt.NDArray[np.uint32]) -> None:
    """Count `numbers` into `counts`, in place."""
    found = np.bincount(numbers)
    counts[: len(found)] += found


def core(rest: Remaining, user_core: int, item_core: int) -> Remaining:
    """The largest part in which every user and every item has as many interactions; `rounds` says how often it was cut.

    Whoever has too few goes, and all his interactions with him, until nobody has too few: which one goes first does not matter.
    """
    rest = Remaining(rest.log, rest.users, rest.items)
    while _below(rest.users, user_core) or _below(rest.items, item_core):
        rest = rest.only(rest.users >= user_core, rest.items >= item_core)
    return rest


def _below(counts: Counts, least: int) -> bool:
    return bool(((counts > 0) & (counts < least)).any())
