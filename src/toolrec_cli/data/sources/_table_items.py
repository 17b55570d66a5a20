"""`table`'s items: ids, titles, and every other column as an attribute of the kind it looks like."""

from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.kinds import read_attribute
from toolrec_cli.data.reading.blanks import NOTHING
from toolrec_cli.data.reading.columns import find_column, require_column
from toolrec_cli.data.reading.ids import TOO_LONG, case_note, is_too_long, tidy
from toolrec_cli.data.reading.markup import without_markup
from toolrec_cli.data.reading.rejects import FILE
from toolrec_cli.data.reading.tabular import Tabular, read_tabular
from toolrec_cli.data.source import ReadOptions
from toolrec_cli.errors import UsageError, unknown

RESERVED = {"item_id", "title"}
"""Names with a meaning of ours; an attribute of that name gets an underscore."""

_LONGEST_TITLE = 1000


def read_items(path: Path, options: ReadOptions) -> tuple[Tabular, pl.DataFrame, dict[str, Kind], list[str]]:
    """The file or files, and of them item_id, title and the attributes; the kind of each; and notes."""
    table = read_tabular(path)
    columns = table.columns
    key = require_column("item", _same_name(options.item_column, columns), columns, path.name)
    title = find_column("title", options.title_column, [column for column in columns if column != key], path.name)
    frame, id_notes = _with_ids(table, key, path.name)
    frame, markup_note = _without_markup(frame, key, path.name)
    described = frame.drop("line", FILE, key, *([title] if title else []), strict=False)
    attributes, kinds, how = _attributes(described, options)
    titles, title_note = _titles(frame, key, title)
    said = ", ".join([f"item {key!r}", *([f"title {title!r}"] if title else [])])
    notes = [*table.notes, f"{path.name}: columns taken as {said}.", *id_notes, *markup_note, *title_note, *how]
    return table, pl.DataFrame([frame[key].alias("item_id"), titles, *attributes]), kinds, notes


def _same_name(named: str | None, columns: list[str]) -> str | None:
    """--item-col names the column of both files; where the items have another name for it, theirs is guessed."""
    return named if named in columns else None


def _with_ids(table: Tabular, key: str, file: str) -> tuple[pl.DataFrame, list[str]]:
    ids, notes = tidy(table.frame[key], f"{file}, items")
    frame = table.frame.with_columns(ids.alias(key))
    empty = pl.col(key).is_null() | pl.col(key).is_in([*NOTHING, "None"])
    frame = table.sieve.drop(frame, empty, "the item id is empty")
    frame = table.sieve.drop(frame, is_too_long(key), TOO_LONG)
    frame = table.sieve.drop(frame, ~pl.col(key).is_first_distinct(), "the item id comes again; the first one is kept")
    return frame, [*notes, *case_note(frame[key], f"{file}, items")]


def _without_markup(frame: pl.DataFrame, key: str, file: str) -> tuple[pl.DataFrame, list[str]]:
    plain = [without_markup(frame[name]) for name in frame.columns if name not in ("line", FILE, key)]
    cleaned = frame.with_columns([column for column, _ in plain])
    changed = [column.name for column, has_changed in plain if has_changed]
    return cleaned, [f"{file}: HTML tags and entities are taken out of: {', '.join(changed)}."] if changed else []


def _titles(frame: pl.DataFrame, key: str, title: str | None) -> tuple[pl.Series, list[str]]:
    """Titles on one line, without control characters, not endlessly long; the id where there is none."""
    if title is None:
        return frame[key].alias("title"), ["There is no column of titles (--title-col): the ids stand for them."]
    text = pl.col(title).str.replace_all(r"[\p{Cc}\s]+", " ").str.strip_chars()
    whole = frame.select(title=pl.when(~text.is_in(NOTHING)).then(text))["title"]
    titles = whole.str.slice(0, _LONGEST_TITLE)
    n_none, n_cut = titles.null_count(), int((titles != whole).sum())
    notes = [f"Items without a title, called by their id: {n_none:,}."] if n_none else []
    if n_cut:
        notes.append(f"Titles cut to {_LONGEST_TITLE:,} characters: {n_cut:,}.")
    return titles.zip_with(titles.is_not_null(), frame[key]), notes


def _attributes(frame: pl.DataFrame, options: ReadOptions) -> tuple[list[pl.Series], dict[str, Kind], list[str]]:
    renamed = frame.rename({name: f"{name}_" for name in frame.columns if name in RESERVED})
    for name in options.kinds:
        if name not in renamed.columns:
            raise UsageError(unknown("attribute", name, renamed.columns))
    typed = [read_attribute(column, options.kinds.get(column.name), options.list_separator) for column in renamed]
    kinds = {each.values.name: each.kind for each in typed}
    how = "; ".join(f"{each.values.name} {each.how}" for each in typed)
    return [each.values for each in typed], kinds, [f"Attributes: {how}."] if typed else []
