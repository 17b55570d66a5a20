"""`table`'s interactions: who met what, when, rated how; every row that cannot be used, and whatever had to be mended."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from toolrec_cli.data.reading.blanks import NOTHING
from toolrec_cli.data.reading.ids import TOO_LONG, case_note, is_too_long, tidy
from toolrec_cli.data.reading.rejects import FILE, Sieve
from toolrec_cli.data.reading.tabular import Tabular, read_tabular
from toolrec_cli.data.reading.times import UNREADABLE, read_times
from toolrec_cli.data.source import ORDER_ALONE, POSITION, TIMESTAMP, ReadOptions
from toolrec_cli.data.sources._table_roles import ordering, roles_of
from toolrec_cli.errors import UsageError


def read_log(path: Path, options: ReadOptions) -> tuple[Tabular, pl.DataFrame, list[str]]:
    """The file or files; of them line, user_id, item_id, and, if there are any, timestamp or position, and rating; and notes."""
    roles: dict[str, str] = {}

    def pick(columns: list[str]) -> list[str]:
        roles.update(_roles(columns, path.name, options))
        return list(dict.fromkeys(roles.values()))

    log = read_tabular(path, pick)
    apart = [name for name in ("line", FILE) if name in log.frame.columns]
    frame = log.frame.select(*apart, **{role: pl.col(column).cast(pl.String) for role, column in roles.items()})
    frame, id_notes = _with_ids(frame, log.sieve)
    named = ", ".join(f"{role.removesuffix('_id')} {column!r}" for role, column in roles.items())
    notes = [*log.notes, f"{path.name}: columns taken as {named}.", *id_notes]
    frame, time_notes = _with_times(frame, log.sieve)
    frame, rating_notes = _with_ratings(frame, log.sieve)
    return log, frame, notes + time_notes + rating_notes


def _roles(columns: list[str], file: str, options: ReadOptions) -> dict[str, str]:
    """`roles_of`. Raises UsageError for a table of one column, too."""
    if len(columns) == 1:
        raise UsageError(
            f"{file} has only one column, {columns[0]!r:.60}; interactions need a user and an item.",
            hint="Columns are separated by a comma, tab, semicolon or '|', and the first line has to name them.",
        )
    return roles_of(columns, file, options)


def _with_ids(frame: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, list[str]]:
    notes: list[str] = []
    for role, what in {"user_id": "users", "item_id": "items"}.items():
        ids, said = tidy(frame[role], f"{sieve.file}, {what}")
        frame = frame.with_columns(ids.alias(role))
        empty = pl.col(role).is_null() | pl.col(role).is_in([*NOTHING, "None"])
        frame = sieve.drop(frame, empty, f"the {role.removesuffix('_id')} id is empty")
        frame = sieve.drop(frame, is_too_long(role), TOO_LONG)
        notes += [*said, *case_note(frame[role], f"{sieve.file}, {what}")]
    return frame, notes


def _with_times(frame: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, list[str]]:
    if (when := ordering(frame.columns)) is None:
        return frame, [f"{sieve.file} has no column of times (--time-col): its rows are taken to be in order."]
    times = read_times(frame[when].str.strip_chars())
    frame = sieve.drop(frame, pl.lit(times.values.is_null()), UNREADABLE)
    values = times.values.drop_nulls()
    if times.a_second is not None and times.written_as_numbers:
        frame = sieve.drop(frame, pl.lit(values < 0), "the time is negative: before 1970")
        values = values.filter(values >= 0)
    kind = POSITION if when == POSITION and times.a_second is None else TIMESTAMP
    notes = [f"{sieve.file}: {ORDER_ALONE if kind == POSITION else f'the times are {times.words}'}."]
    if n_future := times.n_future(datetime.now(UTC)):
        notes.append(f"{sieve.file}: times that lie in the future, kept: {n_future:,}.")
    return frame.with_columns(values.alias(when)).rename({when: kind}), notes


def _with_ratings(frame: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, list[str]]:
    if "rating" not in frame.columns:
        return frame, []
    text = pl.col("rating").str.strip_chars()
    given = frame.with_columns(pl.when(~text.is_in(NOTHING)).then(text).alias("rating"))
    n_nothing = given["rating"].null_count() - frame.select(text.fill_null("").eq("").sum()).item()
    rating = pl.col("rating").cast(pl.Float32, strict=False)
    unreadable = pl.col("rating").is_not_null() & ~rating.is_finite().fill_null(value=False)
    notes = [f"{sieve.file}: ratings that are NaN or null, taken as none: {n_nothing:,}."] if n_nothing else []
    return sieve.drop(given, unreadable, "the rating is not a number").with_columns(rating), notes
