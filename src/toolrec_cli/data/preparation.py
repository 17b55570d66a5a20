"""Raw tables in the world's ids -> a data set on disk: items, interactions and users by index, split, and the card."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Attribute, Kind
from toolrec_cli.data.dataset import CARD, Dataset, DatasetCard
from toolrec_cli.data.interactions import Part
from toolrec_cli.data.rejects import check, describe
from toolrec_cli.data.source import RawData
from toolrec_cli.data.splits import LEAVE_ONE_OUT, in_order, leave_one_out, short_note, tied_note
from toolrec_cli.errors import InputError
from toolrec_cli.progress import Progress
from toolrec_cli.storage.atomic import building, write_json
from toolrec_cli.storage.digests import file_digest, joint_digest
from toolrec_cli.storage.tables import write_parquet

ITEMS, INTERACTIONS, USERS = "items.parquet", "interactions.parquet", "users.parquet"


@dataclass(frozen=True)
class Prepared:
    """The three tables as they are written, the attributes of the items, and what was decided on the way."""

    items: pl.DataFrame
    interactions: pl.DataFrame
    users: pl.DataFrame
    attributes: tuple[Attribute, ...]
    notes: list[str] = field(default_factory=list[str])


def prepare(
    source_name: str, raw: RawData, name: str, directory: Path, *, skip_bad: bool, progress: Progress
) -> Dataset:
    """Write `raw` as the data set `name` into `directory`, whole or not at all.

    Raises InputError when more than 1 % of a file's rows are bad (unless `skip_bad`), or when no interaction is left.
    """
    check(raw.bad_rows, raw.n_rows, skip_bad=skip_bad)
    if not raw.interactions.height:
        raise InputError(f"There is not one interaction to prepare {name!r} from.", hint="Look at the input file.")
    progress("preparing", 0, 2, "ordering and splitting")
    made = arrange(raw)
    progress("preparing", 1, 2, "writing")
    with building(directory) as temporary:
        digest = _write_tables(made, temporary)
        write_json(temporary / CARD, _card(source_name, raw, name, made, digest).as_json())
    progress("preparing", 2, 2)
    return Dataset(directory)


def arrange(raw: RawData) -> Prepared:
    """The tables of `raw` by index: items in their order from 1, users by first appearance from 0, interactions split."""
    met = raw.items.filter(pl.col("item_id").is_in(raw.interactions["item_id"].unique().implode()))
    items, attributes, notes = _with_attributes(met, raw.kinds)
    users = raw.interactions.select("user_id").unique(maintain_order=True)
    ordered = in_order(_indexed(raw.interactions, items, users))
    notes = [*raw.notes, *_unmet_note(raw.items.height - met.height), *_shared_title_note(items), *notes]
    split = leave_one_out(ordered)
    notes += [*_repeat_note(split), *tied_note(split), *short_note(split)]
    return Prepared(items, split, _with_profiles(users, raw.users), attributes, notes)


def _indexed(interactions: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """user_index (u32), item_index (u32), then timestamp and rating where there are any; in input order."""
    user_index = users.select("user_id").with_row_index("user_index")
    item_index = items.select("item_id").with_row_index("item_index", offset=1)
    joined = interactions.join(user_index, on="user_id", how="left", maintain_order="left")
    joined = joined.join(item_index, on="item_id", how="left", maintain_order="left")
    if joined["item_index"].null_count() or joined.height != interactions.height:
        raise ValueError("a source handed over an interaction without its item, or an item twice")
    types = {"timestamp": pl.Int64, "rating": pl.Float32}
    given = [pl.col(column).cast(dtype) for column, dtype in types.items() if column in interactions.columns]
    return joined.select("user_index", "item_index", *given)


def _with_attributes(
    items: pl.DataFrame, kinds: dict[str, Kind]
) -> tuple[pl.DataFrame, tuple[Attribute, ...], list[str]]:
    """item_id, title and the attributes that have a value; each attribute described; notes on those dropped."""
    names = [name for name in items.columns if name not in ("item_id", "title")]
    blank = [_blank_to_null(name, items.schema[name]) for name in names]
    frame = items.select("item_id", "title", *blank)
    kept = [name for name in names if frame[name].null_count() < frame.height]
    notes = [f"Attribute {name!r} has no value at all and is left out." for name in names if name not in kept]
    attributes = tuple(_described(frame[name], kinds[name]) for name in kept)
    return frame.select("item_id", "title", *kept), attributes, notes


def _blank_to_null(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return pl.when(pl.col(name).list.len() > 0).then(pl.col(name)).alias(name)
    return pl.col(name).replace("", None) if dtype == pl.String else pl.col(name)


def _described(column: pl.Series, kind: Kind) -> Attribute:
    known = column.drop_nulls()
    values = known.explode() if isinstance(known.dtype, pl.List) else known
    return Attribute(column.name, kind, coverage=len(known) / len(column), n_values=values.n_unique())


def _with_profiles(users: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """user_id in `user_index` order, and beside it what is known of each user."""
    if known is None:
        return users
    return users.join(known.unique("user_id", keep="first"), on="user_id", how="left", maintain_order="left")


def _unmet_note(n_unmet: int) -> list[str]:
    return [f"Items that nobody interacted with, left out: {n_unmet:,}."] if n_unmet else []


def _shared_title_note(items: pl.DataFrame) -> list[str]:
    shared = items.filter(pl.col("title").is_duplicated())
    if not shared.height:
        return []
    n_titles = shared["title"].n_unique()
    return [
        f"Items that share their title with another, told apart by their ids: {shared.height:,} (titles: {n_titles:,})."
    ]


def _repeat_note(frame: pl.DataFrame) -> list[str]:
    what = "user, item and time" if "timestamp" in frame.columns else "user and item"
    key = [name for name in ("user_index", "item_index", "timestamp") if name in frame.columns]
    n_repeats = frame.height - frame.select(pl.struct(key).n_unique()).item()
    return [f"Interactions that repeat an earlier one (same {what}), kept: {n_repeats:,}."] if n_repeats else []


def _write_tables(made: Prepared, directory: Path) -> str:
    """Write the three tables; the digest over them all. The same tables give the same bytes."""
    tables = {ITEMS: made.items, INTERACTIONS: made.interactions, USERS: made.users}
    for file, frame in tables.items():
        write_parquet(frame, directory / file)
    return joint_digest(file_digest(directory / file) for file in tables)


def _card(source_name: str, raw: RawData, name: str, made: Prepared, digest: str) -> DatasetCard:
    parts = Counter(dict(made.interactions["part"].value_counts().iter_rows()))
    counts = {"users": made.users.height, "items": made.items.height, "interactions": made.interactions.height}
    return DatasetCard(
        name=name,
        source=source_name,
        raw=raw.files,
        digest=digest,
        counts=counts | {str(part): parts[str(part)] for part in Part},
        attributes=made.attributes,
        split=LEAVE_ONE_OUT,
        notes=(*made.notes, *describe(raw.bad_rows)),
        bad_rows=dict(Counter(f"{row.file}: {row.reason}" for row in raw.bad_rows)),
    )
