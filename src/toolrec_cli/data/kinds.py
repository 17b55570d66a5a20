"""What kind of attribute a column of texts holds, and its values as that kind."""

import re
from dataclasses import dataclass

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.reading.blanks import NOTHING
from toolrec_cli.data.reading.dates import read_dates

LIST_SEPARATORS = ("|", ";", ", ", ",", " > ")
"""Tried in this order."""

_LITERAL = r"^\[.*\]$|^'.*'$"
_LABEL = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"\s\[\]][^,\[\]]*"""
"""A label of a list as a program wrote it: in single or double quotes, or bare."""

_MOST = 0.5
_NUMBERS = 0.99
"""So much of a column has to be numbers, or dates; the rest is left empty, and said."""
_TRIED = 1_000
_DISTINCT = 0.8
_LONG_TEXT = 40
_LONG_LABEL = 60
_CODES = {"id", "code", "zip", "zipcode", "postcode", "isbn", "asin", "ean", "upc", "phone"}
"""A column whose name ends so holds names made of digits, not quantities."""


@dataclass(frozen=True)
class Typed:
    """One attribute: Int64 or Float64 (numeric), List(String) (multi-valued), String (the others); how it was read."""

    values: pl.Series
    kind: Kind
    how: str


def read_attribute(texts: pl.Series, forced: Kind | None, separator: str | None) -> Typed:
    """The column (String or List(String), empty cells null) as the kind it looks like, or as the `forced` one.

    `separator` says what separates labels; None guesses it.
    """
    if texts.dtype == pl.List(pl.String):
        return _read_lists(texts, forced)
    texts = texts.str.strip_chars().replace(NOTHING, None)
    if forced in (None, Kind.MULTI) and separator is None and is_literal(texts):
        return _read_lists(_written_out(texts), forced)
    numbers = _numbers(texts)
    if forced is Kind.NUMERIC or (forced is None and _is_quantity(texts, numbers)):
        return _numeric(texts, numbers)
    if forced is Kind.DATE or (forced is None and _are_dates(texts)):
        return _dates(texts)
    found = None if forced in (Kind.CATEGORICAL, Kind.TEXT) else _separator(texts, separator, sure=forced is Kind.MULTI)
    if found is not None or forced is Kind.MULTI:
        return Typed(_split(texts, found), Kind.MULTI, f"multi-valued, split at {found!r}" if found else "multi-valued")
    kind = forced or (Kind.TEXT if _is_prose(texts) else Kind.CATEGORICAL)
    return Typed(texts, kind, str(kind))


def _read_lists(lists: pl.Series, forced: Kind | None) -> Typed:
    labels = lists.drop_nulls().explode().drop_nulls()
    kind = forced or (Kind.TEXT if _mean_length(labels) > _LONG_LABEL else Kind.MULTI)
    if kind is Kind.MULTI:
        return Typed(_tidy(lists), kind, str(kind))
    joined = lists.list.drop_nulls().list.join(" " if kind is Kind.TEXT else ", ")
    return read_attribute(joined, kind, None)


def is_literal(texts: pl.Series) -> bool:
    """Whether most values are lists as a program wrote them out: "['Drama', 'War']", '["a"]', "'Movies & TV' 'Movies'"."""
    known = texts.drop_nulls()
    return known.str.contains(_LITERAL).sum() > _MOST * len(known)


def _written_out(texts: pl.Series) -> pl.Series:
    name = pl.col(texts.name)
    bare = (
        pl.element().str.strip_chars().str.replace(r"^(['\"])(.*)['\"]$", "${2}").str.replace_all(r"\\(['\"])", "${1}")
    )
    return texts.to_frame().select(name.str.extract_all(_LABEL).list.eval(bare))[texts.name]


def _numbers(texts: pl.Series) -> pl.Series:
    """ "$1,299.00" and "4" as Float64; null where there is no number."""
    grouped = texts.str.contains(r"^\D?\s*-?\d{1,3}(,\d{3})+(\.\d+)?$").fill_null(value=False)
    plain = texts.str.replace_all(",", "", literal=True).zip_with(grouped, texts)
    numbers = plain.str.replace(r"^[$€£¥]\s*", "").cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite().fill_null(value=True), None)


def _is_quantity(texts: pl.Series, numbers: pl.Series) -> bool:
    code = re.split(r"[\W_]", texts.name.lower())[-1] in _CODES or texts.str.contains(r"^0\d").any()
    return not code and texts.count() > 0 and numbers.count() >= _NUMBERS * texts.count()


def _numeric(texts: pl.Series, numbers: pl.Series) -> Typed:
    n_lost = texts.count() - numbers.count()
    lost = f"; {n_lost:,} values that are no numbers are left empty" if n_lost else ""
    whole = not (numbers % 1 != 0).any()
    return Typed(numbers.cast(pl.Int64) if whole else numbers, Kind.NUMERIC, f"numeric{lost}")


def _are_dates(texts: pl.Series) -> bool:
    """Whether nearly all of the first thousand values are dates with a day."""
    some = texts.drop_nulls().head(_TRIED)
    return len(some) > 0 and read_dates(some).count() >= _NUMBERS * len(some)


def _dates(texts: pl.Series) -> Typed:
    days = pl.from_epoch(read_dates(texts), time_unit="us").dt.strftime("%Y-%m-%d").alias(texts.name)
    n_lost = texts.count() - days.count()
    lost = f"; {n_lost:,} values that are no dates are left empty" if n_lost else ""
    return Typed(days, Kind.DATE, f"date{lost}")


def _separator(texts: pl.Series, separator: str | None, *, sure: bool) -> str | None:
    """What separates labels in most values. When it is given, or the column is `sure` to hold lists, any value will do."""
    known = texts.drop_nulls()
    tried = LIST_SEPARATORS if separator is None else (separator,)
    shares = {each: known.str.contains(each, literal=True).sum() / max(len(known), 1) for each in tried}
    if sure or separator is not None:
        best = max(tried, key=lambda each: shares[each])
        return best if shares[best] else None
    return next((each for each in tried if shares[each] > _MOST and _labels_recur(known, each)), None)


def _labels_recur(known: pl.Series, separator: str) -> bool:
    """Labels come again and again, and are short; the commas of prose separate neither."""
    labels = known.str.split(separator).explode().str.strip_chars()
    return labels.n_unique() <= len(labels) / 2 and _mean_length(labels) <= _LONG_LABEL


def _split(texts: pl.Series, separator: str | None) -> pl.Series:
    return _tidy(
        texts.str.split(separator) if separator else texts.to_frame().select(pl.concat_list(texts.name))[texts.name]
    )


def _tidy(lists: pl.Series) -> pl.Series:
    """Labels stripped, empty ones and repeats left out, empty lists null."""
    label = pl.element().str.strip_chars()
    name = pl.col(lists.name)
    tidy = lists.to_frame().select(name.list.eval(label.filter(label != "").unique(maintain_order=True)))
    return tidy.select(pl.when(name.list.len() > 0).then(name))[lists.name]


def _is_prose(texts: pl.Series) -> bool:
    known = texts.drop_nulls()
    return len(known) > 0 and known.n_unique() > _DISTINCT * len(known) and _mean_length(known) > _LONG_TEXT


def _mean_length(texts: pl.Series) -> float:
    mean = texts.str.len_chars().mean()
    return mean if isinstance(mean, float) else 0.0
