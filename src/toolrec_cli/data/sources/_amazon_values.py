"""What Amazon's pages left in the metadata: prices in words, ranks in sentences, paths in lists, scraps of HTML for titles."""

import json
from typing import Any, cast

import polars as pl

from toolrec_cli.data.reading.markup import without_markup

_AMOUNT = r"\$?\s*([\d,]+(?:\.\d+)?|\.\d+)"
_SINGLE = rf"^(?:from\s+)?{_AMOUNT}$"
_RANGE = rf"^{_AMOUNT}\s*[-–]\s*{_AMOUNT}$"
_NO_PRICE = ["", "None", "null", "nan", "-", "—", "–"]

_RANK_OF_DICT = r'^\{\s*"[^"]*":\s*(\d+)'
_RANK_OF_TEXT = r"(?:^\W*|#)([\d,]+)\s+in\s"
_RANK_OF_DETAILS = r'"Best Sellers Rank":\s*\{\s*"(?:[^"\\]|\\.)*":\s*(\d+)'

_SCRAP = r"""/>|"\s*>|</?\w+\s+\w+=|var aPageStart|\(new Date\(\)|function\s*\(|^\s*[.#][\w-]+\s*\{"""
"""What no title has, but a page's source: the ends and beginnings of tags, scripts and styles."""

_PAGE = r"^Visit Amazon's (.+) Page$"
_BY = r"^by\s+"
_ALT = r'alt="([^"]*)"'


def prices(texts: pl.Series) -> pl.DataFrame:
    """price (f64), price_is_mean, price_lost: "$12.99" is 12.99, "$5.00 - $9.00" the mean, what is no price null and lost."""
    text = pl.col("text").str.strip_chars()
    low, high = (_amount(text.str.extract(_RANGE, group)) for group in (1, 2))
    read = texts.alias("text").to_frame()
    read = read.with_columns(one=_amount(text.str.extract(_SINGLE)), mean=(low + high) / 2)
    price = pl.coalesce("one", "mean")
    given = ~text.is_in(_NO_PRICE).fill_null(value=True)
    return read.select(price=price, price_is_mean=pl.col("mean").is_not_null(), price_lost=given & price.is_null())


def _amount(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)


def sales_ranks(ranks: pl.Series, details: pl.Series) -> pl.Series:
    """Int64: of "1,234 in Books (", of '["#1,234 in Books (See top 100)", …]', of '{"Books": 1234}'; else out of the details."""
    frame = pl.DataFrame({"rank": ranks, "details": details})
    found = pl.coalesce(
        pl.col("rank").str.extract(_RANK_OF_DICT),
        pl.col("rank").str.extract(_RANK_OF_TEXT),
        pl.col("details").str.extract(_RANK_OF_DETAILS),
    )
    whole = found.str.replace_all(",", "", literal=True).cast(pl.Int64, strict=False)
    return frame.select(sales_rank=whole)["sales_rank"]


def paths(texts: pl.Series) -> pl.Series:
    """List(String): the labels of a path or of several, each once, up to where the page's own text was caught by mistake."""
    distinct = texts.drop_nulls().unique()
    found = [_labels(text) for text in distinct]
    known = pl.DataFrame({"text": distinct, "path": pl.Series(found, dtype=pl.List(pl.String))})
    joined = texts.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")
    return without_markup(joined["path"])[0].alias("category")


def _labels(text: str) -> list[str] | None:
    labels: list[str] = []
    for label in _flat(_parsed(text)):
        if "<" in label:  # "</span></span></span>": what follows are the bullets of the product's page
            break
        labels.append(" ".join(label.split()))
    return list(dict.fromkeys(filter(None, labels))) or None


def _parsed(text: str) -> Any:
    for attempt in (text, text.replace("\\", "\\\\").replace('\\\\"', '\\"')):
        try:
            return json.loads(attempt)
        except ValueError:
            continue
    return text


def _flat(value: Any) -> list[str]:
    if isinstance(value, list):
        return [label for each in cast("list[Any]", value) for label in _flat(each)]
    return [value] if isinstance(value, str) else []


def titles(texts: pl.Series) -> pl.Series:
    """Titles on one line without HTML; null where only a scrap of the page was caught."""
    title = pl.col("title")
    whole = texts.alias("title").to_frame().select(pl.when(~title.str.contains(_SCRAP)).then(title))["title"]
    line = without_markup(whole)[0].str.replace_all(r"[\p{Cc}\s]+", " ").str.strip_chars()
    return line.replace("", None)


def names(texts: pl.Series) -> pl.Series:
    """Brands, stores and departments: "Visit Amazon's Jane Roe Page" is Jane Roe, a picture what it shows; scraps are null."""
    name = pl.col("name")
    shown = pl.coalesce(name.str.extract(_ALT), name.str.replace(_PAGE, "${1}").str.replace(_BY, ""))
    picked = texts.alias("name").to_frame().select(shown)["name"]
    return titles(picked).alias(texts.name)
