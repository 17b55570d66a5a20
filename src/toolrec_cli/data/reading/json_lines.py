"""JSON lines: one object a line, its keys the columns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import polars as pl

from toolrec_cli.data.reading.lines import free_of_line, numbered
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.errors import InputError

_LOOKED_AT = 10_000
"""The keys of so many lines are the columns."""


def read_json_lines(
    data: bytes, path: Path, pick: Callable[[list[str]], list[str]], sieve: Sieve
) -> tuple[pl.DataFrame, list[str]]:
    """line, then the picked columns as text or lists of text, and notes. Lines that hold no object go into the sieve.

    Raises InputError when none of the first lines holds an object.
    """
    lines = numbered(data)
    names = _names(lines["text"].head(_LOOKED_AT).to_list())
    if not names:
        raise InputError(f"{path} does not hold JSON lines: one object a line, {{...}}.")
    objects = pl.col("text").str.json_path_match("$").str.starts_with("{").fill_null(value=False)
    usable = sieve.drop(lines, ~objects, "it is not a JSON object")
    keys = {free_of_line(name): name for name in names}
    wanted = pick(list(keys))
    values = [pl.col("text").str.json_path_match(_path(keys[name])).alias(name) for name in wanted]
    frame = usable.select("line", *values)
    columns = [_plain(frame[name]) for name in wanted]
    notes = [f"{path.name}: {c.name!r} holds structures; it is left out." for c in columns if c.dtype == pl.Object]
    return frame.select("line").hstack([column for column in columns if column.dtype != pl.Object]), notes


def _names(lines: list[str]) -> list[str]:
    names: dict[str, None] = {}
    for line in lines:
        try:
            found: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            names |= dict.fromkeys(cast("dict[str, Any]", found))
    return [name for name in names if name and "'" not in name]


def _path(name: str) -> str:
    """The JSON path of a key, whatever characters it has (but for single quotes)."""
    return f"$['{name}']"


def _plain(column: pl.Series) -> pl.Series:
    """Text as it is ("", [] and {} are null), JSON arrays as lists of text, columns of other structures as empty Objects."""
    column = column.replace(["", "[]", "{}"], None)
    if _mostly(column, "{"):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Object)
    if not _mostly(column, "["):
        return column
    return pl.Series(column.name, [_labels(text) for text in column], dtype=pl.List(pl.String))


def _mostly(column: pl.Series, opening: str) -> bool:
    """Whether more than half of the known values begin so."""
    known = column.drop_nulls()
    return known.str.starts_with(opening).sum() > len(known) / 2


def _labels(text: str | None) -> list[str] | None:
    """ "[\\"a\\", 2]" -> ["a", "2"]; anything that is no array is a list of itself."""
    try:
        found: Any = json.loads(text or "[]")
    except ValueError:
        found = text
    labels = cast("list[Any]", found) if isinstance(found, list) else [text]
    return [str(label) for label in labels if label not in (None, "") and not isinstance(label, dict | list)] or None
