"""What every source of data keeps to; a new file in data/sources/ is taken up by itself."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tiny_archives import MADE_UP, TINY, Tiny

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.errors import InputError, ToolRecError
from toolrec_cli.operations.preparing import SOURCES
from toolrec_cli.progress import silent

NAMES = SOURCES.names()
READING = [name for name in NAMES if name not in MADE_UP]
MANDATORY = [
    (name, file) for name in READING if name in TINY for file in TINY[name].files if file not in TINY[name].optional
]

DTYPES = {
    Kind.MULTI: {pl.List(pl.String)},
    Kind.CATEGORICAL: {pl.String()},
    Kind.TEXT: {pl.String()},
    Kind.NUMERIC: {pl.Int64(), pl.Float64()},
}


def tiny(name: str) -> Tiny:
    if name not in TINY:
        pytest.fail(
            f"The source {name!r} has no tiny archive to be tested with: add one to TINY in tests/data/tiny_archives.py "
            "(its files as the makers pack them, with four usable interactions and one that is not)."
        )
    return TINY[name]


def read(name: str, tmp_path: Path) -> RawData:
    """What the source makes of its tiny archive in a folder."""
    if name in MADE_UP:
        return made_up(name)
    return SOURCES.get(name).read(tiny(name).in_folder(tmp_path / "raw"), silent)


@cache
def made_up(name: str) -> RawData:
    return SOURCES.get(name).read(ReadOptions(), silent)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_where_it_is_had(name: str) -> None:
    source = SOURCES.get(name)
    assert isinstance(source, Source)
    assert source.about
    assert "\n" not in source.about
    assert len(source.about) <= 100
    assert source.home is None or source.home.startswith("https://")


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_have_the_promised_columns(name: str, tmp_path: Path) -> None:
    raw = read(name, tmp_path)
    log, items = raw.interactions, raw.items
    types = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64, "rating": pl.Float32, "line": pl.UInt32}
    assert {"user_id", "item_id"} <= set(log.columns) <= set(types)
    assert {column: log.schema[column] for column in log.columns} == {column: types[column] for column in log.columns}
    assert log.drop("rating", strict=False).null_count().row(0) == (0,) * len(log.drop("rating", strict=False).columns)
    assert items.columns[:2] == ["item_id", "title"]
    assert items.schema["item_id"] == items.schema["title"] == pl.String
    assert items.filter((pl.col("title").fill_null("") == "") | (pl.col("item_id").fill_null("") == "")).height == 0
    assert set(raw.kinds) == set(items.columns[2:])
    for attribute, kind in raw.kinds.items():
        assert items.schema[attribute] in DTYPES[kind], attribute
    if raw.users is not None:
        assert raw.users.columns[0] == "user_id"
        assert not raw.users["user_id"].is_duplicated().any()


@pytest.mark.parametrize("name", NAMES)
def test_every_item_that_was_met_is_there_once(name: str, tmp_path: Path) -> None:
    raw = read(name, tmp_path)
    assert not raw.items["item_id"].is_duplicated().any()
    assert raw.interactions.filter(~pl.col("item_id").is_in(raw.items["item_id"].implode())).height == 0


@pytest.mark.parametrize("name", READING)
def test_rows_good_and_bad_add_up(name: str, tmp_path: Path) -> None:
    raw = read(name, tmp_path)
    log = tiny(name).log
    n_bad = sum(row.file == log for row in raw.bad_rows)
    assert (raw.interactions.height, n_bad, raw.n_rows[log]) == (4, 1, 5)
    assert {row.file for row in raw.bad_rows} <= set(raw.n_rows)
    assert all(row.line > 0 and row.reason and row.text for row in raw.bad_rows)
    assert set(raw.n_rows) == set(tiny(name).files)
    assert set(raw.files) == set(tiny(name).files)
    assert all(len(digest) == 64 for digest in raw.files.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_output(name: str, tmp_path: Path) -> None:
    first = read(name, tmp_path)
    made_up.cache_clear()
    second = read(name, tmp_path)
    assert_frame_equal(first.interactions, second.interactions)
    assert_frame_equal(first.items, second.items)
    rest = [replace(raw, interactions=pl.DataFrame(), items=pl.DataFrame(), users=None) for raw in (first, second)]
    assert str(rest[0]) == str(rest[1])


@pytest.mark.parametrize("name", READING)
def test_lines_may_end_as_on_windows(name: str, tmp_path: Path) -> None:
    plain = tiny(name)
    windows = replace(plain, files={file: text.replace("\n", "\r\n") for file, text in plain.files.items()})
    raw = SOURCES.get(name).read(windows.in_folder(tmp_path / "windows"), silent)
    expected = read(name, tmp_path)
    assert_frame_equal(raw.interactions, expected.interactions)
    assert_frame_equal(raw.items, expected.items)
    assert [(row.line, row.reason) for row in raw.bad_rows] == [(row.line, row.reason) for row in expected.bad_rows]


@pytest.mark.parametrize("name", [name for name in READING if name in TINY and TINY[name].zips])
def test_a_zip_is_as_good_as_its_folder(name: str, tmp_path: Path) -> None:
    raw = SOURCES.get(name).read(tiny(name).in_zip(tmp_path / "raw.zip"), silent)
    expected = read(name, tmp_path)
    assert_frame_equal(raw.interactions, expected.interactions)
    assert_frame_equal(raw.items, expected.items)
    assert list(raw.files) == ["raw.zip"]


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_prepared(name: str, tmp_path: Path) -> None:
    raw = read(name, tmp_path)
    dataset = prepare(name, raw, name, tmp_path / "made", skip_bad=True, progress=silent)
    assert dataset.card.counts["interactions"] == raw.interactions.height
    assert dataset.card.counts["users"] == raw.interactions["user_id"].n_unique()
    assert dataset.card.counts["items"] == raw.interactions["item_id"].n_unique()
    assert sum(dataset.card.bad_rows.values()) == len(raw.bad_rows)


def refused(name: str, options: ReadOptions) -> InputError:
    with pytest.raises(InputError) as caught:
        SOURCES.get(name).read(options, silent)
    return caught.value


def says_where_to_get_it(name: str, error: ToolRecError) -> None:
    """The official address and the command, unless the files are one's own."""
    home = SOURCES.get(name).home
    if home is not None:
        assert home in str(error.hint)
        assert f"toolrec prep {name} --raw " in str(error.hint)


