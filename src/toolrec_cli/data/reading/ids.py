"""Ids of users and items as strangers write them."""

import polars as pl

_LONGEST = 200
"""Characters of an id; what is longer is a text that got into the wrong column."""

TOO_LONG = f"the id is longer than {_LONGEST} characters"
_FLOAT = r"^-?\d+\.0+$"


def tidy(ids: pl.Series, what: str) -> tuple[pl.Series, list[str]]:
    """The ids without spaces around them, and numbers without the ".0" that pandas gave them all; sentences that count both.

    Leading zeros and case stay: "007" is not "7", and "abc" is not "ABC".
    """
    bare = ids.cast(pl.String).str.strip_chars()
    n_spaced = int((bare != ids).sum())
    notes = [f"{what}: ids with spaces around them, taken without: {n_spaced:,}."] if n_spaced else []
    if are_floats(bare):
        bare = without_zeros(bare)
        notes.append(f"{what}: the ids are whole numbers written with '.0', which is left out.")
    return bare, notes


def are_floats(ids: pl.Series) -> bool:
    """Whether all that there is are whole numbers written with ".0", as pandas does when one is missing."""
    known = ids.drop_nulls()
    return len(known) > 0 and bool(known.head(1).str.contains(_FLOAT).all() and known.str.contains(_FLOAT).all())


def without_zeros(ids: pl.Series) -> pl.Series:
    """Numbers without their ".0"; anything else as it is."""
    return ids.str.replace(r"^(-?\d+)\.0+$", "${1}")


def case_note(ids: pl.Series, what: str) -> list[str]:
    """Says how many ids differ from another only in case; they stay apart."""
    distinct = ids.drop_nulls().unique()
    n_alike = int(distinct.str.to_lowercase().is_duplicated().sum())
    return [f"{what}: ids that differ from another only in case, kept apart: {n_alike:,}."] if n_alike else []


def is_too_long(name: str) -> pl.Expr:
    """Whether the id in the column `name` is no id for its length."""
    return pl.col(name).str.len_chars() > _LONGEST
