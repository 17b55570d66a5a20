"""Raw tables in the world's ids -> a data set on disk: items, interactions and users by index, split, and the card.

Interactions are never held all at once: they are numbered and staged on disk as they come, filtered by counting, cut into
buckets of users, and ordered, split and written a bucket at a time. What is in memory grows with the ids, not with the log.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from toolrec_cli.data.choices import Choices, Step, time_shares
from toolrec_cli.data.dataset import CARD, Dataset, DatasetCard
from toolrec_cli.data.preparing.buckets import buckets
from toolrec_cli.data.preparing.filtering import filtered
from toolrec_cli.data.preparing.pool import Pool, item_pool
from toolrec_cli.data.preparing.remaining import Remaining
from toolrec_cli.data.preparing.splits import PARTS, TimeCuts, in_order, last_two, time_cuts
from toolrec_cli.data.preparing.staged import Piece
from toolrec_cli.data.preparing.staging import N_STEPS, Stage, stage
from toolrec_cli.data.preparing.tally import Tally
from toolrec_cli.data.preparing.writing import InteractionsWriter
from toolrec_cli.data.reading.rejects import check, describe, reasons_of
from toolrec_cli.data.source import POSITION, BadRow, RawData, Told
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import Progress
from toolrec_cli.storage.atomic import building, write_json
from toolrec_cli.storage.digests import file_digest, joint_digest
from toolrec_cli.storage.tables import write_parquet

ITEMS, INTERACTIONS, USERS = "items.parquet", "interactions.parquet", "users.parquet"


@dataclass(frozen=True)
class _Made:
    """What a data set holds, besides the interactions, which are on disk."""

    pool: Pool
    users: pl.DataFrame
    steps: list[Step]
    told: Told
    tally: Tally


def prepare(
    source_name: str,
    raw: RawData,
    name: str,
    directory: Path,
    *,
    skip_bad: bool,
    progress: Progress,
    choices: Choices | None = None,
    on_rejected: Callable[[Sequence[BadRow]], None] = lambda _: None,
) -> Dataset:
    """Write `raw` as the data set `name` into `directory`, whole or not at all.

    Raises InputError when more than 1 % of a file's rows are bad (unless `skip_bad`), or when no interaction is left;
    UsageError when `choices` need times or ratings and there are none. `on_rejected` is given the bad rows that were found
    while a `Log` was read (the first of each file and reason), before anything is refused for them.
    """
    choices = choices or Choices()
    check(raw.bad_rows, raw.n_rows, skip_bad=skip_bad)
    _check_columns(raw.interactions.columns, choices)
    with building(directory) as temporary, _scratch(temporary) as scratch:
        staged = stage(raw, choices.min_rating, scratch, progress)
        on_rejected(staged.told.bad_rows)
        check(staged.told.bad_rows, staged.told.n_rows, skip_bad=skip_bad, counts=staged.told.n_bad)
        if not staged.n_read:
            raise InputError(f"There is not one interaction to prepare {name!r} from.", hint="Look at the input file.")
        progress("preparing", 1, N_STEPS, "filtering")
        rest, steps = filtered(staged, choices)
        progress("preparing", 2, N_STEPS, "ordering, splitting and writing")
        made = _write_tables(raw, staged, rest, steps, choices, temporary)
        digest = joint_digest(file_digest(temporary / file) for file in (ITEMS, INTERACTIONS, USERS))
        write_json(temporary / CARD, _card(source_name, raw, name, made, choices, digest).as_json())
    progress("preparing", N_STEPS, N_STEPS)
    return Dataset(directory)


def _check_columns(columns: list[str], choices: Choices) -> None:
    if choices.min_rating is not None and "rating" not in columns:
        raise UsageError("There are no ratings, so none can be too low.", hint="Leave out --min-rating.")
    if time_shares(choices.split) and "timestamp" not in columns:
        raise UsageError("There are no times to split by.", hint="Use --split leave-one-out.")


@contextmanager
def _scratch(directory: Path) -> Generator[Path]:
    """A folder for what is staged, gone when the block ends."""
    folder = directory / "staged"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_tables(
    raw: RawData, staged: Stage, rest: Remaining, steps: list[Step], choices: Choices, directory: Path
) -> _Made:
    """Write the three tables. The same input and choices give the same bytes."""
    n_unmet = 0 if raw.items is None else raw.items.height - staged.n_met
    pool = item_pool(raw, staged.items, rest.items > 0, n_unmet)
    write_parquet(pool.items, directory / ITEMS)
    shares = time_shares(choices.split)
    cuts = None if shares is None else time_cuts(lambda: (p["timestamp"] for p in rest.pieces("timestamp")), shares)
    tally = _write_interactions(rest, cuts, directory / INTERACTIONS)
    users = _with_profiles(staged.users.ids().filter(pl.Series(rest.users > 0)).alias("user_id"), raw.users)
    write_parquet(users, directory / USERS)
    return _Made(pool, users, steps, staged.told, tally)


def _write_interactions(rest: Remaining, cuts: TimeCuts | None, path: Path) -> Tally:
    """Order, split and write what is left, bucket by bucket; users and items get their final index."""
    user_index = np.cumsum(rest.users > 0, dtype=np.uint32) - np.uint32(1)
    item_index = np.cumsum(rest.items > 0, dtype=np.uint32)
    split, tally = cuts or last_two, Tally(cuts)
    with InteractionsWriter(path) as writer:
        for bucket in buckets(rest):
            frame = in_order(_indexed(bucket, user_index, item_index)).drop(POSITION, strict=False)
            codes = split(frame)
            tally.add(frame, codes)
            writer.add(frame, codes)
    return tally


def _indexed(bucket: Piece, user_index: np.ndarray, item_index: np.ndarray) -> pl.DataFrame:
    """user_index (u32, from 0), item_index (u32, from 1), then timestamp or position, and rating, where there are any."""
    indices = {"user_index": user_index[bucket.pop("user")], "item_index": item_index[bucket.pop("item")]}
    return pl.DataFrame({**indices, **bucket})


def _with_profiles(users: pl.Series, known: pl.DataFrame | None) -> pl.DataFrame:
    """user_id in `user_index` order, and beside it what is known of each user."""
    if known is None:
        return users.to_frame()
    return users.to_frame().join(known.unique("user_id", keep="first"), on="user_id", how="left", maintain_order="left")


def _card(source_name: str, raw: RawData, name: str, made: _Made, choices: Choices, digest: str) -> DatasetCard:
    parts = {str(part): int(count) for part, count in zip(PARTS, made.tally.parts, strict=True)}
    counts = {"users": made.users.height, "items": made.pool.items.height, "interactions": sum(parts.values())}
    bad = reasons_of(raw.bad_rows) + Counter(made.told.n_bad)
    notes = [*raw.notes, *made.told.notes, *map(str, made.steps), *made.pool.notes, *made.tally.notes()]
    return DatasetCard(
        name=name,
        source=source_name,
        raw=raw.files,
        digest=digest,
        counts=counts | parts,
        attributes=made.pool.attributes,
        split=choices.split,
        notes=(*notes, *describe([*raw.bad_rows, *made.told.bad_rows], bad)),
        bad_rows={f"{file}: {reason}": count for (file, reason), count in bad.items()},
        choices=choices.as_json(),
        steps=tuple(made.steps),
    )
