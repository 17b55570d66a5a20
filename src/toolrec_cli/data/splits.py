"""Leave one out: a user's last item is for the test, the one before it for validation, the rest for training."""

import polars as pl

from toolrec_cli.data.interactions import Part

LEAVE_ONE_OUT = "leave-one-out"
MIN_LENGTH = 3
"""A user with fewer interactions has nothing held out: one each for training, validation and test is the least."""


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame`, which is in input order, by user_index, then timestamp where there is one, then input order."""
    keys = [name for name in ("user_index", "timestamp") if name in frame.columns]
    return frame.sort(keys, maintain_order=True)


def leave_one_out(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame`, which is ordered by user and time, with the column part: "train", "validation" or "test"."""
    length = pl.len().over("user_index")
    from_the_end = pl.int_range(pl.len()).reverse().over("user_index")
    part = (
        pl.when((length < MIN_LENGTH) | (from_the_end > 1))
        .then(pl.lit(str(Part.TRAIN)))
        .when(from_the_end == 1)
        .then(pl.lit(str(Part.VALIDATION)))
        .otherwise(pl.lit(str(Part.TEST)))
    )
    return frame.with_columns(part=part)


def tied_note(frame: pl.DataFrame) -> list[str]:
    """Says how many interactions of the split `frame` share their time with another of the same user; nothing if none do."""
    if "timestamp" not in frame.columns:
        return []
    same = pl.struct("user_index", "timestamp")
    tied = frame.filter((same == same.shift(1)) | (same == same.shift(-1)))
    if not tied.height:
        return []
    n_users = tied["user_index"].n_unique()
    n_decided = tied.filter(pl.col("part") == str(Part.TEST)).height
    return [
        "Interactions that share their time with another of the same user, taken in input order: "
        f"{tied.height:,}, of {n_users:,} users. Users whose test item is one of these: {n_decided:,}."
    ]


def short_note(frame: pl.DataFrame) -> list[str]:
    """Says how many users have too few interactions to hold one out; nothing if none have."""
    n_short = frame.group_by("user_index").len().filter(pl.col("len") < MIN_LENGTH).height
    if not n_short:
        return []
    return [f"Users with fewer than {MIN_LENGTH} interactions, all for training, none held out: {n_short:,}."]
