"""A prepared data set: items.parquet, interactions.parquet, users.parquet, and dataset.json, which is written last.

interactions.parquet holds user_index (u32, from 0), item_index (u32, from 1), timestamp (i64) and rating (f32) where there
are any, and part ("train", "validation", "test"), ordered by user, then time, then input order.
users.parquet holds user_id (str) in `user_index` order, then what is known of each user.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import TypeAdapter

from toolrec_cli.data.catalog import Attribute, Catalog
from toolrec_cli.data.choices import Step
from toolrec_cli.data.interactions import IntArray, Interactions, Part, read_before, read_held_out, read_users_with
from toolrec_cli.errors import InputError, UsageError, unknown

SCHEMA_VERSION = 1
CARD = "dataset.json"


@dataclass(frozen=True)
class DatasetCard:
    """dataset.json: what a data set is, where it came from, and what was done to it."""

    name: str
    source: str
    raw: dict[str, str]
    """File name -> SHA-256 of what was read; empty for the generated sample."""
    digest: str
    """SHA-256 over the three Parquet files: by this, models and runs name the data set."""
    counts: dict[str, int]
    """users, items, interactions, then interactions by part: train, validation, test."""
    attributes: tuple[Attribute, ...]
    split: str
    notes: tuple[str, ...] = ()
    """What was repaired, dropped or decided on the way, in sentences."""
    bad_rows: dict[str, int] = field(default_factory=dict[str, int])
    """Reason -> how many rows were left out."""
    choices: dict[str, Any] = field(default_factory=dict[str, Any])
    """How the log was filtered and split, in the order of application; empty in cards from before there was a choice."""
    steps: tuple[Step, ...] = ()
    """What each of these left out."""
    schema_version: int = SCHEMA_VERSION

    def as_json(self) -> dict[str, Any]:
        """The card as JSON-ready values."""
        return asdict(self)


def parse_card(path: Path) -> DatasetCard:
    """Read dataset.json. Raises InputError when it is newer than this program or not a card at all."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(raw["schema_version"])
        if version <= SCHEMA_VERSION:
            return TypeAdapter(DatasetCard).validate_python(raw)
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not describe a data set ({reason}).", hint="Prepare it again.") from error
    raise InputError(
        f"{path} has schema version {version}; this toolrec reads up to {SCHEMA_VERSION}.", hint="Upgrade toolrec."
    )


class Dataset:
    """A prepared data set on disk; its parts are read when they are asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.card = parse_card(directory / CARD)

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def n_users(self) -> int:
        return self.card.counts["users"]

    @cached_property
    def catalog(self) -> Catalog:
        """The item pool."""
        with self._file("items.parquet") as path:
            return Catalog.read(path, self.card.attributes)

    @cached_property
    def users(self) -> pl.DataFrame:
        """user_id and what is known of each user, in user_index order."""
        with self._file("users.parquet") as path:
            return pl.read_parquet(path)

    def user_index(self, user_id: str) -> int:
        """The row of `user_id`. Raises UsageError with the near miss."""
        ids = self.users["user_id"]
        found = ids.index_of(user_id)
        if found is None:
            hint = f"{self.name} has {self.n_users:,} users, such as {ids[0]!r} and {ids[-1]!r}."
            raise UsageError(unknown("user", user_id, _comparable(ids, user_id), hint=hint, option="--user"))
        return found

    def user_indices(self, user_ids: Sequence[str]) -> IntArray:
        """The rows of any number of users, in their order. Raises UsageError for the first who is unknown, with the near miss."""
        known = self.users.select("user_id").with_row_index("user_index")
        asked = pl.DataFrame({"user_id": user_ids}, schema={"user_id": pl.String})
        found = asked.join(known, on="user_id", how="left", maintain_order="left")["user_index"]
        if found.null_count():
            self.user_index(asked["user_id"][found.is_null().arg_max() or 0])
        return found.to_numpy().astype(np.int64)

    def user_id(self, user_index: int) -> str:
        return self.users["user_id"][user_index]

    def user_ids(self, users: IntArray) -> list[str]:
        """The ids of any number of users (user_index)."""
        return self.users["user_id"].gather(users).to_list()

    def profile(self, user_index: int) -> dict[str, Any]:
        """What is known of the user besides the history, without empty entries."""
        row = self.users.row(user_index, named=True)
        return {key: value for key, value in row.items() if key != "user_id" and value is not None}

    @property
    def timed(self) -> bool:
        """Whether it is known when the interactions were."""
        with self._file("interactions.parquet") as path:
            return "timestamp" in pl.read_parquet_schema(path)

    def before(
        self, part: Part | None, *, users: Sequence[int] | IntArray | None = None, items_only: bool = False
    ) -> Interactions:
        """Histories up to (not including) `part`; all of them when `part` is None.

        Everybody's, or those of `users` (user_index) alone; with times and ratings, or `items_only`.
        """
        with self._file("interactions.parquet") as path:
            return read_before(path, part, self.n_users, users=users, items_only=items_only)

    def held_out(self, part: Part) -> npt.NDArray[np.int32]:
        """Everybody's held-out item of `part` (item_index, 0 = none). Labels: only scoring may ask."""
        with self._file("interactions.parquet") as path:
            return read_held_out(path, part, self.n_users)

    def users_with(self, part: Part) -> IntArray:
        """Who has an item held out in `part` (user_index), but not which item."""
        with self._file("interactions.parquet") as path:
            return read_users_with(path, part)

    def table(self, name: str) -> AbstractContextManager[Path]:
        """The path of one of the tables, to be scanned inside a `with`. Raises InputError when it is missing or broken."""
        return self._file(name)

    @contextmanager
    def _file(self, name: str) -> Generator[Path]:
        """The path of one of the tables. Raises InputError when it turns out to be missing or broken."""
        path = self.directory / name
        try:
            yield path
        except (FileNotFoundError, pl.exceptions.PolarsError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{path} is missing or cut off ({reason}).", hint="Prepare it again: toolrec prep … --force"
            ) from error


_COMPARED = 100_000
"""A name that is not known is compared with so many at most."""


def _comparable(ids: pl.Series, name: str) -> list[str]:
    """The ids among which a near miss of `name` is looked for: all, or of very many those of the same beginning and length, and
    those that it is made of, with commas between them.
    """
    if len(ids) <= _COMPARED:
        return ids.to_list()
    alike = ids.str.starts_with(name[:2]) & (ids.str.len_chars().cast(pl.Int64) - len(name)).abs().le(1)
    parts = [part.strip() for part in name.split(",")]
    return [*ids.filter(alike).head(_COMPARED).to_list(), *ids.filter(ids.is_in(parts)).to_list()]
