"""Big files, and many, are read in pieces: to the same data set, with the same complaints, as if they were small."""

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.choices import Choices, Keep
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.reading import big_log, parts
from toolrec_cli.data.source import ReadOptions
from toolrec_cli.data.sources.table import SOURCE
from toolrec_cli.errors import InputError
from toolrec_cli.progress import silent

HEADER = "user_id,item_id,timestamp,rating\n"
CLEAN = [f"u{n * 7 % 23},{n * 5 % 17:03},{1_500_000_000 + n * 13 % 401},{n % 5 + 1}" for n in range(1200)]
ITEMS = "item_id,title,price\n" + "".join(f"{n:03},Thing {n},{n}.5\n" for n in range(17))


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is big, and blocks are small."""
    monkeypatch.setattr(big_log, "BIG", 0)
    monkeypatch.setattr(parts, "_BLOCK", 1000)
    monkeypatch.setattr(parts, "_ROWS", 37)


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def made(folder: Path, log: Path, *, skip_bad: bool = False, choices: Choices | None = None, **options: Any) -> Dataset:
    raw = SOURCE.read(ReadOptions(interactions=log, **options), silent)
    return prepare("table", raw, "toys", folder, skip_bad=skip_bad, progress=silent, choices=choices)


def same(one: Dataset, other: Dataset) -> bool:
    for name in ("items", "interactions", "users"):
        frames = [pl.read_parquet(each.directory / f"{name}.parquet") for each in (one, other)]
        assert_frame_equal(*frames)
    return (one.card.digest, one.card.counts) == (other.card.digest, other.card.counts)


def test_a_big_file_whose_order_holds_times_is_refused(tmp_path: Path, big: None) -> None:
    rows = [f"u{n % 9},{n % 17},{1700000000 + n}" for n in range(300)]
    path = write(tmp_path / "log.csv", "user_id,item_id,order\n" + "\n".join(rows))
    with pytest.raises(InputError, match="called like an order holds times: seconds") as refused:
        made(tmp_path / "big", path)
    assert refused.value.hint == "Call the column timestamp."


def test_positions_order_a_big_file_as_they_do_a_small_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rows = [f"u{n * 7 % 23},{n * 5 % 17:03},{n * 13 % 401}" for n in range(1200)]
    path = write(tmp_path / "log.csv", "user_id,item_id,position\n" + "\n".join(rows))
    small = made(tmp_path / "small", path, choices=Choices(deduplicate=Keep.LAST, user_core=3))
    request.getfixturevalue("big")
    large = made(tmp_path / "big", path, choices=Choices(deduplicate=Keep.LAST, user_core=3))
    assert same(small, large)
    assert not large.timed
    assert "log.csv: the positions say in which order, not when, so that there are no times." in large.card.notes


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.csv.gz", "log.parquet"])
@pytest.mark.parametrize("with_items", [True, False])
def test_a_big_file_gives_the_same_data_set_as_a_small_one(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, with_items: bool
) -> None:
    text = HEADER + "\n".join(CLEAN)
    path = tmp_path / name
    if name.endswith("parquet"):
        pl.read_csv(text.encode(), schema_overrides={"item_id": pl.String}).write_parquet(path)
    else:
        write(path, text.replace(",", "\t") if ".tsv" in name else text)
    items = {"items": write(tmp_path / "items.csv", ITEMS)} if with_items else {}
    choices = Choices(min_rating=2.0, user_core=30, item_core=30)
    small = made(tmp_path / "small", path, choices=choices, **items)
    request.getfixturevalue("big")
    assert same(small, made(tmp_path / "big", path, choices=choices, **items))
    assert small.card.counts["interactions"] > 500


BROKEN = ["u1,001", "u1,001,1,2,3", ",001,1500000000,1", "u1, ,1500000000,1", "u1,001,soon,1", "u1,001,1500000000,good"]


def test_bad_rows_of_a_big_file_are_counted_and_the_first_shown_with_their_lines(big: None, tmp_path: Path) -> None:
    lines = [*CLEAN[:700], *BROKEN, "", "u1,999,1500000000,1", *CLEAN[700:]]
    log, items = write(tmp_path / "log.csv", HEADER + "\n".join(lines)), write(tmp_path / "items.csv", ITEMS)
    dataset = made(tmp_path / "toys", log, items=items)
    assert dataset.card.bad_rows == {
        "log.csv: it does not have 4 fields separated by ','": 2,
        "log.csv: the user id is empty": 1,
        "log.csv: the item id is empty": 1,
        "log.csv: the time is neither a number nor a date that is known": 1,
        "log.csv: the rating is not a number": 1,
        "log.csv: items.csv has no such item": 1,
    }
    assert dataset.card.counts["interactions"] == len(CLEAN)
    shown = [note.split(":")[0] for note in dataset.card.notes if note.startswith("log.csv, line")]
    assert shown == [f"log.csv, line {line}" for line in (702, 703, 704, 705, 706)]


def test_too_many_bad_rows_are_refused_though_few_are_kept(
    big: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(big_log, "KEPT", 3)
    log = write(tmp_path / "log.csv", HEADER + "\n".join([*CLEAN, *["u1,001"] * 13]))
    with pytest.raises(InputError, match=r"13 of 1,213 rows of log\.csv cannot be used") as caught:
        made(tmp_path / "toys", log)
    assert "13 rows left out: it does not have 4 fields" in caught.value.message
    assert not (tmp_path / "toys").exists()
    assert made(tmp_path / "toys", log, skip_bad=True).card.bad_rows == {
        "log.csv: it does not have 4 fields separated by ','": 13
    }


def test_columns_of_parquet_are_taken_as_they_are_typed(big: None, tmp_path: Path) -> None:
    when = pl.Series([datetime(2020, 1, 1, 0, 0, second % 60) for second in range(90)])
    users, items = np.arange(90) % 4, pl.Series(np.arange(90) % 5).cast(pl.Float64)
    pl.DataFrame({"user": users, "item": items, "time": when}).write_parquet(tmp_path / "log.parquet")
    dataset = made(tmp_path / "toys", tmp_path / "log.parquet")
    assert dataset.users["user_id"].to_list() == ["0", "1", "2", "3"]
    assert dataset.catalog.frame["item_id"].to_list() == ["0", "1", "2", "3", "4"]
    assert dataset.before(None).timestamps.min() == 1577836800  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["1500000000", "1500000000000"], "first seconds or positions, then milliseconds"),
        (["1500000000", "2020-01-01"], "first seconds or positions, then dates as seconds since 1970"),
    ],
)
def test_times_of_different_sorts_are_refused(big: None, tmp_path: Path, times: list[str], words: str) -> None:
    rows = [f"u{n % 9},{n % 7},{time}" for time in times for n in range(200)]
    log = write(tmp_path / "log.csv", "user,item,time\n" + "\n".join(rows))
    with pytest.raises(InputError, match=f"has times of different sorts: {words}"):
        made(tmp_path / "toys", log)


def test_a_big_file_that_is_cut_off_is_refused(big: None, tmp_path: Path) -> None:
    whole = write(tmp_path / "log.csv.gz", HEADER + "\n".join(CLEAN))
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"log\.csv\.gz cannot be read"):
        made(tmp_path / "toys", whole)
    pl.DataFrame({"user": ["u"], "item": ["i"]}).write_parquet(tmp_path / "log.parquet")
    (tmp_path / "log.parquet").write_bytes((tmp_path / "log.parquet").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"log\.parquet cannot be read"):
        made(tmp_path / "toys", tmp_path / "log.parquet")
    assert not (tmp_path / "toys").exists()


def test_parts_of_one_name_in_several_folders_are_told_apart(big: None, tmp_path: Path) -> None:
    for day, lines in (("day=1", CLEAN[:500]), ("day=2", [*CLEAN[500:], "u1,001,soon,1", "u1", "u2"])):
        (tmp_path / "logs" / day).mkdir(parents=True)
        write(tmp_path / "logs" / day / "part-0.csv", HEADER + "\n".join(lines))
    raw = SOURCE.read(ReadOptions(interactions=tmp_path / "logs"), silent)
    assert list(raw.files) == ["day=1/part-0.csv", "day=2/part-0.csv"]
    assert len(set(raw.files.values())) == 2
    dataset = prepare("table", raw, "toys", tmp_path / "toys", skip_bad=True, progress=silent)
    told = raw.interactions.told()  # type: ignore[union-attr]
    assert told.n_rows == {"day=1/part-0.csv": 500, "day=2/part-0.csv": 703}
    assert dataset.card.bad_rows == {
        "day=2/part-0.csv: it does not have 4 fields separated by ','": 2,
        "day=2/part-0.csv: the time is neither a number nor a date that is known": 1,
    }


def test_what_is_odd_in_a_big_log_is_counted_over_all_pieces(big: None, tmp_path: Path) -> None:
    rows = [*CLEAN, " u1,001,1500000000,nan", "u1 ,002,99999999999,1", "u1,003,-5,1"]
    dataset = made(tmp_path / "toys", write(tmp_path / "log.csv", HEADER + "\n".join(rows)), skip_bad=True)
    for note in (
        "log.csv: ids of users with spaces around them, taken without: 2.",
        "log.csv: ratings that are NaN or null, taken as none: 1.",
        "log.csv: times that lie in the future, kept: 1.",
    ):
        assert note in dataset.card.notes
    assert dataset.card.bad_rows == {"log.csv: the time is negative: before 1970": 1}


def test_latin_1_is_refused_where_it_would_have_to_be_read_twice(big: None, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes("user,item\nZoë,x\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF8"):
        made(tmp_path / "toys", log)
