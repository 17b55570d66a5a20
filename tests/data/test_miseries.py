"""What strangers' files are like, and what `table` makes of it: mended and counted, or refused with file, line and reason."""

import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.reading import big_log, parts
from toolrec_cli.data.source import RawData, ReadOptions
from toolrec_cli.data.sources.table import SOURCE
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent

HEAD = "user_id,item_id,timestamp,rating\n"
LOG = HEAD + "u1,a,1318896000,5\nu1,b,1318896001,4\nu2,a,1318896002,3\n"
ITEMS = "item_id,title,genre\na,Alpha,x\nb,Beta,y\n"
LONG = "w" * 10_000_000
FUTURE = int((datetime.now(UTC) + timedelta(days=400)).timestamp())


@dataclass(frozen=True)
class Misery:
    """Two files, and what becomes of them. Texts are written as UTF-8, bytes as they are, frames as Parquet."""

    log: str | bytes | pl.DataFrame = LOG
    items: str | bytes | pl.DataFrame | None = ITEMS
    log_name: str = "log.csv"
    items_name: str = "items.csv"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    users: list[str] | None = None
    """The user of every interaction that is kept."""
    item_ids: list[str] | None = None
    times: list[int] | None = None
    ratings: list[float | None] | None = None
    titles: list[str] | None = None
    values: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    """Attribute -> the items' values."""
    bad: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    """File, line, reason of what is left out."""
    noted: list[str] = field(default_factory=list[str])
    """Sentences among the notes."""


