"""Your own data: one file of interactions, and perhaps one of items; the columns named by option, or guessed and noted."""

from pathlib import Path

import polars as pl

from toolrec_cli.data.big_log import files_of, is_big
from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.columns import find_column, require_column
from toolrec_cli.data.kinds import read_attribute
from toolrec_cli.data.markup import without_markup
from toolrec_cli.data.rejects import Sieve
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._table_big import big_log
from toolrec_cli.data.tabular import Tabular, read_tabular
from toolrec_cli.data.times import read_times
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.progress import Progress
from toolrec_cli.storage.digests import file_digest

_NO_ITEMS = "There is no file of items (--items): the ids stand for titles, and there are no attributes."

RESERVED = {"item_id", "title"}
"""Names with a meaning of ours; an attribute of that name gets an underscore."""


def _read(options: ReadOptions, progress: Progress) -> RawData:
    path = options.interactions or options.raw
    if path is None:
        raise UsageError(
            "Which file holds the interactions?", hint="toolrec prep table --interactions FILE [--items FILE]"
        )
    progress("reading", 0, 2, path.name)
    if is_big(files := files_of(path)):
        return _read_big(files, options)
    log, interactions, notes = _read_interactions(path, options)
    if options.items is None:
        return _without_items(path, log, interactions, notes)
    progress("reading", 1, 2, options.items.name)
    table, items, kinds, item_notes = _read_items(options.items, options)
    lacking = ~pl.col("item_id").is_in(items["item_id"].implode())
    interactions = log.sieve.drop(interactions, lacking, f"{options.items.name} has no such item")
    files = {each.name: file_digest(each) for each in (path, options.items)}
    n_rows = {path.name: log.n_rows, options.items.name: table.n_rows}
    bad = log.sieve.bad + table.sieve.bad
    return RawData(interactions, items, None, kinds, files, n_rows, bad, [*notes, *item_notes])


def _read_big(files: list[Path], options: ReadOptions) -> RawData:
    """Interactions that are read in pieces, when they are prepared."""
    log, digests = big_log(files, options), {each.name: file_digest(each) for each in files}
    if options.items is None:
        return RawData(log, None, None, {}, digests, notes=[_NO_ITEMS])
    table, items, kinds, notes = _read_items(options.items, options)
    digests[options.items.name] = file_digest(options.items)
    return RawData(log, items, None, kinds, digests, {options.items.name: table.n_rows}, table.sieve.bad, notes)


def _without_items(path: Path, log: Tabular, interactions: pl.DataFrame, notes: list[str]) -> RawData:
    ids = interactions.select("item_id").unique(maintain_order=True)
    notes = [*notes, _NO_ITEMS]
    files = {path.name: file_digest(path)}
    items = ids.with_columns(title="item_id")
    return RawData(interactions, items, None, {}, files, {path.name: log.n_rows}, log.sieve.bad, notes)


def _read_interactions(path: Path, options: ReadOptions) -> tuple[Tabular, pl.DataFrame, list[str]]:
    """The file, and of it line, user_id, item_id, timestamp, rating (the last two where there are any); and notes."""
    roles: dict[str, str] = {}

    def pick(columns: list[str]) -> list[str]:
        roles.update(_roles(columns, path.name, options))
        return list(dict.fromkeys(roles.values()))

    log = read_tabular(path, pick)
    taken = {role: pl.col(column).cast(pl.String).str.strip_chars() for role, column in roles.items()}
    frame = log.frame.select("line", **taken)
    for role in ("user_id", "item_id"):
        frame = log.sieve.drop(frame, pl.col(role).fill_null("") == "", f"the {role.removesuffix('_id')} id is empty")
    named = ", ".join(f"{role.removesuffix('_id')} {column!r}" for role, column in roles.items())
    notes = [*log.notes, f"{path.name}: columns taken as {named}."]
    frame, time_notes = _with_times(frame, log.sieve)
    return log, _with_ratings(frame, log.sieve), notes + time_notes


def _roles(columns: list[str], file: str, options: ReadOptions) -> dict[str, str]:
    """user_id, item_id, timestamp, rating -> the column of that role, where there is one."""
    found = {
        "user_id": require_column("user", options.user_column, columns, file),
        "item_id": require_column("item", options.item_column, columns, file),
        "timestamp": find_column("time", options.time_column, columns, file),
        "rating": find_column("rating", options.rating_column, columns, file),
    }
    return {role: column for role, column in found.items() if column is not None}


