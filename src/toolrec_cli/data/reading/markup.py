"""HTML in a stranger's catalogue, as shops write it ("Arts &amp; Crafts", "<b>New!</b>"): texts without it."""

import html

import polars as pl

_ENTITY = r"&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z]\w*);"
_TAG = r"</?[A-Za-z][^<>]*(?:>|$)"
"""Tags, also one that was cut off at the end of the text; "I <3 you" has none."""


def without_markup(texts: pl.Series) -> tuple[pl.Series, bool]:
    """The column (String or List(String)) without tags and entities, and whether anything changed."""
    is_list = texts.dtype == pl.List(pl.String)
    meant = _meant(texts.drop_nulls().explode() if is_list else texts)
    if not is_list:
        plain = texts.to_frame().select(_plain(pl.col(texts.name), meant))[texts.name]
    else:
        plain = texts.to_frame().select(pl.col(texts.name).list.eval(_plain(pl.element(), meant)))[texts.name]
    return plain, not plain.equals(texts)


def _meant(texts: pl.Series) -> dict[str, str]:
    """ "&eacute;" -> "é" and so on, for all that the texts hold."""
    found = texts.str.extract_all(_ENTITY).explode().drop_nulls().unique()
    return {entity: html.unescape(entity) for entity in found}


def _plain(text: pl.Expr, meant: dict[str, str]) -> pl.Expr:
    bare = text.str.replace_all(_TAG, "")
    return bare.str.replace_many(meant).str.replace_all("\N{NO-BREAK SPACE}", " ", literal=True) if meant else bare
