"""Interactions in big files, or in many, as `table` takes them: which column is what, and what its cells mean."""

from pathlib import Path

import polars as pl

from toolrec_cli.data.big_log import BigLog, Meaning
from toolrec_cli.data.columns import find_column, require_column
from toolrec_cli.data.rejects import Sieve
from toolrec_cli.data.source import ReadOptions
from toolrec_cli.data.times import read_times

_UNITS = ((10**17, "nanoseconds"), (10**14, "microseconds"), (10**11, "milliseconds"), (0, "seconds or positions"))
"""From which size on whole numbers are taken for what. They stay as they are written; only mixtures are refused."""


def big_log(files: list[Path], options: ReadOptions) -> BigLog:
    """The files as a log that is read in pieces. Raises UsageError when a column is not there or cannot be guessed."""

    def meaning(columns: list[str]) -> Meaning:
        return Meaning(_roles(columns, files[0].name, options), clean, options.items.name if options.items else None)

    return BigLog(files, meaning)


def _roles(columns: list[str], file: str, options: ReadOptions) -> dict[str, str]:
    """user_id, item_id, timestamp, rating -> the column of that role, where there is one."""
    found = {
        "user_id": require_column("user", options.user_column, columns, file),
        "item_id": require_column("item", options.item_column, columns, file),
        "timestamp": find_column("time", options.time_column, columns, file),
        "rating": find_column("rating", options.rating_column, columns, file),
    }
    return {role: column for role, column in found.items() if column is not None}


def clean(frame: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, str | None]:
    """line and the roles as they are meant, rows without ids, time or rating left out; and what sort of times these are."""
    frame = frame.with_columns(_id(frame["user_id"]), _id(frame["item_id"]))
    for role in ("user_id", "item_id"):
        frame = sieve.drop(frame, pl.col(role).is_null() | (pl.col(role) == ""), f"the {role[:4]} id is empty")
    sort = None
    if "timestamp" in frame.columns:
        times, sort = _times(frame["timestamp"])
        frame = sieve.drop(frame, pl.lit(times.is_null()), "the time is neither a number nor an ISO date")
        frame = frame.with_columns(timestamp=times.drop_nulls())
    return _with_ratings(frame, sieve), sort


def _id(ids: pl.Series) -> pl.Series:
    """Ids as text; numbers that are floats only because some are missing have no ".0"."""
    if ids.dtype.is_float() and (ids % 1 == 0).all():
        ids = ids.cast(pl.Int64)
    return ids.str.strip_chars() if ids.dtype == pl.String else ids.cast(pl.String).str.strip_chars()


def _times(column: pl.Series) -> tuple[pl.Series, str | None]:
    """Whole numbers (i64) that order as the times do, null where one cannot be read; and what sort they are of."""
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        micros = column.cast(pl.Datetime("us")).dt.epoch("us")
        whole = not (micros % 10**6 != 0).any()
        return micros // (10**6 if whole else 10**3), f"dates as {'seconds' if whole else 'milliseconds'} since 1970"
    whole_numbers = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else _as_whole(column)
    if whole_numbers is not None:
        median = whole_numbers.abs().median()
        size = median if isinstance(median, float) else 0.0
        return whole_numbers, None if median is None else next(name for least, name in _UNITS if size >= least)
    times = read_times(column.cast(pl.String).str.strip_chars())
    return times.values, times.words.split(",")[0].split(";")[0]


def _as_whole(column: pl.Series) -> pl.Series | None:
    """The column as whole numbers, when that is what most of it holds and nothing of it is another number or a date."""
    text = column.cast(pl.String).str.strip_chars()
    values = text.cast(pl.Int64, strict=False)
    rest = text.filter(values.is_null() & text.is_not_null())
    odd = rest.cast(pl.Float64, strict=False).count() + rest.str.contains(r"\d\D\d").sum()
    return values if values.count() >= len(text) / 2 and not odd else None


def _with_ratings(frame: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    if "rating" not in frame.columns:
        return frame
    written = (
        pl.col("rating").str.strip_chars().replace("", None)
        if frame.schema["rating"] == pl.String
        else pl.col("rating")
    )
    rating = written.cast(pl.Float32, strict=False)
    unreadable = written.is_not_null() & ~rating.is_finite().fill_null(value=False)
    return sieve.drop(frame, unreadable, "the rating is not a number").with_columns(rating)
