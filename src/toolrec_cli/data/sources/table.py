"""Your own data: files of interactions, and perhaps of items; the columns named by option, or guessed and noted."""

from pathlib import Path

import polars as pl

from toolrec_cli.data.reading.big_log import is_big
from toolrec_cli.data.reading.many_files import named_files
from toolrec_cli.data.reading.rejects import FILE
from toolrec_cli.data.reading.tabular import ENDINGS, Tabular
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._catalogue import bare
from toolrec_cli.data.sources._table_big import big_log
from toolrec_cli.data.sources._table_items import read_items
from toolrec_cli.data.sources._table_log import read_log
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import Progress
from toolrec_cli.storage.digests import file_digest

NO_ITEMS = "There is no file of items (--items): the ids stand for titles, and there are no attributes."


def _read(options: ReadOptions, progress: Progress) -> RawData:
    path = options.interactions or options.raw
    if path is None:
        raise UsageError(
            "Which file holds the interactions?", hint="toolrec prep table --interactions FILE [--items FILE]"
        )
    progress("reading", 0, 2, path.name)
    if is_big((files := named_files(path, ENDINGS)).values()):
        return _read_big(files, options)
    log, interactions, notes = read_log(path, options)
    if options.items is None:
        items = bare(interactions)
        bad = log.sieve.bad
        return RawData(_told(interactions), items, None, {}, _digests(log), log.n_rows, bad, [*notes, NO_ITEMS])
    progress("reading", 1, 2, options.items.name)
    table, items, kinds, item_notes = read_items(options.items, options)
    if both := log.n_rows.keys() & table.n_rows.keys():
        raise InputError(f"The interactions and the items are both in files called {min(both)!r}.", hint="Rename one.")
    lacking = ~pl.col("item_id").is_in(items["item_id"].implode())
    interactions = log.sieve.drop(interactions, lacking, f"{options.items.name} has no such item")
    files, n_rows = _digests(log) | _digests(table), log.n_rows | table.n_rows
    bad = log.sieve.bad + table.sieve.bad
    return RawData(_told(interactions), items, None, kinds, files, n_rows, bad, [*notes, *item_notes])


def _read_big(files: dict[str, Path], options: ReadOptions) -> RawData:
    """Interactions that are read in pieces, when they are prepared."""
    log, digests = big_log(files, options), {name: file_digest(each) for name, each in files.items()}
    if options.items is None:
        return RawData(log, None, None, {}, digests, notes=[NO_ITEMS])
    table, items, kinds, notes = read_items(options.items, options)
    return RawData(log, items, None, kinds, digests | _digests(table), table.n_rows, table.sieve.bad, notes)


def _told(interactions: pl.DataFrame) -> pl.DataFrame:
    """Without the names of the files, once nothing can be rejected any more."""
    return interactions.drop(FILE, strict=False)


def _digests(table: Tabular) -> dict[str, str]:
    return {name: file_digest(path) for name, path in table.files.items()}


SOURCE = Source("Your own files: CSV, TSV, Parquet or JSON lines (--interactions FILE --items FILE)", None, _read)
