"""Interactions in big files, or in many, as `table` takes them: which column is what, and what its cells mean."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from toolrec_cli.data.reading.big_log import BigLog, Cleaned, Meaning
from toolrec_cli.data.reading.blanks import NOTHING
from toolrec_cli.data.reading.ids import TOO_LONG, are_floats, is_too_long, without_zeros
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.reading.times import FIRST_SECOND, UNREADABLE, a_second_of, read_times
from toolrec_cli.data.source import POSITION, ReadOptions
from toolrec_cli.data.sources._table_roles import ordering, roles_of
from toolrec_cli.errors import InputError

_UNITS = ((10**17, "nanoseconds"), (10**14, "microseconds"), (10**11, "milliseconds"), (0, "seconds or positions"))
"""From which size on whole numbers are taken for what. They stay as they are written; only mixtures are refused."""


def big_log(files: Mapping[str, Path], options: ReadOptions) -> BigLog:
    """The files, by name, as a log that is read in pieces. Raises UsageError when a column is not there or cannot be guessed."""

    def meaning(columns: list[str]) -> Meaning:
        roles = roles_of(columns, next(iter(files)), options)
        return Meaning(roles, Cleaner(), options.items.name if options.items else None)

    return BigLog(files, meaning)


class Cleaner:
    """What the cells of a log mean; whether numbers as ids lose their ".0" is decided by the first piece, for all of them."""

    def __init__(self) -> None:
        self._floats: dict[str, bool] = {}

    def __call__(self, frame: pl.DataFrame, sieve: Sieve) -> Cleaned:
        """line and the roles as they are meant, rows without ids, time or rating left out; and what sort of times these are."""
        mended: dict[str, int] = {}
        for role, what in {"user_id": "user", "item_id": "item"}.items():
            frame = frame.with_columns(self._ids(frame[role], what, mended).alias(role))
            empty = pl.col(role).is_null() | pl.col(role).is_in([*NOTHING, "None"])
            frame = sieve.drop(frame, empty, f"the {what} id is empty")
            frame = sieve.drop(frame, is_too_long(role), TOO_LONG)
        frame, sorts = _with_times(frame, sieve, mended)
        return Cleaned(_with_ratings(frame, sieve, mended), sorts, mended)

    def _ids(self, ids: pl.Series, what: str, mended: dict[str, int]) -> pl.Series:
        """Ids as text, without spaces around them, and without the ".0" of numbers that are floats because some are missing."""
        if ids.dtype.is_float():
            ids = ids.fill_nan(None)
            ids = ids.cast(pl.Int64) if (ids % 1 == 0).all() else ids
        text = ids.cast(pl.String)
        bare = text.str.strip_chars()
        mended[f"ids of {what}s with spaces around them, taken without"] = int((bare != text).sum())
        if self._floats.setdefault(what, are_floats(bare)):
            bare = without_zeros(bare)
        return bare


def _with_times(frame: pl.DataFrame, sieve: Sieve, mended: dict[str, int]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    if (when := ordering(frame.columns)) is None:
        return frame, ()
    found = _times(frame[when])
    if when == POSITION and found.a_second is not None:
        raise InputError(
            f"{sieve.file}: the column that is called like an order holds times: {found.sorts[0]}.",
            hint="Call the column timestamp.",
        )
    frame = sieve.drop(frame.with_columns(found.values.alias(when)), pl.col(when).is_null(), UNREADABLE)
    if found.a_second is not None:
        latest = int((datetime.now(UTC) + timedelta(days=1)).timestamp()) * found.a_second
        mended["times that lie in the future, kept"] = int((frame[when] > latest).sum())
        if not found.sorts[0].startswith("dates"):
            frame = sieve.drop(frame, pl.col(when) < 0, "the time is negative: before 1970")
    return frame, found.sorts


class _Times(NamedTuple):
    """Whole numbers (i64) that order as the times do, null where one cannot be read; what sorts they are of; units a second."""

    values: pl.Series
    sorts: tuple[str, ...]
    a_second: int | None


def _times(column: pl.Series) -> _Times:
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        micros = column.cast(pl.Datetime("us")).dt.epoch("us")
        whole = not (micros % 10**6 != 0).any()
        words = f"dates as {'seconds' if whole else 'milliseconds'} since 1970"
        return _Times(micros // (10**6 if whole else 10**3), (words,), 1 if whole else 10**3)
    whole_numbers = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else _as_whole(column)
    if whole_numbers is not None:
        return _Times(whole_numbers, *_sorts(whole_numbers))
    times = read_times(column.cast(pl.String).str.strip_chars())
    return _Times(times.values, (times.words.split(",")[0].split(";")[0],), times.a_second)


def _sorts(numbers: pl.Series) -> tuple[tuple[str, ...], int | None]:
    """What sorts of times these whole numbers are, and how many units of the usual one a second has."""
    sizes = numbers.abs()
    usual = sizes.median()
    if not isinstance(usual, float):
        return (), None
    if (a_second := a_second_of(usual)) is None:
        return (_sort(usual),), None
    since_1970 = sizes.drop_nulls().to_numpy()
    since_1970 = since_1970[since_1970 >= FIRST_SECOND]
    return tuple(dict.fromkeys((_sort(since_1970.min()), _sort(since_1970.max())))), a_second


def _sort(size: float) -> str:
    return next(name for least, name in _UNITS if size >= least)


def _as_whole(column: pl.Series) -> pl.Series | None:
    """The column as whole numbers, when that is what most of it holds and nothing of it is another number or a date."""
    text = column.cast(pl.String).str.strip_chars()
    values = text.cast(pl.Int64, strict=False)
    rest = text.filter(values.is_null() & text.is_not_null())
    odd = rest.cast(pl.Float64, strict=False).count() + rest.str.contains(r"\d\D\d").sum()
    return values if values.count() >= len(text) / 2 and not odd else None


def _with_ratings(frame: pl.DataFrame, sieve: Sieve, mended: dict[str, int]) -> pl.DataFrame:
    if "rating" not in frame.columns:
        return frame
    if frame.schema["rating"] == pl.String:
        text = pl.col("rating").str.strip_chars()
        nothing = text.is_in(NOTHING)
        n_nothing = frame.select((nothing & (text != "")).sum()).item()
        frame = frame.with_columns(pl.when(~nothing).then(text).alias("rating"))
    else:
        given = frame["rating"].cast(pl.Float64)
        n_nothing = int(given.is_nan().sum())
        frame = frame.with_columns(given.fill_nan(None).alias("rating"))
    mended["ratings that are NaN or null, taken as none"] = n_nothing
    rating = pl.col("rating").cast(pl.Float32, strict=False)
    unreadable = pl.col("rating").is_not_null() & ~rating.is_finite().fill_null(value=False)
    return sieve.drop(frame, unreadable, "the rating is not a number").with_columns(rating)
