"""MovieLens 1M: 1,000,209 ratings of 3,706 films by 6,040 users, 2000–2003; ages and occupations are coded."""

import polars as pl

from toolrec_cli.data.reading.archive import open_archive
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._movielens import assemble, read_fields, read_items, read_ratings, read_users, said
from toolrec_cli.progress import Progress

HOME = "https://grouplens.org/datasets/movielens/1m/"
SEPARATOR = "::"

AGES = {
    "1": "under 18",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-49",
    "50": "50-55",
    "56": "56 or older",
}
"""The codes of the README: the lowest age of the range, except that 1 means any below 18."""

OCCUPATIONS = (
    "other or not specified",
    "academic or educator",
    "artist",
    "clerical or admin",
    "college or grad student",
    "customer service",
    "doctor or health care",
    "executive or managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales or marketing",
    "scientist",
    "self-employed",
    "technician or engineer",
    "tradesman or craftsman",
    "unemployed",
    "writer",
)
"""By code, as the README numbers them."""

NOTES = [
    "Titles: the year became the attribute release_year, and articles stand in front ('Matrix, The (1999)' is 'The Matrix').",
    "Users: gender, age and occupation are written out; the README's codes are not kept.",
]


def _read(options: ReadOptions, progress: Progress) -> RawData:
    archive = open_archive(options.raw, "ml-1m", HOME)
    said(progress, 0, "movies.dat")
    movies = read_fields(archive, "movies.dat", SEPARATOR, ["item_id", "title", "genre"])
    items = read_items(movies).with_columns(_genres())
    said(progress, 1, "users.dat")
    people = read_fields(archive, "users.dat", SEPARATOR, ["user_id", "gender", "age", "occupation", "zip_code"])
    users = read_users(people).with_columns(*_decoded())
    said(progress, 2, "ratings.dat")
    ratings = read_fields(archive, "ratings.dat", SEPARATOR, ["user_id", "item_id", "rating", "timestamp"])
    interactions = read_ratings(ratings, items, "movies.dat")
    return assemble(archive, [ratings, movies, people], (interactions, items, users), list(NOTES))


def _genres() -> pl.Expr:
    """ "Animation|Comedy" as a list; an empty field is no genre."""
    return pl.col("genre").replace("", None).str.split("|")


def _decoded() -> list[pl.Expr]:
    occupations = {str(code): name for code, name in enumerate(OCCUPATIONS)}
    return [
        pl.col("age").replace_strict(AGES, default=None, return_dtype=pl.String),
        pl.col("occupation").replace_strict(occupations, default=None, return_dtype=pl.String),
    ]


SOURCE = Source("MovieLens 1M: a million film ratings, 2000–2003 (GroupLens; research use)", HOME, _read)