@pytest.mark.parametrize(("name", "file"), MANDATORY)
def test_a_missing_file_is_named(name: str, file: str, tmp_path: Path) -> None:
    error = refused(name, tiny(name).without(file).in_folder(tmp_path / "raw"))
    expected = {"Books.json.gz": "reviews", "meta_Books.json.gz": "metadata", "shop.inter": "NAME.inter"}
    assert expected.get(file, file) in error.message
    says_where_to_get_it(name, error)


@pytest.mark.parametrize(
    ("name", "file"), [(name, file) for name in READING if name in TINY for file in TINY[name].optional]
)
def test_an_optional_file_may_be_absent_and_that_is_said(name: str, file: str, tmp_path: Path) -> None:
    raw = SOURCES.get(name).read(tiny(name).without(file).in_folder(tmp_path / "raw"), silent)
    assert raw.interactions.height == 4
    assert any(f"There is no {file}: " in note for note in raw.notes)


@pytest.mark.parametrize(("name", "file"), MANDATORY)
@pytest.mark.parametrize("text", ["", "\n\n"], ids=["no bytes", "blank lines"])
def test_an_empty_file_is_named(name: str, file: str, text: str, tmp_path: Path) -> None:
    error = refused(name, tiny(name).with_text(file, text).in_folder(tmp_path / "raw"))
    assert file in error.message
    assert "is empty" in error.message
    says_where_to_get_it(name, error)


@pytest.mark.parametrize("name", READING)
def test_nothing_there_says_where_to_get_it(name: str, tmp_path: Path) -> None:
    error = refused(name, replace(tiny(name).options(tmp_path), raw=tmp_path / "nowhere"))
    assert "does not exist" in error.message
    says_where_to_get_it(name, error)
    if SOURCES.get(name).home is not None:
        error = refused(name, ReadOptions())
        assert "to be downloaded by you" in error.message
        says_where_to_get_it(name, error)


@pytest.mark.parametrize("name", READING)
def test_what_is_cut_off_is_refused(name: str, tmp_path: Path) -> None:
    if tiny(name).zips:
        options = tiny(name).in_zip(tmp_path / "raw.zip")
        cut = tmp_path / "raw.zip"
    else:
        options = tiny(name).in_folder(tmp_path / "raw")
        cut = tmp_path / "raw" / tiny(name).log
    if cut.suffix not in (".zip", ".gz"):
        pytest.skip("a plain text that is cut off is one with a broken last line")
    cut.write_bytes(cut.read_bytes()[:-40])
    error = refused(name, options)
    assert cut.name in error.message
    assert "cut off" in error.message
    says_where_to_get_it(name, error)


@pytest.mark.parametrize("name", READING)
def test_progress_is_told(name: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        told.append((task, done, total))

    SOURCES.get(name).read(tiny(name).in_folder(tmp_path / "raw"), progress)
    assert told
    assert all(task == "reading" and done < total for task, done, total in told)
