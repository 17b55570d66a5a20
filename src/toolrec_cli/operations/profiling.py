"""toolrec datasets show: what a prepared data set looks like."""

from dataclasses import dataclass

import polars as pl

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.profiling.attributes import AttributeProfile, attribute_profile
from toolrec_cli.data.profiling.log import Lengths, Popularity, Ratings, lengths, popularity, ratings
from toolrec_cli.data.profiling.times import Times, times
from toolrec_cli.progress import Progress, silent

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Profile:
    """All figures of a data set. `counts` are the card's; `density` is the share of user-item pairs that met."""

    name: str
    source: str
    directory: str
    digest: str
    counts: dict[str, int]
    density: float
    split: str
    history_lengths: Lengths
    popularity: Popularity
    times: Times | None
    ratings: Ratings | None
    attributes: tuple[AttributeProfile, ...]
    notes: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


def profile(dataset: Dataset, n_top: int = 5, progress: Progress = silent) -> Profile:
    """Describe a data set, each attribute with its `n_top` most frequent values; held-out interactions are counted too.

    The tables are scanned, so that memory grows with users and items, not with interactions.
    Raises InputError when a table is missing or broken.
    """
    card = dataset.card
    n_steps = 4 + len(card.attributes)
    with dataset.table("interactions.parquet") as path:
        log = pl.scan_parquet(path)
        progress("profiling", 0, n_steps, "history lengths")
        of_users = lengths(log)
        progress("profiling", 1, n_steps, "popularity")
        of_items = popularity(log, card.counts["items"])
        progress("profiling", 2, n_steps, "times")
        when = times(log)
        progress("profiling", 3, n_steps, "ratings")
        rated = ratings(log)
    return Profile(
        name=card.name,
        source=card.source,
        directory=str(dataset.directory),
        digest=card.digest,
        counts=card.counts,
        density=density(card.counts),
        split=card.split,
        history_lengths=of_users,
        popularity=of_items,
        times=when,
        ratings=rated,
        attributes=_attributes(dataset, n_top, progress),
        notes=card.notes,
    )


def density(counts: dict[str, int]) -> float:
    """Interactions over all pairs of a user and an item."""
    return counts["interactions"] / max(1, counts["users"] * counts["items"])


def _attributes(dataset: Dataset, n_top: int, progress: Progress) -> tuple[AttributeProfile, ...]:
    found: list[AttributeProfile] = []
    n_steps = 4 + len(dataset.card.attributes)
    with dataset.table("items.parquet") as path:
        for attribute in dataset.card.attributes:
            progress("profiling", 4 + len(found), n_steps, attribute.name)
            found.append(attribute_profile(pl.scan_parquet(path), attribute, n_top))
    progress("profiling", n_steps, n_steps)
    return tuple(found)
