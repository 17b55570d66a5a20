"""From raw tables to a data set on disk: indices, order, split, notes, and nothing left behind when it fails."""

import errno
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from toolrec_cli.data.catalog import Attribute, Kind
from toolrec_cli.data.choices import Choices
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import BadRow, RawData
from toolrec_cli.errors import InputError
from toolrec_cli.progress import silent

Row = tuple[str, str, int]


def raw_data(rows: Sequence[Row], *, items: pl.DataFrame | None = None, **changed: Any) -> RawData:
    """The interactions (user, item, time) in this order; by default items are named after their ids."""
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
    interactions = pl.DataFrame(rows, schema=schema, orient="row")
    if items is None:
        items = interactions.select("item_id").unique().sort("item_id").with_columns(title="item_id")
    given: dict[str, Any] = {"users": None, "kinds": {}, "files": {"log": "00"}}
    return RawData(interactions, items, **(given | changed))


@dataclass
class Made:
    """What was written, read again."""

    items: pl.DataFrame
    interactions: pl.DataFrame
    users: pl.DataFrame
    notes: list[str]


def arrange(raw: RawData, choices: Choices | None = None) -> Made:
    """The tables of `raw`, and what was said of them."""
    with tempfile.TemporaryDirectory() as folder:
        made = prepare("table", raw, "toys", Path(folder) / "toys", skip_bad=False, progress=silent, choices=choices)
        tables = [pl.read_parquet(made.directory / f"{name}.parquet") for name in ("items", "interactions", "users")]
        return Made(*tables, list(made.card.notes))


def write(raw: RawData, directory: Path, *, skip_bad: bool = False) -> Dataset:
    return prepare("table", raw, "toys", directory, skip_bad=skip_bad, progress=silent)


ROWS: list[Row] = [
    ("bo", "c", 30),
    ("al", "b", 20),
    ("bo", "a", 10),
    ("al", "c", 10),
    ("bo", "b", 20),
    ("bo", "d", 40),
    ("al", "a", 15),
    ("cy", "a", 99),
]