def _with_times(frame: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, list[str]]:
    if "timestamp" not in frame.columns:
        return frame, [f"{sieve.file} has no column of times (--time-col): its rows are taken to be in order."]
    times, what = read_times(frame["timestamp"])
    usable = sieve.drop(frame, pl.lit(times.is_null()), "the time is neither a number nor an ISO date")
    return usable.with_columns(timestamp=times.drop_nulls()), [f"{sieve.file}: the times are {what}."]


def _with_ratings(frame: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    if "rating" not in frame.columns:
        return frame
    rating = pl.col("rating").replace("", None).cast(pl.Float32, strict=False)
    unreadable = pl.col("rating").fill_null("").ne("") & ~rating.is_finite().fill_null(value=False)
    return sieve.drop(frame, unreadable, "the rating is not a number").with_columns(rating)


def _read_items(path: Path, options: ReadOptions) -> tuple[Tabular, pl.DataFrame, dict[str, Kind], list[str]]:
    """The file, and of it item_id, title and the attributes; the kind of each; and notes."""
    table = read_tabular(path)
    columns = table.frame.columns[1:]
    key = require_column("item", _same_name(options.item_column, columns), columns, path.name)
    title = find_column("title", options.title_column, [column for column in columns if column != key], path.name)
    frame = table.frame.with_columns(pl.col(key).cast(pl.String).str.strip_chars())
    frame = table.sieve.drop(frame, pl.col(key).fill_null("") == "", "the item id is empty")
    frame = table.sieve.drop(frame, ~pl.col(key).is_first_distinct(), "the item id comes again; the first one is kept")
    frame, markup_note = _without_markup(frame, key, path.name)
    attributes, kinds, how = _attributes(frame.drop("line", key, *([title] if title else [])), options)
    titles, title_note = _titles(frame, key, title)
    said = ", ".join([f"item {key!r}", *([f"title {title!r}"] if title else [])])
    notes = [*table.notes, f"{path.name}: columns taken as {said}.", *markup_note, *title_note, *how]
    return table, pl.DataFrame([frame[key].alias("item_id"), titles, *attributes]), kinds, notes


def _same_name(named: str | None, columns: list[str]) -> str | None:
    """--item-col names the column of both files; where the items have another name for it, theirs is guessed."""
    return named if named in columns else None


def _without_markup(frame: pl.DataFrame, key: str, file: str) -> tuple[pl.DataFrame, list[str]]:
    plain = [without_markup(frame[name]) for name in frame.columns if name not in ("line", key)]
    cleaned = frame.with_columns([column for column, _ in plain])
    changed = [column.name for column, has_changed in plain if has_changed]
    return cleaned, [f"{file}: HTML tags and entities are taken out of: {', '.join(changed)}."] if changed else []


def _titles(frame: pl.DataFrame, key: str, title: str | None) -> tuple[pl.Series, list[str]]:
    """Titles on one line, without control characters; the id where there is none."""
    if title is None:
        return frame[key].alias("title"), ["There is no column of titles (--title-col): the ids stand for them."]
    text = pl.col(title).str.replace_all(r"[\p{Cc}\s]+", " ").str.strip_chars().replace("", None)
    titles = frame.select(title=text)["title"]
    n_none = titles.null_count()
    note = [f"Items without a title, called by their id: {n_none:,}."] if n_none else []
    return titles.zip_with(titles.is_not_null(), frame[key]), note


def _attributes(frame: pl.DataFrame, options: ReadOptions) -> tuple[list[pl.Series], dict[str, Kind], list[str]]:
    renamed = frame.rename({name: f"{name}_" for name in frame.columns if name in RESERVED})
    for name in options.kinds:
        if name not in renamed.columns:
            raise UsageError(unknown("attribute", name, renamed.columns))
    typed = [read_attribute(column, options.kinds.get(column.name), options.list_separator) for column in renamed]
    kinds = {each.values.name: each.kind for each in typed}
    how = "; ".join(f"{each.values.name} {each.how}" for each in typed)
    return [each.values for each in typed], kinds, [f"Attributes: {how}."] if typed else []


SOURCE = Source("Your own files: CSV, TSV, Parquet or JSON lines (--interactions FILE --items FILE)", None, _read)
