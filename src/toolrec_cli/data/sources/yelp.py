"""Yelp's open data set: businesses, who reviewed them, when, and with how many stars; closed businesses are kept, and marked."""

from collections.abc import Sequence

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.reading.archive import Archive, MissingError, open_archive
from toolrec_cli.data.reading.json_objects import read_objects
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import BadRow, RawData, ReadOptions, Source
from toolrec_cli.data.sources._ratings import NO_DATE, SECONDS, usable
from toolrec_cli.progress import Progress

HOME = "https://business.yelp.com/data/resources/open-dataset/"

BUSINESSES = "yelp_academic_dataset_business.json"
REVIEWS = "yelp_academic_dataset_review.json"
USERS = "yelp_academic_dataset_user.json"

BUSINESS_KEYS = (
    *("business_id", "name", "categories", "city", "state"),
    *("postal_code", "stars", "review_count", "is_open"),
)
REVIEW_KEYS = ("user_id", "business_id", "stars", "date")
USER_KEYS = ("user_id", "yelping_since", "average_stars", "fans")

KINDS = {
    "categories": Kind.MULTI,
    "city": Kind.CATEGORICAL,
    "state": Kind.CATEGORICAL,
    "postal_code": Kind.CATEGORICAL,
    "stars": Kind.NUMERIC,
    "review_count": Kind.NUMERIC,
    "is_open": Kind.CATEGORICAL,
}

NAMES_WITH_COMMAS = (
    *("Beer, Wine & Spirits", "Books, Mags, Music & Video"),
    *("Used, Vintage & Consignment", "Wills, Trusts, & Probates"),
)
"""Categories whose names hold what separates categories from one another."""

_COMMA = "\x1f"
"""Stands for a comma within a name while the categories are split."""

COUNTED_LATER = (
    "stars and review_count of the businesses, and the users' average_stars, are what Yelp counted over all reviews, "
    "also later ones than a user's history."
)


def _read(options: ReadOptions, progress: Progress) -> RawData:
    archive = open_archive(options.raw, "yelp", HOME)
    sieves = {file: Sieve(file) for file in (BUSINESSES, REVIEWS, USERS)}
    n_rows: dict[str, int] = {}

    def read(done: int, file: str, keys: Sequence[str]) -> list[pl.DataFrame]:
        """The objects of a file, each block made small by what `_SMALL` says of it."""
        progress("reading", done, 3, file)
        with archive.open(file) as stream:
            frames = [_SMALL[file](frame, sieves[file]) for frame in read_objects(stream, keys, sieves[file])]
        n_rows[file] = sum(frame.height for frame in frames) + len(sieves[file].bad)
        if not n_rows[file]:
            raise archive.empty(file)
        return frames

    items = _first_of_each(pl.concat(read(0, BUSINESSES, BUSINESS_KEYS)), "item_id", "business", sieves[BUSINESSES])
    reviews = pl.concat(read(1, REVIEWS, REVIEW_KEYS))
    unknown = ~pl.col("item_id").is_in(items["item_id"].implode())
    reviews = sieves[REVIEWS].drop(reviews, unknown, f"{BUSINESSES} has no such business")
    try:
        known = pl.concat(read(2, USERS, USER_KEYS))
        users = _first_of_each(known, "user_id", "user", sieves[USERS]).join(reviews, on="user_id", how="semi")
        notes = [COUNTED_LATER]
    except MissingError:
        users, notes = None, [COUNTED_LATER, f"There is no {USERS}: nothing is known of the users."]
    return _assembled(archive, (reviews, items, users), sieves, n_rows, notes)


def _business(block: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    known = sieve.drop(block, pl.col("business_id").fill_null("").str.strip_chars() == "", "the business id is empty")
    title = pl.col("name").str.replace_all(r"[\p{Cc}\s]+", " ").str.strip_chars().replace("", None)
    labels = _labels(pl.col("categories"))
    texts = [pl.col(name).str.strip_chars().replace("", None) for name in ("city", "state", "postal_code")]
    return known.select(
        "line",
        pl.col("business_id").str.strip_chars().alias("item_id"),
        title.fill_null(pl.col("business_id")).alias("title"),
        pl.when(labels.list.len() > 0).then(labels).alias("categories"),
        *texts,
        pl.col("stars").cast(pl.Float64, strict=False),
        pl.col("review_count").cast(pl.Int64, strict=False),
        pl.col("is_open").replace_strict({"1": "open", "0": "closed"}, default=None, return_dtype=pl.String),
    )


def _labels(categories: pl.Expr) -> pl.Expr:
    """ "Food, Bars" (or '["Food", "Bars"]', as older releases have it) as a list, each label once."""
    whole = categories.str.replace_many({name: name.replace(",", _COMMA) for name in NAMES_WITH_COMMAS})
    label = pl.element().str.strip_chars(' "[]').str.replace_all(_COMMA, ",", literal=True)
    return whole.str.split(",").list.eval(label.filter(label != "").unique(maintain_order=True))


def _review(block: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    named = block.rename({"business_id": "item_id", "stars": "rating", "date": "timestamp"})
    return usable(named, sieve, SECONDS, NO_DATE)


def _user(block: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    known = sieve.drop(block, pl.col("user_id").fill_null("").str.strip_chars() == "", "the user id is empty")
    return known.select(
        "line",
        pl.col("user_id").str.strip_chars(),
        pl.col("yelping_since").str.slice(0, len("2004-10-12")),
        pl.col("average_stars").cast(pl.Float64, strict=False),
        pl.col("fans").cast(pl.Int64, strict=False),
    )


_SMALL = {BUSINESSES: _business, REVIEWS: _review, USERS: _user}


def _first_of_each(frame: pl.DataFrame, key: str, what: str, sieve: Sieve) -> pl.DataFrame:
    again = f"the {what} comes again; the first one is kept"
    return sieve.drop(frame, ~pl.col(key).is_first_distinct(), again).drop("line")


def _assembled(
    archive: Archive,
    frames: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None],
    sieves: dict[str, Sieve],
    n_rows: dict[str, int],
    notes: list[str],
) -> RawData:
    reviews, items, users = frames
    closed = items.filter(pl.col("is_open") == "closed").height
    counted = [f"Businesses that have closed, kept and marked (is_open): {closed:,}."] if closed else []
    bad: list[BadRow] = [row for sieve in sieves.values() for row in sieve.bad]
    return RawData(reviews, items, users, KINDS, archive.digests(list(n_rows)), n_rows, bad, [*notes, *counted])


SOURCE = Source("Yelp's open data set: businesses and their reviews, JSON (Yelp; academic use)", HOME, _read)
