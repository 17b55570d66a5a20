"""Dates as people and programs write them, as moments."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

_FORMATS = (
    *("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p"),
    *("%d %b %Y %H:%M:%S", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%m %d, %Y"),
)
"""ISO and what is nearly so, "17 Feb 2014", "Feb 17, 2014"; the last one is Amazon's ("02 26, 2014")."""

_OFFSET = r"([+-])(\d\d):?(\d\d)$"
_TWITTER = r"^\w{3} (\w{3}) (\d\d?) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})$"
_WEEKDAY = r"^\w{3}, "
_YEAR_LAST = r"^(\d{1,2})([/.])(\d{1,2})[/.](\d{4})"
_SLASHES = r"^(\d{1,2})/(\d{1,2})/\d{4}"


def read_dates(texts: pl.Series) -> pl.Series:
    """Microseconds since 1970 in UTC (i64), null where no date is known; what has no offset is taken for UTC."""
    frame = texts.to_frame("text")
    text = _year_first(frame, pl.col("text").str.replace(_TWITTER, "${2} ${1} ${5} ${3} ${4}"))
    text = text.str.replace(_WEEKDAY, "").str.replace(r"^(\S+)T", "${1} ").str.replace(r"(Z| UTC| GMT)$", "")
    sign = pl.when(text.str.extract(_OFFSET, 1) == "-").then(-1).otherwise(1)
    hours, minutes = (text.str.extract(_OFFSET, group).cast(pl.Int64) for group in (2, 3))
    timed = text.str.contains(r"\d:\d")  # "2014-02" ends like an offset, but an offset follows a time of day
    offset = pl.when(timed).then(sign * (hours * 60 + minutes) * 60 * 10**6).fill_null(0)
    bare = pl.when(timed).then(text.str.replace(_OFFSET, "")).otherwise(text).str.strip_chars()
    read = [bare.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMATS]
    return frame.select(pl.coalesce(read).dt.epoch("us") - offset).to_series()


def days_since_1970(dates: Sequence[str | None]) -> npt.NDArray[np.float64]:
    """ "2014-02-17" -> 16118.0; NaN where there is none. Same length."""
    days = np.array(dates, dtype="datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))


def _year_first(frame: pl.DataFrame, text: pl.Expr) -> pl.Expr:
    """ "17/02/2014 …" and "17.2.2014 …" as "2014-02-17 …", and "2014/2/17" as well.

    With slashes the day may come first or the month: which, only a number above 12 in the column tells. Where none does, the
    date is not guessed, and stays unreadable.
    """
    numbers = frame.select(text.str.extract(_SLASHES, group).cast(pl.Int64).alias(str(group)) for group in (1, 2))
    day_first, month_first = (bool((numbers[group] > 12).any()) for group in ("1", "2"))
    ymd = text.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})", "${1}-${2}-${3}")
    dotted = text.str.extract(_YEAR_LAST, 2) == "."
    turned = pl.when(dotted).then(ymd.str.replace(_YEAR_LAST, "${4}-${3}-${1}"))
    if day_first == month_first:
        return turned.otherwise(ymd)
    form = "${4}-${3}-${1}" if day_first else "${4}-${1}-${3}"
    return turned.otherwise(ymd.str.replace(_YEAR_LAST, form))
