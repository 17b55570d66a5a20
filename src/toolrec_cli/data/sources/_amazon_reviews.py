"""Amazon's reviews: who rated what, and when; of 2014 and 2018, of 2023, or the short form of ratings only."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from toolrec_cli.data.reading.json_objects import read_objects
from toolrec_cli.data.reading.lines import blocks, numbered, split_fields
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.reading.unpacking import unpacked
from toolrec_cli.data.sources._amazon_files import CSV, HINT
from toolrec_cli.data.sources._ratings import usable
from toolrec_cli.errors import InputError

KEYS = {
    "user_id": ("reviewerID", "user_id"),
    "item_id": ("parent_asin", "asin"),
    "rating": ("overall", "rating"),
    "timestamp": ("unixReviewTime", "timestamp"),
}
"""Our name -> the keys of the releases, the one that counts first: since 2023 items are parents, of which asin is a variant."""

NAMED = ["user_id", "parent_asin", "rating", "timestamp"]
"""The first line of the ratings of 2023. Older ones have none: 2014's are user, item, rating, time; 2018's item, user, …"""

_ASIN = r"^(B[0-9A-Z]{9}|\d{9}[\dX])$"
_MILLISECONDS = 10**11
"""Larger times are milliseconds: in seconds it would be the year 5138."""


@dataclass(frozen=True)
class Reviews:
    """line, user_id, item_id, rating (f32), timestamp (i64) of every review that can be used; and what could not be."""

    frame: pl.DataFrame
    sieve: Sieve
    n_rows: int
    notes: list[str]


def read_reviews(path: Path) -> Reviews:
    """Raises InputError when the file is empty, cut off, or holds no reviews."""
    sieve = Sieve(path.name)
    with unpacked(path, hint=HINT) as stream:
        read = _ratings(stream, sieve) if path.name.lower().endswith(CSV) else _reviews(stream, sieve)
        frames = [usable(frame, sieve) for frame in read]
    good = sum(frame.height for frame in frames)
    n_rows = good + len(sieve.bad)
    if not n_rows:
        raise InputError(f"{path} is empty.", hint=HINT)
    if not good:
        first = sieve.bad[0]
        raise InputError(f"{path} holds no reviews; line {first.line}: {first.reason}.", hint=HINT)
    frame = pl.concat(frames)
    unit = "milliseconds" if _are_milliseconds(frame) else "seconds"
    return Reviews(frame, sieve, n_rows, [f"{path.name}: the times are {unit} since 1970."])


def _reviews(stream: BinaryIO, sieve: Sieve) -> Iterator[pl.DataFrame]:
    keys = [key for either in KEYS.values() for key in either]
    for frame in read_objects(stream, keys, sieve):
        yield frame.select("line", *[pl.coalesce(either).alias(name) for name, either in KEYS.items()])


def _ratings(stream: BinaryIO, sieve: Sieve) -> Iterator[pl.DataFrame]:
    first = 1
    names: list[str] = []
    for block in blocks(stream):
        lines = numbered(block, first)
        first += block.count(b"\n")
        if not names and lines.height:
            heading = lines["text"][0].strip().split(",")
            lines = lines.slice(1) if heading == NAMED else lines
            names = list(KEYS) if heading == NAMED else _order(lines)
        yield split_fields(lines, ",", names or list(KEYS), sieve).select("line", *KEYS)


def _order(lines: pl.DataFrame) -> list[str]:
    """Whether the item or the user stands first; items are known by the look of their ids."""
    fields = lines["text"].str.split_exact(",", 1).struct.unnest()
    shares = [fields[column].str.contains(_ASIN).sum() for column in fields.columns]
    user, item, *others = KEYS
    return [item, user, *others] if shares[0] > shares[1] else [user, item, *others]


def _are_milliseconds(frame: pl.DataFrame) -> bool:
    median = frame["timestamp"].median()
    return isinstance(median, float) and median >= _MILLISECONDS