def test_interactions_get_indices_order_and_parts(tmp_path: Path) -> None:
    dataset = write(raw_data(ROWS), tmp_path / "toys")
    assert_frame_equal(
        pl.read_parquet(tmp_path / "toys" / "interactions.parquet"),
        pl.DataFrame(
            {
                "user_index": [0, 0, 0, 0, 1, 1, 1, 2],
                "item_index": [1, 2, 3, 4, 3, 1, 2, 1],
                "timestamp": [10, 20, 30, 40, 10, 15, 20, 99],
                "part": ["train", "train", "validation", "test", "train", "validation", "test", "train"],
            },
            schema_overrides={"user_index": pl.UInt32, "item_index": pl.UInt32},
        ),
    )
    assert_frame_equal(dataset.users, pl.DataFrame({"user_id": ["bo", "al", "cy"]}))
    assert dataset.card.counts == {
        "users": 3,
        "items": 4,
        "interactions": 8,
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert dataset.card.notes == ("Users with fewer than 3 interactions, all for training, none held out: 1.",)
    assert (dataset.card.source, dataset.card.raw, dataset.card.split) == ("table", {"log": "00"}, "leave-one-out")


def test_items_keep_their_order_and_those_nobody_met_go(tmp_path: Path) -> None:
    items = pl.DataFrame(
        {
            "item_id": ["007", "z", "a", "b"],
            "title": ["Bond", "Unmet", "Same", "Same"],
            "genre": [["spy", "war"], ["x"], [], ["spy"]],
            "price": [1.5, 9.0, None, 2.5],
            "colour": ["", "red", None, None],
        }
    )
    kinds = {"genre": Kind.MULTI, "price": Kind.NUMERIC, "colour": Kind.CATEGORICAL}
    rows = [("u", "b", 1), ("u", "007", 2), ("u", "a", 3)]
    dataset = write(raw_data(rows, items=items, kinds=kinds), tmp_path / "toys")
    assert_frame_equal(
        dataset.catalog.frame,
        pl.DataFrame(
            {
                "item_id": ["007", "a", "b"],
                "title": ["Bond", "Same", "Same"],
                "genre": [["spy", "war"], None, ["spy"]],
                "price": [1.5, None, 2.5],
            }
        ),
    )
    assert dataset.card.attributes == (
        Attribute("genre", Kind.MULTI, coverage=2 / 3, n_values=2),
        Attribute("price", Kind.NUMERIC, coverage=2 / 3, n_values=2),
    )
    assert dataset.card.notes == (
        "Items that nobody interacted with, left out: 1.",
        "Items that share their title with another, told apart by their ids: 2 (titles: 1).",
        "Attribute 'colour' has no value at all and is left out.",
    )


def test_users_keep_what_is_known_of_them(tmp_path: Path) -> None:
    users = pl.DataFrame({"user_id": ["al", "nobody", "bo"], "age": [30, 99, 40]})
    dataset = write(raw_data(ROWS, users=users), tmp_path / "toys")
    assert_frame_equal(dataset.users, pl.DataFrame({"user_id": ["bo", "al", "cy"], "age": [40, 30, None]}))


def test_ties_in_time_keep_the_input_order_and_are_said() -> None:
    rows = [("u", item, time) for item, time in [("e", 5), ("d", 1), ("b", 5), ("c", 5), ("a", 1)]]
    made = arrange(raw_data(rows))
    order = [made.items["item_id"][index - 1] for index in made.interactions["item_index"]]
    assert order == ["d", "a", "e", "b", "c"]
    assert made.notes == [
        "Interactions that share their time with another of the same user, taken in input order: 5, of 1 user. "
        "Users whose test item is one of these: 1."
    ]


def test_without_times_the_input_order_is_the_order() -> None:
    raw = raw_data([("u", "c", 3), ("u", "a", 2), ("v", "a", 1), ("u", "b", 1)])
    raw = RawData(raw.interactions.drop("timestamp"), raw.items, None, {}, {})
    made = arrange(raw)
    assert made.interactions.columns == ["user_index", "item_index", "part"]
    assert made.interactions["item_index"].to_list() == [3, 1, 2, 1]


def test_exact_repeats_stay_and_are_said() -> None:
    made = arrange(raw_data([("u", "a", 1), ("u", "a", 1), ("u", "a", 2), ("v", "a", 1)]))
    assert made.interactions.height == 4
    assert made.notes[0] == "Interactions that repeat an earlier one (same user, item and time), kept: 1."


def test_the_same_input_gives_the_same_digest(tmp_path: Path) -> None:
    first, second = (write(raw_data(ROWS), tmp_path / name) for name in ("one", "two"))
    assert first.card.digest == second.card.digest
    other = write(raw_data([*ROWS, ("cy", "b", 100)]), tmp_path / "three")
    assert other.card.digest != first.card.digest


def bad_rows(count: int) -> dict[str, Any]:
    rows = [BadRow("log.csv", line, "the rating is not a number", f"row {line}") for line in range(10, 10 + count)]
    return {"bad_rows": rows, "n_rows": {"log.csv": 1000, "other.csv": 1}}


def test_bad_rows_are_tolerated_up_to_one_percent(tmp_path: Path) -> None:
    dataset = write(raw_data(ROWS, **bad_rows(10)), tmp_path / "toys")
    assert dataset.card.bad_rows == {"log.csv: the rating is not a number": 10}


def test_more_bad_rows_are_refused_showing_the_first_five(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write(raw_data(ROWS, **bad_rows(11)), tmp_path / "toys")
    assert caught.value.message.splitlines() == [
        "11 of 1,000 rows of log.csv cannot be used.",
        "  log.csv: 11 rows left out: the rating is not a number.",
        *(f"  log.csv, line {line}: the rating is not a number: 'row {line}'" for line in range(10, 15)),
    ]
    assert "--skip-bad" in str(caught.value.hint)
    assert not (tmp_path / "toys").exists()


def test_skip_bad_accepts_them(tmp_path: Path) -> None:
    dataset = write(raw_data(ROWS, **bad_rows(11)), tmp_path / "toys", skip_bad=True)
    assert dataset.card.bad_rows == {"log.csv: the rating is not a number": 11}


def test_no_interaction_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not one interaction"):
        write(raw_data([]), tmp_path / "toys")


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("when", ["items.parquet", "users.parquet"])
def test_a_full_disk_or_ctrl_c_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, when: str
) -> None:
    earlier = write(raw_data(ROWS), tmp_path / "earlier").card
    real = pl.DataFrame.write_parquet

    def failing(self: pl.DataFrame, file: Path, **options: Any) -> None:
        if file.name == when:
            file.write_bytes(b"half")
            raise failure
        real(self, file, **options)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", failing)
    for name in ("earlier", "fresh"):
        with pytest.raises(type(failure)):
            write(raw_data(ROWS[:4]), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["earlier"]
    assert Dataset(tmp_path / "earlier").card == earlier


HISTORIES = st.lists(st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.integers(0, 5)), min_size=1)


@given(HISTORIES)
@settings(max_examples=60, deadline=None)
def test_the_split_loses_nothing_leaks_nothing_and_keeps_the_order(rows: list[Row]) -> None:
    made = arrange(raw_data(rows))
    items, users = made.items["item_id"].to_list(), made.users["user_id"].to_list()
    frame = made.interactions
    for index, user_id in enumerate(users):
        mine = frame.filter(pl.col("user_index") == index)
        expected = sorted((row for row in rows if row[0] == user_id), key=lambda row: row[2])  # sorted() is stable
        assert [items[i - 1] for i in mine["item_index"]] == [row[1] for row in expected]
        assert mine["timestamp"].to_list() == [row[2] for row in expected]
        held_out = [Part.VALIDATION, Part.TEST] if len(expected) >= 3 else []
        assert mine["part"].to_list() == [Part.TRAIN] * (len(expected) - len(held_out)) + held_out
    assert frame.height == len(rows)
    assert users == list(dict.fromkeys(row[0] for row in rows))