MENDED = {
    "a byte order mark": Misery("\ufeff" + LOG, "\ufeff" + ITEMS, users=["u1", "u1", "u2"], titles=["Alpha", "Beta"]),
    "UTF-16, as Excel writes it": Misery(
        LOG.encode("utf-16"), times=[1318896000, 1318896001, 1318896002], noted=["log.csv is UTF-16."]
    ),
    "CRLF": Misery(
        LOG.replace("\n", "\r\n"),
        ITEMS.replace("\n", "\r\n"),
        times=[1318896000, 1318896001, 1318896002],
        values={"genre": ["x", "y"]},
    ),
    "quotes in titles, as CSV has them": Misery(
        items='item_id,title\na,"Al ""The Man"", Jr."\nb,5" pipe\n', titles=['Al "The Man", Jr.', '5" pipe']
    ),
    "quotes in titles that are not in pairs": Misery(
        items='item_id\ttitle\na\t"Weird Al\nb\tBeta "b"\n',
        items_name="items.tsv",
        titles=['"Weird Al', 'Beta "b"'],
        noted=["items.tsv: quotation marks are not in pairs; they are taken as part of the text."],
    ),
    "a quote never closed, and a broken line after it": Misery(
        items="item_id\ttitle\n" + 'a\t"Weird Al\nb\tBeta\nc\n' + "".join(f"c{n}\tTitle {n}\n" for n in range(200)),
        items_name="items.tsv",
        titles=['"Weird Al', "Beta", *(f"Title {n}" for n in range(200))],
        bad=[("items.tsv", 4, "it does not have 2 fields separated by '\\t'")],
    ),
    "two quotes that only look like a pair": Misery(
        items='item_id\ttitle\na\t"Weird Al\nb\t"Heroes and more\n',
        items_name="items.tsv",
        titles=['"Weird Al', '"Heroes and more'],
    ),
    "line breaks in quoted titles": Misery(
        items='item_id,title\na,"Al\npha, or ""A"""\nb,Beta\n', titles=['Al pha, or "A"', "Beta"]
    ),
    "tabs in titles": Misery(
        items="item_id\ttitle\na\tAl\tpha\nb\tBeta\n" + "".join(f"c{n}\tT\n" for n in range(100)),
        log=LOG + "u2,b,1318896003,1\n" * 300,
        items_name="items.tsv",
        item_ids=["b"] * 301,
        bad=[
            ("items.tsv", 2, "it does not have 2 fields separated by '\\t'"),
            ("log.csv", 2, "items.tsv has no such item"),
            ("log.csv", 4, "items.tsv has no such item"),
        ],
    ),
    "tabs in titles of a CSV": Misery(items="item_id,title\na,Al\t\tpha\nb,Beta\n", titles=["Al pha", "Beta"]),
    "Latin-1": Misery(
        items="item_id,title\na,Amélie\nb,Beta\n".encode("latin-1"),
        titles=["Amélie", "Beta"],
        noted=["items.csv is not UTF-8 throughout: what is not was read as Latin-1."],
    ),
    "Latin-1 in one line of many": Misery(
        items=b"item_id,title\na,Am\xe9lie \x96 \x80\n" + "b,Amélie\n".encode(),
        titles=["Amélie – €", "Amélie"],
    ),
    "milliseconds": Misery(
        HEAD + "u1,a,1318896000123,5\nu2,b,1318896000124,5\n",
        times=[1318896000123, 1318896000124],
        noted=["log.csv: the times are milliseconds since 1970, from 2011-10-18 to 2011-10-18."],
    ),
    "seconds and milliseconds in one column": Misery(
        HEAD + "u1,a,1318896001,5\nu1,b,1318896000500,5\nu2,b,1318896002,5\n",
        times=[1318896001000, 1318896000500, 1318896002000],
        noted=[
            "log.csv: the times are milliseconds since 1970, from 2011-10-18 to 2011-10-18; "
            "2 of them were written in seconds."
        ],
    ),
    "dates and times in other forms": Misery(
        HEAD + 'u1,a,17.2.2014,5\nu1,a,"Mon, 17 Feb 2014 16:48:06 GMT",5\nu1,a,Mon Feb 17 18:48:06 +0200 2014,5\n'
        'u1,a,2/17/2014 4:48:06 PM,5\nu1,a,2014-02-17T16:48:06.000Z,5\nu1,a,"February 17, 2014",5\n',
        times=[1392595200, 1392655686, 1392655686, 1392655686, 1392655686, 1392595200],
    ),
    "negative times": Misery(
        HEAD + "u1,a,-1,5\n" + "u1,b,1318896001,4\n" * 200,
        times=[1318896001] * 200,
        bad=[("log.csv", 2, "the time is negative: before 1970")],
    ),
    "future times": Misery(
        HEAD + f"u1,a,{FUTURE},5\nu1,b,1318896001,4\n",
        times=[FUTURE, 1318896001],
        noted=["log.csv: times that lie in the future, kept: 1."],
    ),
    "dates that may be read both ways": Misery(
        HEAD + "u1,a,01/02/2014,5\nu1,b,03/04/2014,5\n" + "u2,b,2014-01-02,1\n" * 300,
        users=["u2"] * 300,
        bad=[("log.csv", n, "the time is neither a number nor a date that is known") for n in (2, 3)],
    ),
    "NaN ratings": Misery(
        HEAD + "u1,a,1318896000,NaN\nu1,b,1318896001,4\nu2,b,1318896001,\nu2,a,1318896001,null\n",
        ratings=[None, 4.0, None, None],
        noted=["log.csv: ratings that are NaN or null, taken as none: 2."],
    ),
    "ratings that are words or infinite": Misery(
        HEAD + "u1,a,1318896000,good\nu1,b,1318896001,inf\n" + "u2,b,1318896001,3\n" * 300,
        ratings=[3.0] * 300,
        bad=[("log.csv", 2, "the rating is not a number"), ("log.csv", 3, "the rating is not a number")],
    ),
    "ids with leading zeros": Misery(
        HEAD + "007,00010,1318896000,5\n7,10,1318896001,5\n",
        "item_id,title\n00010,Ten\n10,Other\n",
        users=["007", "7"],
        item_ids=["00010", "10"],
        titles=["Ten", "Other"],
    ),
    "ids that differ by case": Misery(
        HEAD + "Ann,a,1318896000,5\nann,A,1318896001,5\n",
        "item_id,title\na,Small\nA,Large\n",
        users=["Ann", "ann"],
        item_ids=["a", "A"],
        noted=[
            "log.csv, users: ids that differ from another only in case, kept apart: 2.",
            "log.csv, items: ids that differ from another only in case, kept apart: 2.",
            "items.csv, items: ids that differ from another only in case, kept apart: 2.",
        ],
    ),
    "ids with spaces around them": Misery(
        HEAD + " u1,a ,1318896000,5\nu1,a,1318896001,5\n",
        users=["u1", "u1"],
        item_ids=["a", "a"],
        noted=[
            "log.csv, users: ids with spaces around them, taken without: 1.",
            "log.csv, items: ids with spaces around them, taken without: 1.",
        ],
    ),
    "whole numbers with '.0', as pandas writes them": Misery(
        HEAD + "1.0,10.0,1318896000,5\n2.0,11.0,1318896001,5\n",
        "item_id,title\n10,Ten\n11,Eleven\n",
        users=["1", "2"],
        item_ids=["10", "11"],
        noted=["log.csv, items: the ids are whole numbers written with '.0', which is left out."],
    ),
    "ids that are texts": Misery(
        HEAD + f"{'u' * 300},a,1318896000,5\n" + "u2,b,1318896001,3\n" * 200,
        users=["u2"] * 200,
        bad=[("log.csv", 2, "the id is longer than 200 characters")],
    ),
    "duplicate rows": Misery(
        LOG + "u2,a,1318896002,3\n", users=["u1", "u1", "u2", "u2"], item_ids=["a", "b", "a", "a"]
    ),
    "items that come twice": Misery(
        items=ITEMS + "a,Again,z\n" + "".join(f"c{n},T,x\n" for n in range(200)),
        titles=["Alpha", "Beta", *["T"] * 200],
        bad=[("items.csv", 4, "the item id comes again; the first one is kept")],
    ),
    "empty values": Misery(
        items="item_id,title,genre,price\na,,x,\nb,Beta,NaN, \n",
        titles=["a", "Beta"],
        values={"genre": ["x", None], "price": [None, None]},
        noted=["Items without a title, called by their id: 1."],
    ),
    "lists with an odd separator": Misery(
        items="item_id,title,tags\na,Alpha,x~y ~~x\nb,Beta,y\n",
        options={"list_separator": "~"},
        values={"tags": [["x", "y"], ["y"]]},
    ),
    "lists as Python writes them": Misery(
        items='item_id,title,tags\na,Alpha,"[\'x, 1\', ""y\'s""]"\nb,Beta,[]\n',
        values={"tags": [["x, 1", "y's"], None]},
    ),
    "paths": Misery(
        items="item_id,title,tags\na,Alpha,Books > Art\nb,Beta,Books > Art > Oil\nc,C,Books > Art\n",
        values={"tags": [["Books", "Art"], ["Books", "Art", "Oil"], ["Books", "Art"]]},
    ),
    "cells of 10 MB": Misery(
        items=f"item_id,title,text\na,{LONG},{LONG}\nb,Beta,short\n",
        titles=["w" * 1000, "Beta"],
        noted=["Titles cut to 1,000 characters: 1."],
    ),
    "a line of JSON of 10 MB": Misery(
        items=json.dumps({"item_id": "a", "title": "Alpha", "text": LONG}) + '\n{"item_id": "b", "title": "Beta"}\n',
        items_name="items.jsonl",
        titles=["Alpha", "Beta"],
    ),
    "items nobody ever met": Misery(items=ITEMS + "c,Gamma,z\n", titles=["Alpha", "Beta", "Gamma"]),
    "interactions with items nobody described": Misery(
        LOG + "u3,c,1318896000,1\n" + "u3,b,1318896000,1\n" * 100,
        users=["u1", "u1", "u2", *["u3"] * 100],
        bad=[("log.csv", 5, "items.csv has no such item")],
    ),
    "nulls in keys": Misery(
        HEAD
        + ",a,1318896000,5\nu1,,1318896000,5\nnan,a,1318896000,5\nu1,NULL,1318896000,5\n"
        + "u2,b,1318896001,3\n" * 500,
        users=["u2"] * 500,
        bad=[
            ("log.csv", 2, "the user id is empty"),
            ("log.csv", 4, "the user id is empty"),
            ("log.csv", 3, "the item id is empty"),
            ("log.csv", 5, "the item id is empty"),
        ],
    ),
    "nulls and floats in the keys of a Parquet file": Misery(
        pl.DataFrame(
            {"user_id": [1.0, None, float("nan"), *[2.0] * 300], "item_id": ["a"] * 303, "rating": [1.5] * 303}
        ),
        log_name="log.parquet",
        users=["1", *["2"] * 300],
        bad=[("log.parquet", 2, "the user id is empty"), ("log.parquet", 3, "the user id is empty")],
    ),
    "blank lines, and empty lines of separators": Misery(HEAD + "\n,,,\nu1,a,1318896000,5\n\n", users=["u1"], noted=[]),
    "null bytes and control characters in titles": Misery(
        items="item_id,title\na,Al\x00p\x1bha\nb,Be\x07ta\n", titles=["Al p ha", "Be ta"]
    ),
}


