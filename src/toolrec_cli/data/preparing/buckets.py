"""A staged log cut into buckets of whole users, each small enough to be sorted in memory."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.choices import Keep
from toolrec_cli.data.preparing.remaining import Counts, Remaining
from toolrec_cli.data.preparing.splits import in_order
from toolrec_cli.data.preparing.staged import Piece, Staged, selected

BUCKET = 1 << 22
"""Interactions of a bucket, more or less: a bucket has whole users, one at least. Sets the memory a preparation needs."""


def buckets(rest: Remaining) -> Iterator[Piece]:
    """Everything that is left, users in number order, each user's interactions together and in input order."""
    bounds = _bounds(rest.users, BUCKET)
    if len(bounds) == 1:
        yield _whole(rest.pieces(), rest.log)
        return
    parts = [
        Staged(rest.log.folder.with_name(f"{rest.log.folder.name}.{place}"), rest.log.types)
        for place in range(len(bounds))
    ]
    for piece in rest.pieces():
        _deal(piece, bounds, parts)
    for part in parts:
        yield _whole(part.pieces(), part)
        part.remove()


def _bounds(users: Counts, size: int) -> npt.NDArray[np.int64]:
    """The first user number of each bucket."""
    before = np.cumsum(users) - users
    return np.unique(before // size, return_index=True)[1]


def _deal(piece: Piece, bounds: npt.NDArray[np.int64], parts: list[Staged]) -> None:
    """Append each row of the piece to the part of its user, in order."""
    place = (np.searchsorted(bounds, piece["user"], side="right") - 1).astype(np.uint16)
    order = np.argsort(place, kind="stable")
    piece, cuts = selected(piece, order), np.searchsorted(place[order], np.arange(len(parts) + 1))
    for part, start, stop in zip(parts, cuts[:-1], cuts[1:], strict=True):
        if start < stop:
            part.append(selected(piece, slice(start, stop)))


def _whole(pieces: Iterator[Piece], log: Staged) -> Piece:
    found = list(pieces)
    return {
        name: np.concatenate([piece[name] for piece in found] or [np.zeros(0, log.types[name])]) for name in log.types
    }


def deduplicated(rest: Remaining, keep: Keep) -> Remaining:
    """Of a user's interactions with the same item, the first or the last in time order, ties in input order."""
    log = Staged(rest.log.folder.with_name("deduplicated"), rest.log.types)
    strategy = "first" if keep is Keep.FIRST else "last"
    for bucket in buckets(rest):
        frame = in_order(pl.DataFrame(bucket), "user").unique(["user", "item"], keep=strategy, maintain_order=True)
        log.append({name: frame[name].to_numpy() for name in log.types})
    rest.log.remove()
    return Remaining.of(log, len(rest.users), len(rest.items))
