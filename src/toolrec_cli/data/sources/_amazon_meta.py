"""Amazon's metadata: what the items are; JSON lines, those of 2014 as Python wrote them."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.reading.json_objects import read_objects
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.reading.unpacking import unpacked
from toolrec_cli.data.sources._amazon_files import HINT
from toolrec_cli.data.sources._amazon_values import names, paths, prices, sales_ranks, titles
from toolrec_cli.errors import InputError

KEYS = (
    *("asin", "parent_asin", "title", "price", "brand", "store", "category", "categories"),
    *("main_cat", "main_category", "rank", "salesRank", "details", "average_rating", "rating_number"),
)

KINDS = {
    "category": Kind.MULTI,
    "brand": Kind.CATEGORICAL,
    "store": Kind.CATEGORICAL,
    "main_category": Kind.CATEGORICAL,
    "price": Kind.NUMERIC,
    "sales_rank": Kind.NUMERIC,
    "average_rating": Kind.NUMERIC,
    "rating_number": Kind.NUMERIC,
}
ONLY_2023 = {"store", "average_rating", "rating_number"}
NOT_2023 = {"brand"}

_COUNTED_LATER = "Attributes that Amazon counted over all reviews, also later ones than a user's history: {}."


@dataclass(frozen=True)
class Meta:
    """item_id, title (null where there is none), then the attributes, of every item once; what could not be used; and notes."""

    frame: pl.DataFrame
    sieve: Sieve
    n_rows: int
    notes: list[str]


def read_meta(path: Path) -> Meta:
    """Raises InputError when the file is empty, cut off, or holds no metadata."""
    sieve = Sieve(path.name)
    with unpacked(path, hint=HINT) as stream:
        frames = [_typed(frame) for frame in read_objects(stream, KEYS, sieve)]
    n_rows = sum(frame.height for frame in frames) + len(sieve.bad)
    if not n_rows:
        raise InputError(f"{path} is empty.", hint=HINT)
    if n_rows == len(sieve.bad):
        raise InputError(f"{path} holds no metadata; line {sieve.bad[0].line}: {sieve.bad[0].reason}.", hint=HINT)
    read = sieve.drop(pl.concat(frames), pl.col("item_id") == "", "the item id is empty")
    frame = read.unique("item_id", keep="first", maintain_order=True)
    attributes = _attributes(frame)
    notes = [*_repeats_note(path.name, read.height - frame.height), *_value_notes(frame, attributes)]
    return Meta(frame.select("item_id", "title", *attributes), sieve, n_rows, notes)


def _typed(block: pl.DataFrame) -> pl.DataFrame:
    """One block of the file, cleaned and typed; so the raw texts of only one block are held."""
    picked = block.select(
        "line",
        item_id=pl.coalesce("parent_asin", "asin").str.strip_chars().fill_null(""),
        of_2023=pl.col("parent_asin").is_not_null(),
        average_rating=pl.col("average_rating").cast(pl.Float64, strict=False),
        rating_number=pl.col("rating_number").cast(pl.Int64, strict=False),
    )
    either = block.select(
        category=pl.coalesce("category", "categories"),
        main_category=pl.coalesce("main_cat", "main_category"),
        rank=pl.coalesce(pl.col("rank").replace("[]", None), "salesRank"),
    )
    made = [titles(block["title"]), paths(either["category"]), *map(names, (block["brand"], block["store"]))]
    ranks = sales_ranks(either["rank"], block["details"])
    return picked.hstack([*made, names(either["main_category"]), ranks, *prices(block["price"])])


def _attributes(frame: pl.DataFrame) -> list[str]:
    """Those of the release; the department only where it tells items apart."""
    of_2023 = bool(frame["of_2023"].any())
    left_out = NOT_2023 if of_2023 else ONLY_2023
    if frame["main_category"].drop_nulls().n_unique() < 2:
        left_out = left_out | {"main_category"}
    return [name for name in KINDS if name not in left_out]


def _repeats_note(file: str, n_repeats: int) -> list[str]:
    return (
        [f"{file}: lines that describe an item again, of which the first is kept: {n_repeats:,}."] if n_repeats else []
    )


def _value_notes(frame: pl.DataFrame, attributes: list[str]) -> list[str]:
    n_means, n_lost = int(frame["price_is_mean"].sum()), int(frame["price_lost"].sum())
    notes = [f"Prices given as a range, taken as its mean: {n_means:,}."] if n_means else []
    if n_lost:
        notes.append(f"Prices that are no prices (scraps of a page), left empty: {n_lost:,}.")
    counted = [name for name in ("sales_rank", "average_rating", "rating_number") if name in attributes]
    return [*notes, _COUNTED_LATER.format(", ".join(counted))]
