"""What a time column holds: seconds, milliseconds, positions, or dates; all of it as whole numbers that order."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from toolrec_cli.data.reading.dates import read_dates

_UNITS = ((10**17, 10**9, "nanoseconds"), (10**14, 10**6, "microseconds"), (10**11, 10**3, "milliseconds"))
"""From which size on, how many a second, and the name; smaller numbers are seconds, and below 1973 positions."""

FIRST_SECOND = 10**8
"""Numbers below are positions: as seconds they would lie before 1973."""

UNREADABLE = "the time is neither a number nor a date that is known"


@dataclass(frozen=True)
class Times:
    """A column of times that was read."""

    values: pl.Series
    """Whole numbers (i64) that order as the texts mean; null where one cannot be read."""
    words: str
    """What they are: "seconds since 1970, from 1997-09-20 to 1998-04-23"."""
    a_second: int | None = None
    """How many units a second has; None when they are positions, or nobody knows."""
    written_as_numbers: bool = True

    def n_future(self, now: datetime) -> int:
        """How many lie more than a day after `now`."""
        if self.a_second is None:
            return 0
        latest = (now + timedelta(days=1)).timestamp() * self.a_second
        return int((self.values > int(latest)).sum())


def read_times(texts: pl.Series) -> Times:
    """What `texts` (stripped) mean.

    Numbers stay as they are written; where some are seconds and others milliseconds, all become the finer. Dates become seconds
    since 1970, or milliseconds when they have fractions, as do fractional seconds.
    """
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.count() >= texts.count() / 2:
        return _numbers(texts, numbers)
    micros = read_dates(texts)
    whole = not (micros % 10**6 != 0).any()
    values, a_second = micros // (10**6 if whole else 10**3), 1 if whole else 10**3
    words = f"dates as {'seconds' if whole else 'milliseconds'} since 1970{_span(values, a_second)}"
    return Times(values, words, a_second, written_as_numbers=False)


def _numbers(texts: pl.Series, numbers: pl.Series) -> Times:
    numbers = numbers.set(~numbers.is_finite().fill_null(value=True), None)
    median = numbers.abs().median()
    size = median if isinstance(median, float) else 0.0
    if (numbers % 1 != 0).any():
        scale = 10**3 if size >= FIRST_SECOND else 10**6
        values = (numbers * scale).round().cast(pl.Int64, strict=False)
        return Times(values, f"fractional numbers, multiplied by {scale:,}")
    whole = texts.cast(pl.Int64, strict=False)
    values = whole.zip_with(whole.is_not_null(), numbers.cast(pl.Int64, strict=False))
    if size < FIRST_SECOND:
        return Times(values, "positions or steps")
    return _in_one_unit(values)


def _in_one_unit(values: pl.Series) -> Times:
    """Times since 1970, in the finest unit that occurs among them."""
    a_second = pl.lit(None, dtype=pl.Int64)
    for least, factor, _ in reversed(_UNITS):
        a_second = pl.when(pl.col("value").abs() >= least).then(factor).otherwise(a_second)
    seconds = pl.when(pl.col("value").abs() >= FIRST_SECOND).then(1)
    read = values.alias("value").to_frame().with_columns(unit=pl.coalesce(a_second, seconds).cast(pl.Int64))
    n_of = dict(read["unit"].drop_nulls().value_counts().sort("unit").iter_rows())
    finest = max(n_of)
    scaled = read.select(pl.col("value") * (finest // pl.col("unit").fill_null(finest)))["value"].alias(values.name)
    words = f"{_name(finest)} since 1970{_span(scaled, finest)}"
    coarser = [f"{count:,} of them were written in {_name(unit)}" for unit, count in n_of.items() if unit != finest]
    return Times(scaled, "; ".join([words, *coarser]), finest)


def _name(a_second: int) -> str:
    return next((name for _, factor, name in _UNITS if factor == a_second), "seconds")


def _span(values: pl.Series, a_second: int) -> str:
    """ ", from 1997-09-20 to 1998-04-23": by this a reader sees whether the unit was guessed well."""
    first, last = values.min(), values.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return ""
    try:
        days = [datetime.fromtimestamp(value / a_second, UTC).date() for value in (first, last)]
    except (ValueError, OverflowError, OSError):
        return ""
    return f", from {days[0]} to {days[1]}"


def a_second_of(size: float) -> int | None:
    """How many units a second has in a column of times of about this `size`; None where they are positions."""
    if size < FIRST_SECOND:
        return None
    return next((a_second for least, a_second, _ in _UNITS if size >= least), 1)