def write(path: Path, content: str | bytes | pl.DataFrame) -> Path:
    if isinstance(content, pl.DataFrame):
        content.write_parquet(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path: Path, misery: Misery) -> RawData:
    log = write(tmp_path / misery.log_name, misery.log)
    items = None if misery.items is None else write(tmp_path / misery.items_name, misery.items)
    return SOURCE.read(ReadOptions(interactions=log, items=items, **misery.options), silent)


@pytest.mark.parametrize("misery", MENDED.values(), ids=MENDED.keys())
def test_mended_and_counted(misery: Misery, tmp_path: Path) -> None:
    raw = read(tmp_path, misery)
    found = {
        "user_id": misery.users,
        "item_id": misery.item_ids,
        "timestamp": misery.times,
        "rating": misery.ratings,
    }
    for column, expected in found.items():
        assert expected is None or raw.interactions[column].to_list() == expected
    assert misery.titles is None or raw.items["title"].to_list() == misery.titles
    for attribute, values in misery.values.items():
        assert raw.items[attribute].to_list() == values
    assert sorted((row.file, row.line, row.reason) for row in raw.bad_rows) == sorted(misery.bad)
    assert [note for note in misery.noted if note not in raw.notes] == []
    n_log = raw.n_rows[misery.log_name]
    assert raw.interactions.height + sum(row.file == misery.log_name for row in raw.bad_rows) == n_log
    prepare("table", raw, "x", tmp_path / "made", skip_bad=True, progress=silent)


