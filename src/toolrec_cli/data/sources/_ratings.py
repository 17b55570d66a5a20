"""Who rated what, and when: the rows of a file of ratings or reviews that can be used, and what is wrong with the others."""

import polars as pl

from toolrec_cli.data.reading.rejects import Sieve

WHOLE_NUMBER = pl.col("timestamp").cast(pl.Int64, strict=False)
NO_WHOLE_NUMBER = "the timestamp is not a whole number"

SECONDS = pl.coalesce(
    pl.col("timestamp").str.to_datetime(form, strict=False, time_unit="ms")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
).dt.epoch("s")
NO_DATE = "the time is not a date"


def usable(
    frame: pl.DataFrame,
    sieve: Sieve,
    timestamp: pl.Expr = WHOLE_NUMBER,
    wrong: str = NO_WHOLE_NUMBER,
    known: tuple[pl.Series, str] | None = None,
) -> pl.DataFrame:
    """line, user_id, item_id, rating (f32), timestamp (i64, as `timestamp` reads it); the last two where `frame` has them.

    `frame` has all of them as text. `known` are the ids an item must be among, and the file they are from; else any will do.
    """
    texts = frame.with_columns(pl.col("user_id", "item_id").str.strip_chars().fill_null(""))
    texts = sieve.drop(texts, pl.col("user_id") == "", "the user id is empty")
    texts = sieve.drop(texts, pl.col("item_id") == "", "the item id is empty")
    typed: list[pl.Expr] = []
    if "rating" in frame.columns:
        typed.append(pl.col("rating").cast(pl.Float32, strict=False))
        texts = sieve.drop(texts, ~typed[-1].is_finite().fill_null(value=False), "the rating is not a number")
    if "timestamp" in frame.columns:
        typed.append(timestamp.alias("timestamp"))
        texts = sieve.drop(texts, timestamp.is_null(), wrong)
    if known is not None:
        texts = sieve.drop(texts, ~pl.col("item_id").is_in(known[0].implode()), f"{known[1]} has no such item")
    return texts.with_columns(typed)
