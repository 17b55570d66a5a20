"""Filters and splits against their definition row by row; what is recorded of them; what makes no sense."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.naive import Row, prepared, to_be_found
from toolrec_cli.data.choices import PRESETS, Choices, Keep, resolve
from toolrec_cli.data.dataset import Dataset, parse_card
from toolrec_cli.data.interactions import Part
from toolrec_cli.data.preparing import buckets, staged, writing
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent


def raw_data(rows: list[Row]) -> RawData:
    log = pl.DataFrame(
        {
            "user_id": [row.user for row in rows],
            "item_id": [row.item for row in rows],
            "timestamp": [row.time for row in rows],
            "rating": [row.rating for row in rows],
        },
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64, "rating": pl.Float32},
    )
    items = log.select("item_id").unique().sort("item_id", descending=True).with_columns(title="item_id")
    return RawData(log, items, None, {}, {})


def made(rows: list[Row], choices: Choices, folder: Path) -> Dataset:
    return prepare("table", raw_data(rows), "toys", folder / "toys", skip_bad=False, progress=silent, choices=choices)


def read(dataset: Dataset) -> list[tuple[Row, str]]:
    """What was written, in ids."""
    frame = pl.read_parquet(dataset.directory / "interactions.parquet")
    user, item = dataset.user_id, dataset.catalog.item_id
    named = frame.select("user_index", "item_index", "timestamp", "rating", "part").iter_rows()
    return [(Row(user(u), item(i), time, rating), part) for u, i, time, rating, part in named]


ROWS = st.lists(
    st.builds(
        Row,
        user=st.sampled_from("stuvwx"),
        item=st.sampled_from("abcde"),
        time=st.integers(-3, 6),
        rating=st.sampled_from([None, 1.0, 2.5, 4.0]),
    ),
    min_size=1,
    max_size=40,
)
CHOICES = st.builds(
    Choices,
    min_rating=st.sampled_from([None, None, 2.0]),
    deduplicate=st.sampled_from(list(Keep)),
    user_core=st.integers(1, 3),
    item_core=st.integers(1, 3),
    min_history=st.integers(1, 4),
    sample_users=st.sampled_from([None, None, 1, 3]),
    split=st.sampled_from(["leave-one-out", "time:0.8/0.1/0.1", "time:0.4/0.3/0.3"]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("choices")


@given(ROWS, CHOICES)
@settings(max_examples=100, deadline=None)
def test_every_choice_means_what_it_means_row_by_row(folder: Path, rows: list[Row], choices: Choices) -> None:
    expected = prepared(rows, choices)
    if not expected:
        with pytest.raises(InputError, match="Not one interaction is left"):
            made(rows, choices, folder)
        return
    dataset = made(rows, choices, folder)
    assert read(dataset) == expected
    assert dataset.users["user_id"].to_list() == list(dict.fromkeys(row.user for row, _ in expected))
    assert set(dataset.catalog.frame["item_id"]) == {row.item for row, _ in expected}
    assert sum(step.interactions for step in dataset.card.steps) == len(rows) - len(expected)
    assert sum(step.users for step in dataset.card.steps) == len({r.user for r in rows}) - dataset.n_users
    assert sum(step.items for step in dataset.card.steps) == len({r.item for r in rows}) - len(dataset.catalog)


@given(ROWS, CHOICES, st.sampled_from([Part.VALIDATION, Part.TEST]))
@settings(max_examples=50, deadline=None)
def test_who_is_asked_for_what_with_which_history(folder: Path, rows: list[Row], choices: Choices, part: Part) -> None:
    expected = prepared(rows, choices)
    if not expected:
        return
    dataset = made(rows, choices, folder)
    histories, targets = dataset.before(part), dataset.held_out(part)
    name, asked = dataset.catalog.item_id, dataset.users_with(part).tolist()
    assert targets.nonzero()[0].tolist() == asked
    assert {
        dataset.user_id(user): ([name(item) for item in histories.history(user)], name(int(targets[user])))
        for user in asked
    } == {
        user: ([row.item for row in history], row.item)
        for user, (history, row) in to_be_found(expected, str(part)).items()
    }


@given(ROWS, st.sampled_from(["time:0.8/0.1/0.1", "time:0.4/0.3/0.3"]))
@settings(max_examples=30, deadline=None)
def test_a_time_split_leaks_nothing(folder: Path, rows: list[Row], split: str) -> None:
    frame = pl.read_parquet(made(rows, Choices(split=split), folder).directory / "interactions.parquet")
    times = {part: frame.filter(pl.col("part") == part)["timestamp"].to_list() for part in map(str, Part)}
    assert max(times["train"], default=-99) < min(times["validation"] + times["test"])
    assert max(times["validation"], default=-99) < min(times["test"])


@given(ROWS, CHOICES, st.integers(1, 7), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_neither_buckets_nor_pieces_change_a_byte(
    folder: Path, rows: list[Row], choices: Choices, bucket: int, piece: int
) -> None:
    if not prepared(rows, choices):
        return
    digests = [made(rows, choices, folder).card.digest]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(buckets, "BUCKET", bucket)
        patched.setattr(staged, "PIECE", piece)
        digests.append(made(rows, choices, folder).card.digest)
    assert digests[0] == digests[1]


def test_row_groups_have_one_size_whatever_the_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(f"u{n % 7}", f"i{n % 5}", n, None) for n in range(100)]
    monkeypatch.setattr(writing, "GROUP", 30)
    monkeypatch.setattr(buckets, "BUCKET", 17)
    dataset = made(rows, Choices(), tmp_path)
    groups = writing.parquet.ParquetFile(dataset.directory / "interactions.parquet").metadata
    assert [groups.row_group(place).num_rows for place in range(groups.num_row_groups)] == [30, 30, 30, 10]
    assert [row for row, _ in read(dataset)] == sorted(rows, key=lambda row: (row.user, row.time))


def test_what_was_chosen_and_what_it_left_out_is_on_the_card_and_said(tmp_path: Path) -> None:
    rows = [Row(u, i, n, 4.0) for n, (u, i) in enumerate([("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("w", "c")])]
    dataset = made(
        [*rows, Row("w", "a", 9, 1.0), Row("u", "a", 0, 4.0)],
        resolve({"min_rating": 3.0, "user_core": 2, "item_core": 2, "deduplicate": "first"}),
        tmp_path,
    )
    assert list(dataset.card.choices.items()) == [
        ("min_rating", 3.0),
        ("deduplicate", "first"),
        ("user_core", 2),
        ("item_core", 2),
        ("min_history", 1),
        ("sample_users", None),
        ("seed", 42),
        ("split", "leave-one-out"),
        ("preset", None),
    ]
    assert dataset.card.notes[:3] == (
        "Rated below 3 or not at all: 1 interaction, 0 users, 0 items left out.",
        "Repeats of user and item, the first kept: 1 interaction, 0 users, 0 items left out.",
        "Outside the 2-core: 1 interaction, 1 user, 1 item left out.",
    )
    assert dataset.card.counts["interactions"] == 4
    assert parse_card(dataset.directory / "dataset.json") == dataset.card


def test_a_card_from_before_there_was_a_choice_is_still_read(tmp_path: Path) -> None:
    path = made([Row("u", "a", 1, None)], Choices(), tmp_path).directory / "dataset.json"
    old: dict[str, Any] = json.loads(path.read_text())
    del old["choices"], old["steps"]
    path.write_text(json.dumps(old))
    assert (parse_card(path).choices, parse_card(path).steps) == ({}, ())


def test_a_preset_gives_way_to_what_is_typed() -> None:
    assert resolve({}, "recbole") == Choices(min_rating=3.0, user_core=10, item_core=10, preset="recbole")
    assert resolve({"user_core": 5, "split": None}, "recbole").user_core == 5
    assert resolve({}, "toolrec-paper") == Choices(preset="toolrec-paper")
    assert all(resolve({}, name).preset == name for name in PRESETS)


@pytest.mark.parametrize(
    ("given", "preset", "words"),
    [
        ({}, "recbol", "There is no preset 'recbol'. Did you mean 'recbole'"),
        ({"deduplicate": "frist"}, None, "There is no way 'frist'. Did you mean 'first'"),
        ({"user_core": 0}, None, "--user-core counts from 1, so it cannot be 0"),
        ({"split": "time"}, None, "--split 'time' is no split"),
        ({"split": "time:0.8/0.1/0.2"}, None, "is no split"),
        ({"split": "time:1/0/0"}, None, "is no split"),
        ({"split": "random:0.8/0.1/0.1"}, None, "is no split"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], preset: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(given, preset)


@pytest.mark.parametrize(
    ("column", "choices", "words"),
    [
        ("rating", Choices(min_rating=1.0), "There are no ratings"),
        ("timestamp", Choices(split="time:0.8/0.1/0.1"), "There are no times to split by"),
    ],
)
def test_what_needs_a_column_that_is_not_there_is_refused(
    column: str, choices: Choices, words: str, tmp_path: Path
) -> None:
    whole = raw_data([Row("u", "a", 1, 5.0)])
    raw = RawData(whole.interactions.drop(column), whole.items, None, {}, {})  # type: ignore[union-attr]
    with pytest.raises(UsageError, match=words):
        prepare("table", raw, "toys", tmp_path / "toys", skip_bad=False, progress=silent, choices=choices)
    assert not (tmp_path / "toys").exists()
