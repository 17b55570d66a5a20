"""When the interactions of a log took place, and how many share their time with another of the same user."""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from toolrec_cli.data.reading.times import a_second_of

PERIODS = (("1h", "hour"), ("1d", "day"), ("1w", "week"), ("1mo", "month"), ("1q", "quarter"), ("1y", "year"))
MOST_PERIODS = 60

_SECONDS = {"1h": 3600, "1d": 86_400, "1w": 604_800, "1mo": 2_629_746, "1q": 7_889_238, "1y": 31_556_952}
_MOST_YEARS = 200
"""A log over more years holds broken times; it gets no calendar."""


@dataclass(frozen=True)
class Period:
    """So many interactions from `start` (ISO date and time, UTC) on, to the start of the next period."""

    start: str
    count: int


@dataclass(frozen=True)
class Times:
    """The times of a log.

    `first` and `last` are as stored; `first_time` and `last_time` say them as ISO dates, or are None where the numbers are
    positions, or no dates. `every` names the periods ("month"), of which there are at most 60. `tied` counts interactions
    that share their time with another of the same user, `tied_users` whose they are.
    """

    first: int
    last: int
    first_time: str | None
    last_time: str | None
    every: str | None
    periods: tuple[Period, ...]
    tied: int
    tied_users: int


def times(log: pl.LazyFrame) -> Times | None:
    """When the log's interactions took place; None where it has no times. `log` is in order of user and time."""
    if "timestamp" not in log.collect_schema().names():
        return None
    time = pl.col("timestamp")
    first, last = log.select(first=time.min(), last=time.max()).collect(engine="streaming").row(0)
    if first is None:
        return None
    a_second = a_second_of(_usual_size(log))
    span = None if a_second is None else _span(first, last, a_second)
    tied, tied_users = _ties(log)
    if span is None or a_second is None:
        return Times(first, last, None, None, None, (), tied, tied_users)
    step, every = _period(span)
    periods = _periods(log, a_second, step)
    return Times(first, last, _iso(span[0]), _iso(span[1]), every, periods, tied, tied_users)


def _usual_size(log: pl.LazyFrame) -> int:
    """The power of ten that most times have at least: a few broken ones do not change what the others are."""
    powers = (10**17, 10**14, 10**11, 10**8)
    at_least = [(pl.col("timestamp").abs() >= power).mean().alias(str(power)) for power in powers]
    shares = log.select(at_least).collect(engine="streaming").row(0)
    return next((power for power, share in zip(powers, shares, strict=True) if share >= 0.5), 0)


def _span(first: int, last: int, a_second: int) -> tuple[datetime, datetime] | None:
    try:
        found = datetime.fromtimestamp(first // a_second, UTC), datetime.fromtimestamp(last // a_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found[1].year - found[0].year <= _MOST_YEARS else None


def _period(span: tuple[datetime, datetime]) -> tuple[str, str]:
    """The shortest period of which the span has at most 60; a year where it has more of all."""
    seconds = (span[1] - span[0]).total_seconds()
    fits = (each for each in PERIODS if seconds / _SECONDS[each[0]] <= MOST_PERIODS - 2)
    return next(fits, PERIODS[-1])


def _periods(log: pl.LazyFrame, a_second: int, step: str) -> tuple[Period, ...]:
    """Every period from the first to the last, those without an interaction too."""
    moment = pl.from_epoch(pl.col("timestamp") // a_second, time_unit="s")
    counted = log.group_by(start=moment.dt.truncate(step)).len().collect(engine="streaming")
    first, last = counted["start"].min(), counted["start"].max()
    whole = pl.select(start=pl.datetime_range(pl.lit(first), pl.lit(last), interval=step, time_unit="us"))
    counted = counted.with_columns(pl.col("start").cast(pl.Datetime("us")))
    filled = whole.join(counted, on="start", how="left", maintain_order="left").fill_null(0)
    return tuple(Period(_iso(start), count) for start, count in filled.iter_rows())


def _iso(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _ties(log: pl.LazyFrame) -> tuple[int, int]:
    """How many interactions share their time with the one before or after of the same user, and of how many users."""
    user, time = pl.col("user_index"), pl.col("timestamp")
    before = ((user == user.shift(1)) & (time == time.shift(1))).fill_null(value=False)
    after = ((user == user.shift(-1)) & (time == time.shift(-1))).fill_null(value=False)
    tied = before | after
    return log.select(tied.sum(), user.filter(tied).n_unique().alias("users")).collect(engine="streaming").row(0)
