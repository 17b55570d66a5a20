"""The newer MovieLens data sets: movies.csv and ratings.csv with a first line of names; nothing is known of the users."""

from pathlib import Path
from typing import BinaryIO

import polars as pl

from toolrec_cli.data.reading.archive import Archive, open_archive
from toolrec_cli.data.reading.delimited import read_delimited
from toolrec_cli.data.reading.lines import as_utf8, field_blocks
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import RawData, ReadOptions
from toolrec_cli.data.sources._movielens import Table, assemble, read_items, read_ratings, said
from toolrec_cli.errors import InputError
from toolrec_cli.progress import Progress

MOVIES, RATINGS = "movies.csv", "ratings.csv"

MOVIE_FIELDS = {"movieId": "item_id", "title": "title", "genres": "genre"}
RATING_FIELDS = {"userId": "user_id", "movieId": "item_id", "rating": "rating", "timestamp": "timestamp"}
"""The names on the first line, in their order, and ours."""

NO_GENRE = "(no genres listed)"

NOTES = [
    "Titles: the year became the attribute release_year, and articles stand in front ('Matrix, The (1999)' is 'The Matrix').",
    f"Films: {NO_GENRE!r} counts as no genre; tags and links to other film databases are not read.",
]


def read_csv_form(options: ReadOptions, progress: Progress, name: str, home: str) -> RawData:
    """The archive at `options.raw`. Raises InputError when it is missing, broken, or lacks a file or a column."""
    archive = open_archive(options.raw, name, home)
    said(progress, 0, MOVIES, 2)
    movies = _read_movies(archive)
    genres = pl.col("genre").replace(["", NO_GENRE], None).str.split("|")
    items = read_items(movies).with_columns(genres)
    said(progress, 1, RATINGS, 2)
    with archive.open(RATINGS) as stream:
        ratings, interactions = _read_ratings(stream, archive, items)
    return assemble(archive, [ratings, movies], (interactions, items, None), list(NOTES))


def _read_movies(archive: Archive) -> Table:
    """line, item_id, title, genre. The fields may be quoted."""

    def pick(names: list[str]) -> list[str]:
        if any(name not in names for name in MOVIE_FIELDS):
            raise _wrong_names(archive, MOVIES, list(MOVIE_FIELDS))
        return list(MOVIE_FIELDS)

    sieve = Sieve(MOVIES)
    frame, _ = read_delimited(as_utf8(archive.read(MOVIES)), Path(MOVIES), pick, sieve)
    fields = frame.rename(MOVIE_FIELDS).with_columns(pl.exclude("line").str.strip_chars().fill_null(""))
    return Table(fields, sieve, frame.height + len(sieve.bad))


def _read_ratings(stream: BinaryIO, archive: Archive, items: pl.DataFrame) -> tuple[Table, pl.DataFrame]:
    """The ratings, block by block: thirty million rows are never held as text."""

    def names(first: str) -> list[str]:
        if first.strip() != ",".join(RATING_FIELDS):
            raise _wrong_names(archive, RATINGS, list(RATING_FIELDS))
        return list(RATING_FIELDS.values())

    sieve = Sieve(RATINGS)
    fields = field_blocks(stream, ",", names, sieve)
    read = [read_ratings(Table(frame, sieve, frame.height), items, MOVIES) for frame in fields]
    if not read:
        raise archive.empty(RATINGS)
    ratings = pl.concat(read)
    return Table(ratings, sieve, ratings.height + len(sieve.bad)), ratings


def _wrong_names(archive: Archive, file: str, names: list[str]) -> InputError:
    return InputError(f"The first line of {file} in {archive.path} is not {','.join(names)}.", hint=archive.hint)
