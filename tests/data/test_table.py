"""Anybody's files through `table`: formats, column guesses, times, kinds, and rows that cannot be used."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.choices import Choices
from toolrec_cli.data.kinds import read_attribute
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.reading.times import read_times
from toolrec_cli.data.source import BadRow, RawData, ReadOptions
from toolrec_cli.data.sources.table import SOURCE
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent

LOG = "user_id,item_id,timestamp,rating\nu1,007,1318896000,5\nu2,008,1318896001,\nu1,008,1318896002,3.5\n"
ITEMS = 'item_id,title,price\n007,"Bond, James",5.04\n008,Next,\n'


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(tmp_path: Path, log: str = LOG, items: str | None = ITEMS, **options) -> RawData:
    items_path = None if items is None else write(tmp_path / "items.csv", items)
    return SOURCE.read(ReadOptions(interactions=write(tmp_path / "log.csv", log), items=items_path, **options), silent)


EXPECTED = pl.DataFrame(
    {
        "line": [2, 3, 4],
        "user_id": ["u1", "u2", "u1"],
        "item_id": ["007", "008", "008"],
        "timestamp": [1318896000, 1318896001, 1318896002],
        "rating": [5.0, None, 3.5],
    },
    schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
)


def test_two_csv_files(tmp_path: Path) -> None:
    raw = read(tmp_path)
    assert_frame_equal(raw.interactions, EXPECTED)
    assert_frame_equal(
        raw.items, pl.DataFrame({"item_id": ["007", "008"], "title": ["Bond, James", "Next"], "price": [5.04, None]})
    )
    assert raw.kinds == {"price": Kind.NUMERIC}
    assert raw.n_rows == {"log.csv": 3, "items.csv": 2}
    assert list(raw.files) == ["log.csv", "items.csv"]
    assert raw.notes == [
        "log.csv: columns taken as user 'user_id', item 'item_id', timestamp 'timestamp', rating 'rating'.",
        "log.csv: the times are seconds since 1970, from 2011-10-18 to 2011-10-18.",
        "items.csv: columns taken as item 'item_id', title 'title'.",
        "Attributes: price numeric.",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.tsv", LOG.replace(",", "\t")),
        ("log.txt", LOG.replace(",", ";")),
        ("log.csv", "\ufeff" + LOG.replace("\n", "\r\n")),
        ("log.csv.gz", LOG),
        ("log.inter", LOG.replace(",", "\t").replace("user_id", "user_id:token").replace("item_id", "item_id:token")),
    ],
)
def test_every_delimited_form_reads_alike(tmp_path: Path, name: str, text: str) -> None:
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path / name, text)), silent)
    assert_frame_equal(raw.interactions, EXPECTED)
    assert raw.items.rows() == [("007", "007"), ("008", "008")]
    assert raw.notes[-1].startswith("There is no file of items")


@pytest.mark.parametrize("name", ["log.jsonl", "log.json.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    lines = [
        {"reviewerID": "u1", "asin": "007", "unixReviewTime": 1318896000, "overall": 5.0, "text": 'so "good"\n'},
        {"reviewerID": "u2", "asin": "008", "unixReviewTime": 1318896001},
        {"reviewerID": "u1", "asin": "008", "unixReviewTime": 1318896002, "overall": 3.5, "style": {"x": 1}},
    ]
    text = "\n".join([json.dumps(lines[0]), '{"cut off": ', json.dumps(lines[1]), "[1]", json.dumps(lines[2])])
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path / name, text)), silent)
    expected = EXPECTED.with_columns(line=pl.Series([1, 3, 5], dtype=pl.UInt32))
    assert_frame_equal(raw.interactions, expected)
    assert raw.bad_rows == [
        BadRow(name, 2, "it is not a JSON object", '{"cut off": '),
        BadRow(name, 4, "it is not a JSON object", "[1]"),
    ]
    assert raw.n_rows == {name: 5}


def test_json_items_with_lists_and_structures(tmp_path: Path) -> None:
    lines = [
        {
            "asin": "007",
            "title": "Bond &amp; <b>Co</b>",
            "category": ["Film", "Film", "", "Spy"],
            "also": [],
            "x": {"a": 1},
        },
        {"asin": "008", "title": '<span class="a', "category": [], "also": ["007"], "x": {}},
    ]
    items = write(tmp_path / "meta.json", "\n".join(map(json.dumps, lines)))
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path / "log.csv", LOG), items=items), silent)
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["007", "008"],
                "title": ["Bond & Co", "008"],
                "category": [["Film", "Spy"], None],
                "also": [None, ["007"]],
            }
        ),
    )
    assert "meta.json: 'x' holds structures; it is left out." in raw.notes
    assert "meta.json: HTML tags and entities are taken out of: title." in raw.notes


def test_parquet(tmp_path: Path) -> None:
    when = [datetime(2011, 10, 18, 0, 0, second) for second in (0, 1, 2)]
    frame = EXPECTED.drop("line").with_columns(timestamp=pl.Series(when))
    frame.write_parquet(tmp_path / "log.parquet")
    items = pl.DataFrame({"item_id": ["007", "008"], "title": ["A", "B"], "tags": [["x"], ["x", "y"]]})
    items.write_parquet(tmp_path / "items.pq")
    options = ReadOptions(interactions=tmp_path / "log.parquet", items=tmp_path / "items.pq")
    raw = SOURCE.read(options, silent)
    assert_frame_equal(raw.interactions, EXPECTED.with_columns(line=pl.Series([1, 2, 3], dtype=pl.UInt32)))
    assert_frame_equal(raw.items, items)
    assert raw.kinds == {"tags": Kind.MULTI}


def test_broken_rows_are_found_with_their_lines(tmp_path: Path) -> None:
    log = LOG + "u3,007\n\nu3,007,1,2,3\n,007,1318896000,1\nu3,,1318896000,1\nu3,007,soon,1\nu3,007,1318896000,good\n"
    raw = read(tmp_path, log + "u3,999,1318896000,1\nu4,007,1318896009,1\n")
    assert sorted(raw.bad_rows, key=lambda row: row.line) == [
        BadRow("log.csv", 5, "it does not have 4 fields separated by ','", "u3,007"),
        BadRow("log.csv", 7, "it does not have 4 fields separated by ','", "u3,007,1,2,3"),
        BadRow("log.csv", 8, "the user id is empty", ",007,1318896000,1"),
        BadRow("log.csv", 9, "the item id is empty", "u3,,1318896000,1"),
        BadRow("log.csv", 10, "the time is neither a number nor a date that is known", "u3,007,soon,1"),
        BadRow("log.csv", 11, "the rating is not a number", "u3,007,1318896000,good"),
        BadRow("log.csv", 12, "items.csv has no such item", "u3,999,1318896000,1.0"),
    ]
    assert raw.interactions["line"].to_list() == [2, 3, 4, 13]
    assert raw.n_rows["log.csv"] == 11


def test_of_items_that_come_twice_the_first_is_kept(tmp_path: Path) -> None:
    raw = read(tmp_path, items=ITEMS + "007,Again,1\n,Nameless,2\n")
    assert raw.items["title"].to_list() == ["Bond, James", "Next"]
    assert [(row.line, row.reason) for row in raw.bad_rows] == [
        (5, "the item id is empty"),
        (4, "the item id comes again; the first one is kept"),
    ]


def test_columns_are_guessed_or_named(tmp_path: Path) -> None:
    log = "reviewerID,who,asin,when\nu1,x,007,1\nu2,y,008,2\n"
    guessed = read(tmp_path, log, None)
    assert guessed.interactions["user_id"].to_list() == ["u1", "u2"]
    assert "log.csv has no column of times (--time-col): its rows are taken to be in order." in guessed.notes
    named = read(tmp_path, log, None, user_column="who", time_column="when")
    assert named.interactions.select("user_id", "timestamp").rows() == [("x", 1), ("y", 2)]


def test_a_column_that_is_not_there_gets_the_near_miss(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no column 'user'. Did you mean 'user_id'"):
        read(tmp_path, user_column="user")
    with pytest.raises(
        UsageError, match=r"No column of log\.csv looks like the user id; it has: who, item_id"
    ) as caught:
        read(tmp_path, "who,item_id\na,b\n")
    assert caught.value.hint == "Say which it is: --user-col NAME"
    with pytest.raises(UsageError, match=r"There is no attribute 'prize'. Did you mean 'price'"):
        read(tmp_path, kinds={"prize": Kind.NUMERIC})


def test_reserved_and_nameless_columns(tmp_path: Path) -> None:
    raw = read(
        tmp_path,
        items=",asin,item_id,name,line\n0,007,x,Bond,1\n1,008,y,Next,2\n",
        item_column="asin",
        log=LOG.replace("item_id", "asin"),
    )
    assert raw.items.columns == ["item_id", "title", "item_id_", "line_"]
    assert raw.items["item_id"].to_list() == ["007", "008"]
    assert "items.csv: a column without a name is left out." in raw.notes


def test_titles_lose_control_characters_and_line_breaks(tmp_path: Path) -> None:
    raw = read(tmp_path, items='item_id,title\n007,"Bond\x1b[31m\n James"\n008,  \n')
    assert raw.items["title"].to_list() == ["Bond [31m James", "008"]
    assert "Items without a title, called by their id: 1." in raw.notes


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    def refuse(path: Path, match: str, error: type[Exception] = InputError) -> None:
        with pytest.raises(error, match=match):
            SOURCE.read(ReadOptions(interactions=path), silent)

    refuse(tmp_path / "none.csv", r"none\.csv does not exist")
    refuse(write(tmp_path / "empty.csv", "\n"), r"empty\.csv is empty")
    refuse(write(tmp_path / "log.xlsx", "x"), "an ending that toolrec does not know", UsageError)
    refuse(write(tmp_path / "log.parquet", "not parquet"), "cut off or not a Parquet file")
    refuse(write(tmp_path / "log.jsonl", "user,item\n1,2\n"), "does not hold JSON lines")
    refuse(write(tmp_path / "twice.csv", "user,item,user\n1,2,3\n"), "names the column 'user' twice")
    whole = gzip.compress(LOG.encode() * 100)
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])
    refuse(tmp_path / "cut.csv.gz", r"cut\.csv\.gz cannot be read: it is cut off or not gzip")
    with pytest.raises(UsageError, match="Which file holds the interactions"):
        SOURCE.read(ReadOptions(), silent)


@pytest.mark.parametrize(
    ("texts", "values", "words"),
    [
        (["881250949", "881250950.0"], [881250949, 881250950], "seconds since 1970, from 1997-12-04 to 1997-12-04"),
        (["1318896000123", "5"], [1318896000123, 5], "milliseconds since 1970, from 1970-01-01 to 2011-10-18"),
        (["0", "3", None], [0, 3, None], "positions or steps"),
        (["1318896000.5", "1318896001"], [1318896000500, 1318896001000], "fractional numbers, multiplied by 1,000"),
        (
            ["2011-10-18", "2011-10-18 00:00:01", "2011-10-18T00:00:02Z", "2011-10-18T02:00:03+02:00", "x"],
            [1318896000, 1318896001, 1318896002, 1318896003, None],
            "dates as seconds since 1970, from 2011-10-18 to 2011-10-18",
        ),
        (
            ["2011-10-18T00:00:00.250", "2011-10-18 00:00"],
            [1318896000250, 1318896000000],
            "dates as milliseconds since 1970, from 2011-10-18 to 2011-10-18",
        ),
        (["10 18, 2011"], [1318896000], "dates as seconds since 1970, from 2011-10-18 to 2011-10-18"),
    ],
)
def test_times(texts: list[str | None], values: list[int | None], words: str) -> None:
    read = read_times(pl.Series("t", texts, dtype=pl.String))
    assert read.values.to_list() == values
    assert read.words == words


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "2.5", None], Kind.NUMERIC, [1.0, 2.5, None]),
        (["10486.0", "3"], Kind.NUMERIC, [10486, 3]),
        (["$1,299.00", "$4"], Kind.NUMERIC, [1299, 4]),
        (["02460", "48067"], Kind.CATEGORICAL, ["02460", "48067"]),
        (["a|b", "b|a", "a"], Kind.MULTI, [["a", "b"], ["b", "a"], ["a"]]),
        (["a; b", "b;a", None], Kind.MULTI, [["a", "b"], ["b", "a"], None]),
        (["Pizza, Food", "Food, Pizza", "Pizza"], Kind.MULTI, [["Pizza", "Food"], ["Food", "Pizza"], ["Pizza"]]),
        (["Doe, J", "Poe, E", "Roe, R"], Kind.CATEGORICAL, ["Doe, J", "Poe, E", "Roe, R"]),
        ([f"The {n}th of {9 * n} films, in which {n * n} men go {n}-fold to sea" for n in range(9)], Kind.TEXT, None),
        (["17 Feb 2014", "2014-02-18", None], Kind.DATE, ["2014-02-17", "2014-02-18", None]),
        (["Feb 17, 2014", "Mar 01, 2014"], Kind.DATE, ["2014-02-17", "2014-03-01"]),
        (["2014-02-17T10:00:00Z", "2015-01-01T00:30:00+01:00"], Kind.DATE, ["2014-02-17", "2014-12-31"]),
        (["2014-02-17", "soon"], Kind.CATEGORICAL, ["2014-02-17", "soon"]),
        (["1994", "1995"], Kind.NUMERIC, [1994, 1995]),
        (["red", " ", "blue "], Kind.CATEGORICAL, ["red", None, "blue"]),
    ],
)
def test_kinds_are_guessed(texts: list[str | None], kind: Kind, values: list[object] | None) -> None:
    typed = read_attribute(pl.Series("colour", texts, dtype=pl.String), None, None)
    assert typed.kind is kind
    if values is not None:
        assert_series_equal(typed.values, pl.Series("colour", values))


def test_kinds_can_be_overruled() -> None:
    def forced(texts: list[str], kind: Kind, separator: str | None = None, name: str = "x") -> list[object]:
        return read_attribute(pl.Series(name, texts), kind, separator).values.to_list()

    assert forced(["1", "2"], Kind.CATEGORICAL) == ["1", "2"]
    assert forced(["1", "two"], Kind.NUMERIC) == [1, None]
    assert forced(["2014-02-17", "soon"], Kind.DATE) == ["2014-02-17", None]
    assert forced(["2014-02-17"], Kind.CATEGORICAL) == ["2014-02-17"]
    assert forced(["a/b", "c"], Kind.MULTI, "/") == [["a", "b"], ["c"]]
    assert forced(["a", "c"], Kind.MULTI) == [["a"], ["c"]]
    assert forced(["5", "6"], Kind.NUMERIC, name="zip_code") == [5, 6]
    assert read_attribute(pl.Series("genre_id", ["5", "6"]), None, None).kind is Kind.CATEGORICAL


@pytest.mark.parametrize(
    ("name", "counts", "kinds"),
    [
        (
            "amazon-beauty",
            {"users": 22332, "items": 12086, "interactions": 198215},
            {"price": "numeric", "sales_rank": "numeric", "brand": "categorical", "categories": "multi-valued"},
        ),
        (
            "yelp",
            {"users": 30431, "items": 20033, "interactions": 316354},
            {
                "categories": "multi-valued",
                "city": "categorical",
                "state": "categorical",
                "stars": "numeric",
                "review_count": "numeric",
            },
        ),
    ],
)
def test_the_real_tables(
    name: str, counts: dict[str, int], kinds: dict[str, str], tmp_path: Path, real_data: Callable[[str], Path]
) -> None:
    folder = real_data(name)
    options = ReadOptions(interactions=folder / "interactions.csv.gz", items=folder / "items.csv.gz")
    dataset = prepare("table", SOURCE.read(options, silent), name, tmp_path / name, skip_bad=False, progress=silent)
    assert {key: dataset.card.counts[key] for key in counts} == counts
    assert {attribute.name: attribute.kind for attribute in dataset.card.attributes} == kinds
    assert dataset.card.bad_rows == {}


POSITIONS = "user_id,item_id,position,rating\nu1,008,1,5\nu2,007,0,\nu1,007,0,2\nu1,009,2,4\nu2,008,1,\nu2,009,2,\n"


@pytest.mark.parametrize("column", ["position", "Pos", "ORDER", "step", "seq"])
def test_an_order_is_no_time(tmp_path: Path, column: str) -> None:
    """The interactions lie in its order, and nothing that counts ages, trends or seasons is told of it."""
    log = write(tmp_path / "log.csv", POSITIONS.replace("position", column))
    options = {} if column != "seq" else {"time_column": "seq"}
    raw = SOURCE.read(ReadOptions(interactions=log, **options), silent)
    assert (
        f"log.csv: columns taken as user 'user_id', item 'item_id', position '{column}', rating 'rating'." in raw.notes
    )
    assert "log.csv: the positions say in which order, not when, so that there are no times." in raw.notes
    dataset = prepare("table", raw, "t", tmp_path / "t", skip_bad=False, progress=silent)
    assert not dataset.timed
    stored = pl.read_parquet(tmp_path / "t" / "interactions.parquet")
    assert stored.columns == ["user_index", "item_index", "rating", "part"]
    names = dataset.catalog.frame["item_id"]
    assert names.gather(stored["item_index"] - 1).to_list() == ["007", "008", "009"] * 2
    assert stored["rating"].to_list() == [2, 5, 4, None, None, None]
    assert dataset.before(None).timestamps is None


@pytest.mark.parametrize("when", [("2024-01-02", "1999-01-01", "2024-05-06"), (1700000000, 900000000, 1750000000)])
def test_what_is_called_an_order_and_holds_times_is_one_of_times(tmp_path: Path, when: tuple[object, ...]) -> None:
    rows = [f"{user},{item},{time}" for user in ("u1", "u2") for item, time in zip("abc", when, strict=True)]
    log = write(tmp_path / "log.csv", "\n".join(["user_id,item_id,order", *rows]))
    raw = SOURCE.read(ReadOptions(interactions=log), silent)
    assert any(note.startswith("log.csv: the times are ") for note in raw.notes)
    dataset = prepare("table", raw, "t", tmp_path / "t", skip_bad=False, progress=silent)
    assert dataset.timed
    assert dataset.catalog.frame["item_id"].gather(dataset.before(None).items[:3] - 1).to_list() == ["b", "a", "c"]


def test_an_order_is_nothing_to_split_by(tmp_path: Path) -> None:
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path / "log.csv", POSITIONS)), silent)
    choices = Choices(split="time:0.8/0.1/0.1")
    with pytest.raises(UsageError, match="There are no times to split by"):
        prepare("table", raw, "t", tmp_path / "t", skip_bad=False, progress=silent, choices=choices)


def test_positions_that_are_no_numbers_are_bad_rows(tmp_path: Path) -> None:
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path / "log.csv", POSITIONS + "u3,007,first,\n")), silent)
    assert [row.line for row in raw.bad_rows] == [8]
