"""What a time column holds: seconds, milliseconds, positions, or ISO dates; all of it as whole numbers that order."""

from datetime import UTC, datetime

import polars as pl

_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S%.f", "%Y/%m/%d", "%m %d, %Y")
"""ISO and what is nearly so; the last one is Amazon's ("02 26, 2014")."""

_OFFSET = r"([+-])(\d\d):?(\d\d)$"

_UNITS = ((10**17, 10**9, "nanoseconds"), (10**14, 10**6, "microseconds"), (10**11, 10**3, "milliseconds"))
"""From which size on, how many a second, and the name; smaller numbers are seconds, and below 1973 positions."""

_FIRST_SECOND = 10**8


def read_times(texts: pl.Series) -> tuple[pl.Series, str]:
    """Whole numbers (i64) that order as `texts` (stripped) mean, null where one cannot be read, and what they are, in words.

    Numbers stay as they are written, dates become seconds since 1970, or milliseconds when they have fractions, as do
    fractional seconds.
    """
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.count() >= texts.count() / 2:
        return _numbers(texts, numbers)
    micros = _dates(texts.to_frame("text"))
    whole = not (micros % 10**6 != 0).any()
    values = micros // (10**6 if whole else 10**3)
    return values, f"dates as {'seconds' if whole else 'milliseconds'} since 1970{_span(values, 1 if whole else 10**3)}"


def _numbers(texts: pl.Series, numbers: pl.Series) -> tuple[pl.Series, str]:
    numbers = numbers.set(~numbers.is_finite().fill_null(value=True), None)
    median = numbers.abs().median()
    size = median if isinstance(median, float) else 0.0
    if (numbers % 1 != 0).any():
        scale = 10**3 if size >= _FIRST_SECOND else 10**6
        values = (numbers * scale).round().cast(pl.Int64, strict=False)
        return values, f"fractional numbers, multiplied by {scale:,}"
    whole = texts.cast(pl.Int64, strict=False)
    values = whole.zip_with(whole.is_not_null(), numbers.cast(pl.Int64, strict=False))
    for least, a_second, name in _UNITS:
        if size >= least:
            return values, f"{name} since 1970{_span(values, a_second)}"
    if size >= _FIRST_SECOND:
        return values, f"seconds since 1970{_span(values, 1)}"
    return values, "positions or steps"


def _dates(frame: pl.DataFrame) -> pl.Series:
    """Microseconds since 1970 in UTC; what has no offset is taken for UTC."""
    text = pl.col("text").str.replace(r"^(\S+)T", "${1} ").str.strip_suffix("Z").str.strip_suffix(" UTC")
    sign = pl.when(text.str.extract(_OFFSET, 1) == "-").then(-1).otherwise(1)
    hours, minutes = (text.str.extract(_OFFSET, group).cast(pl.Int64) for group in (2, 3))
    timed = text.str.contains(r"\d:\d")  # "2014-02" ends like an offset, but an offset follows a time of day
    offset = pl.when(timed).then(sign * (hours * 60 + minutes) * 60 * 10**6).fill_null(0)
    bare = pl.when(timed).then(text.str.replace(_OFFSET, "")).otherwise(text).str.strip_chars()
    read = [bare.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMATS]
    return frame.select(pl.coalesce(read).dt.epoch("us") - offset).to_series()


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
    if size < _FIRST_SECOND:
        return None
    return next((a_second for least, a_second, _ in _UNITS if size >= least), 1)