REFUSED_WHEN_BIG = {
    "UTF-16, as Excel writes it": r"log\.csv is UTF-16, which is not read in pieces",
    "seconds and milliseconds in one column": "times of different sorts: first seconds or positions, then milliseconds",
}
"""What has to be seen whole to be mended."""


def read_twice(tmp_path: Path, misery: Misery, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Dataset]:
    """The data set of a log that is read whole, and of the same log read in pieces."""
    small = prepare("table", read(tmp_path, misery), "x", tmp_path / "small", skip_bad=True, progress=silent)
    monkeypatch.setattr(big_log, "BIG", 0)
    monkeypatch.setattr(parts, "_ROWS", 3)
    big = prepare("table", read(tmp_path, misery), "x", tmp_path / "big", skip_bad=True, progress=silent)
    return small, big


@pytest.mark.parametrize("name", [name for name in MENDED if name not in REFUSED_WHEN_BIG])
def test_a_big_log_is_mended_as_a_small_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same data set and the same complaints, whether the log is read whole or in pieces."""
    small, big = read_twice(tmp_path, MENDED[name], monkeypatch)
    assert (big.card.digest, big.card.bad_rows) == (small.card.digest, small.card.bad_rows)


@pytest.mark.parametrize(("name", "match"), REFUSED_WHEN_BIG.items())
def test_what_cannot_be_mended_in_pieces_is_refused(
    name: str, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=match):
        read_twice(tmp_path, MENDED[name], monkeypatch)


def cut(text: str) -> bytes:
    """The first half of a gzip file, without its end."""
    whole = gzip.compress(text.encode())
    return whole[: len(whole) // 2]


LONG_LOG = HEAD + "".join(f"u{n},{n * 7919 % 1000},{1318896000 + n},{n % 5}\n" for n in range(5000))

REFUSED = {
    "one column": (Misery("user_id\nu1\n"), UsageError, r"log\.csv has only one column, 'user_id'"),
    "no names of columns": (Misery("u1,a,5\nu2,b,4\n"), UsageError, r"No column of log\.csv looks like the user id"),
    "a column named twice": (Misery("user,item,user\n1,2,3\n"), InputError, r"log\.csv names the column 'user' twice"),
    "gz cut in the middle": (
        Misery(cut(LONG_LOG), log_name="log.csv.gz"),
        InputError,
        r"log\.csv\.gz cannot be read: it is cut off or not gzip after line [\d,]+ \(",
    ),
    "not gzip at all": (
        Misery(LOG, log_name="log.csv.gz"),
        InputError,
        r"log\.csv\.gz cannot be read: it is cut off or not gzip \(",
    ),
    "Parquet cut in the middle": (
        Misery(b"PAR1abc", log_name="log.parquet"),
        InputError,
        "cut off or not a Parquet file",
    ),
    "an empty file": (Misery(""), InputError, r"log\.csv is empty"),
    "an empty file of items": (Misery(items="\n"), InputError, r"items\.csv is empty"),
    "a quote that is never closed, in a file that makes no sense": (
        Misery('user_id,item_id\n"u1,a\n' + "u2\n" * 9),
        InputError,
        r"9 of 10 rows of log\.csv cannot be used",
    ),
    "more than one row in a hundred": (
        Misery(HEAD + "u1,a,soon,5\n" + "u1,b,1318896001,4\n" * 50),
        InputError,
        r"1 of 51 rows of log\.csv cannot be used\.\n.*1 row left out: the time is neither.*\n.*log\.csv, line 2: ",
    ),
}


@pytest.mark.parametrize(("misery", "error", "match"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_file_and_reason(misery: Misery, error: type[Exception], match: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=match):
        prepare("table", read(tmp_path, misery), "x", tmp_path / "made", skip_bad=False, progress=silent)


def prepared_notes(tmp_path: Path, misery: Misery) -> tuple[str, ...]:
    dataset = prepare("table", read(tmp_path, misery), "x", tmp_path / "made", skip_bad=False, progress=silent)
    return dataset.card.notes


def test_what_only_preparation_sees(tmp_path: Path) -> None:
    notes = "\n".join(
        prepared_notes(tmp_path, Misery(LOG + "u2,a,1318896002,3\nu9,a,1318896005,1\n", ITEMS + "c,C,z\n"))
    )
    assert "Items that nobody interacted with, left out: 1." in notes
    assert "repeat an earlier one (same user, item and time), kept: 1." in notes
    assert "Users with fewer than 3 interactions, all for training, none held out: 3." in notes


PARTS = {
    "part-10.csv": HEAD + "u3,b,1318896009,1\n",
    "part-2.csv": "item_id,rating,user_id,timestamp\na,2,u2,1318896005000\n",
    "part-1.csv": HEAD + "u1,a,1318896000,5\nu1,,1318896000,5\n",
}


@pytest.mark.parametrize("how", ["pattern", "folder"])
def test_many_files_are_read_in_the_order_of_their_names(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, text in PARTS.items():
        write(folder / name, text)
    write(folder / "_SUCCESS", "")
    write(folder / ".part.csv.crc", "x")
    path = folder / "part-*.csv" if how == "pattern" else folder
    raw = SOURCE.read(ReadOptions(interactions=path), silent)
    assert raw.interactions.rows() == [
        (2, "u1", "a", 1318896000000, 5.0),
        (2, "u2", "a", 1318896005000, 2.0),
        (2, "u3", "b", 1318896009000, 1.0),
    ]
    assert [(row.file, row.line, row.reason) for row in raw.bad_rows] == [("part-1.csv", 3, "the item id is empty")]
    assert raw.n_rows == {"part-1.csv": 2, "part-2.csv": 1, "part-10.csv": 1}
    assert list(raw.files) == ["part-1.csv", "part-2.csv", "part-10.csv"]
    assert f"{path.name}: 3 files, read in the order of their names." in raw.notes


def test_a_folder_of_parquet_parts_with_partitions(tmp_path: Path) -> None:
    for day, user in (("2024-01-02", "u2"), ("2024-01-01", "u1")):
        folder = tmp_path / "logs" / f"day={day}"
        folder.mkdir(parents=True)
        pl.DataFrame({"user": [user], "item": ["a"], "time": [datetime.fromisoformat(day)]}).write_parquet(
            folder / "part-0.parquet"
        )
    items = tmp_path / "items"
    items.mkdir()
    pl.DataFrame({"item": ["a"], "title": ["Alpha"]}).write_parquet(items / "part-0.parquet")
    pl.DataFrame({"item": ["b"], "title": ["Beta"]}).write_parquet(items / "part-1.parquet")
    raw = SOURCE.read(ReadOptions(interactions=tmp_path / "logs", items=items), silent)
    assert raw.interactions.rows() == [(1, "u1", "a", 1704067200), (1, "u2", "a", 1704153600)]
    assert raw.items.rows() == [("a", "Alpha"), ("b", "Beta")]
    assert list(raw.n_rows) == [
        "day=2024-01-01/part-0.parquet",
        "day=2024-01-02/part-0.parquet",
        "part-0.parquet",
        "part-1.parquet",
    ]


def check_refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match):
        SOURCE.read(ReadOptions(interactions=path), silent)


def test_many_files_that_do_not_belong_together(tmp_path: Path) -> None:
    check_refused(tmp_path / "*.csv", r"No file fits the pattern '.*\*\.csv'")
    (tmp_path / "empty").mkdir()
    check_refused(tmp_path / "empty", "There is no table in the folder")
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "a.csv", LOG)
    write(folder / "b.csv", "user_id,item_id\nu1,a\n")
    check_refused(folder, r"b\.csv has no column 'timestamp', which a\.csv has")
