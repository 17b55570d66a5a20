"""Five users, five items, twelve interactions: small enough to work out every figure by hand."""

from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData
from toolrec_cli.progress import silent

FIRST_DAY = 1_577_836_800
"""2020-01-01, in seconds since 1970."""

LOG: list[tuple[str, str, int, float | None]] = [
    ("u1", "p", 0, 5.0),
    ("u1", "q", 0, 4.0),
    ("u1", "r", 2, 3.0),
    ("u1", "s", 9, None),
    ("u2", "p", 0, 5.0),
    ("u2", "q", 1, 5.0),
    ("u3", "p", 1, 4.0),
    ("u3", "q", 1, 4.0),
    ("u3", "r", 1, 4.0),
    ("u4", "p", 4, 1.0),
    ("u5", "p", 9, 5.0),
    ("u5", "t", 9, float("nan")),
]
"""User, item, day, rating."""

ITEMS = pl.DataFrame(
    {
        "item_id": ["p", "q", "r", "s", "t"],
        "title": ["Pear", "Quince", "Raisin", "Sorrel", "Turnip"],
        "genre": [["a", "b"], ["a"], ["b", "c"], None, ["a"]],
        "price": [1.0, 2.0, 4.0, None, 9.0],
        "colour": ["red", "red", "blue", None, "[bold]"],
        "blurb": ["abc", "ab", None, "abcd", "a"],
    }
)
KINDS = {"genre": Kind.MULTI, "price": Kind.NUMERIC, "colour": Kind.CATEGORICAL, "blurb": Kind.TEXT}


def five_users(workspace: Path, *, timed: bool = True, rated: bool = True, a_day: int = 86_400) -> Dataset:
    """The data set "five" of a workspace; days become seconds, or other numbers by `a_day`."""
    schema = {"user_id": pl.String, "item_id": pl.String, "day": pl.Int64, "rating": pl.Float32}
    log = pl.DataFrame(LOG, schema=schema, orient="row")
    start = FIRST_DAY * a_day // 86_400 if a_day >= 86_400 else 0
    columns = [pl.col("user_id"), pl.col("item_id")]
    columns += [(start + pl.col("day") * a_day).alias("timestamp")] if timed else []
    columns += [pl.col("rating")] if rated else []
    raw = RawData(log.select(columns), ITEMS, None, dict(KINDS), {"log": "00"}, notes=["[note] one"])
    return prepare("table", raw, "five", workspace / "datasets" / "five", skip_bad=False, progress=silent)
