"""MovieLens 100K: 100,000 ratings of 1,682 films by 943 users, 1997–1998; genres are nineteen columns of 0 and 1."""

import polars as pl

from toolrec_cli.data.reading.archive import open_archive
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._movielens import assemble, read_fields, read_items, read_ratings, read_users, said
from toolrec_cli.progress import Progress

HOME = "https://grouplens.org/datasets/movielens/100k/"

UNKNOWN = "unknown"
"""The first column of genres says that there is none."""

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
"""The other columns, in the order of u.genre."""

_UNUSED = ["release_date", "video_release_date", "imdb_address"]

NOTES = [
    "Titles: the year became the attribute release_year, and articles stand in front ('Matrix, The (1999)' is 'The Matrix').",
    "Films: release dates and IMDb addresses are not kept; the genre 'unknown' counts as no genre.",
    "Users: gender is written out.",
]


def _read(options: ReadOptions, progress: Progress) -> RawData:
    archive = open_archive(options.raw, "ml-100k", HOME)
    said(progress, 0, "u.item")
    films = read_fields(archive, "u.item", "|", ["item_id", "title", *_UNUSED, UNKNOWN, *GENRES])
    items = read_items(films).with_columns(_genres()).drop(_UNUSED, UNKNOWN, *GENRES)
    said(progress, 1, "u.user")
    people = read_fields(archive, "u.user", "|", ["user_id", "age", "gender", "occupation", "zip_code"])
    users = read_users(people).with_columns(pl.col("age").cast(pl.Int64, strict=False))
    said(progress, 2, "u.data")
    ratings = read_fields(archive, "u.data", "\t", ["user_id", "item_id", "rating", "timestamp"])
    interactions = read_ratings(ratings, items, "u.item")
    return assemble(archive, [ratings, films, people], (interactions, items, users), list(NOTES))


def _genres() -> pl.Expr:
    """The names of the columns that hold "1", as a list; null when none does."""
    marked = [pl.when(pl.col(name) == "1").then(pl.lit(name)) for name in GENRES]
    named = pl.concat_list(marked).list.drop_nulls()
    return pl.when(named.list.len() > 0).then(named).alias("genre")


SOURCE = Source("MovieLens 100K: a hundred thousand film ratings, 1997–1998 (GroupLens; research use)", HOME, _read)
