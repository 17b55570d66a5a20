"""HTML in a stranger's catalogue, as shops write it ("Arts &amp; Crafts", "<b>New!</b>"): texts without it."""

import polars as pl

_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&nbsp;": " "}
_TAG = r"</?[A-Za-z][^<>]*(?:>|$)"
"""Tags, also one that was cut off at the end of the text; "I <3 you" has none."""


def without_markup(texts: pl.Series) -> tuple[pl.Series, bool]:
    """The column (String or List(String)) without tags and entities, and whether anything changed."""
    if texts.dtype != pl.List(pl.String):
        plain = texts.to_frame().select(_plain(pl.col(texts.name)))[texts.name]
    else:
        plain = texts.to_frame().select(pl.col(texts.name).list.eval(_plain(pl.element())))[texts.name]
    return plain, not plain.equals(texts)


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_TAG, "").str.replace_many(_ENTITIES)
