"""Histories: each user's items in order, and nothing in them that comes after the cut."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolrec_cli.data.interactions import Interactions, Part, read_before, read_held_out, read_users_with
from toolrec_cli.data.preparing.splits import PARTS, last_two

LOG = pl.DataFrame(
    {
        "user_index": [0, 0, 0, 0, 2, 2, 2, 3],
        "item_index": [5, 6, 5, 9, 7, 5, 8, 6],
        "timestamp": [10, 20, 30, 999, 10, 20, 998, 10],
        "rating": [4.0, None, 3.0, 0.75, 5.0, 5.0, 0.25, 1.0],
        "part": ["train", "train", "validation", "test", "train", "validation", "test", "train"],
    },
    schema_overrides={"user_index": pl.UInt32, "item_index": pl.UInt32, "rating": pl.Float32},
)
"""User 1 has nothing, user 3 too little to hold anything out. What is held out for the test occurs nowhere else."""


def leave_one_out(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame`, which is ordered by user and time, with the column part: "train", "validation" or "test"."""
    return frame.with_columns(part=pl.Series([*map(str, PARTS)]).gather(last_two(frame)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    LOG.write_parquet(tmp_path / "interactions.parquet")
    return tmp_path / "interactions.parquet"


@pytest.mark.parametrize(
    ("part", "histories"),
    [
        (Part.VALIDATION, [[5, 6], [], [7], [6]]),
        (Part.TEST, [[5, 6, 5], [], [7, 5], [6]]),
        (None, [[5, 6, 5, 9], [], [7, 5, 8], [6]]),
    ],
)
def test_histories_end_before_the_part_that_is_asked_for(
    log: Path, part: Part | None, histories: list[list[int]]
) -> None:
    found = read_before(log, part, 4)
    assert [found.history(user).tolist() for user in range(found.n_users)] == histories
    assert found.lengths().tolist() == [len(history) for history in histories]
    assert (found.items.dtype, found.offsets.dtype) == (np.int32, np.int64)


def test_nothing_of_a_held_out_interaction_is_in_what_a_recommender_is_given(log: Path) -> None:
    """Not the item, not its time, not its rating: the process never holds them."""
    found = read_before(log, Part.TEST, 4)
    assert found.timestamps is not None
    assert found.ratings is not None
    for held in (found.items, found.timestamps, found.ratings, found.items.base, found.ratings.base):
        assert held is None or not set(np.asarray(held).tolist()) & {9, 8, 999, 998, 0.75, 0.25}


def test_nor_anything_of_validation_or_test_for_whoever_tunes(log: Path) -> None:
    found = read_before(log, Part.VALIDATION, 4)
    assert found.timestamps is not None
    assert set(found.timestamps.tolist()) == {10, 20}
    assert len(found.items) == 4


def test_ratings_and_times_lie_beside_the_items(log: Path) -> None:
    found = read_before(log, Part.TEST, 4)
    rated = found.rated(0)
    assert rated is not None
    assert (rated.dtype, rated[0], np.isnan(rated[1]), rated[2]) == (np.float32, 4.0, True, 3.0)
    assert found.timestamps is not None
    assert found.timestamps.tolist() == [10, 20, 30, 10, 20, 10]


def test_the_histories_of_some_users_leave_the_others_empty(log: Path) -> None:
    found = read_before(log, Part.TEST, 4, users=[2, 1])
    assert [found.history(user).tolist() for user in range(4)] == [[], [], [7, 5], []]
    assert found.timestamps is not None
    assert found.timestamps.tolist() == [10, 20]


def test_whoever_wants_items_alone_gets_neither_times_nor_ratings(log: Path) -> None:
    found = read_before(log, Part.TEST, 4, items_only=True)
    assert (found.timestamps, found.ratings) == (None, None)
    assert found.history(0).tolist() == [5, 6, 5]


def test_a_log_without_times_or_ratings_has_none(tmp_path: Path) -> None:
    LOG.drop("timestamp", "rating").write_parquet(tmp_path / "log.parquet")
    found = read_before(tmp_path / "log.parquet", Part.TEST, 4)
    assert (found.timestamps, found.ratings, found.rated(0)) == (None, None, None)


def test_held_out_items_with_0_where_there_is_none(log: Path) -> None:
    assert read_held_out(log, Part.TEST, 5).tolist() == [9, 0, 8, 0, 0]
    assert read_held_out(log, Part.VALIDATION, 4).tolist() == [5, 0, 5, 0]


def test_who_has_a_held_out_item_but_not_which(log: Path) -> None:
    assert read_users_with(log, Part.TEST).tolist() == [0, 2]


def test_a_log_of_nobody(tmp_path: Path) -> None:
    LOG.clear().write_parquet(tmp_path / "log.parquet")
    found = read_before(tmp_path / "log.parquet", Part.TEST, 3)
    assert [found.history(user).tolist() for user in range(3)] == [[], [], []]
    assert read_users_with(tmp_path / "log.parquet", Part.TEST).tolist() == []


@given(st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=5))
@settings(max_examples=40)
def test_what_is_seen_and_what_is_held_out_make_up_the_whole(
    tmp_path_factory: pytest.TempPathFactory, histories: list[list[int]]
) -> None:
    frame = pl.DataFrame(
        [(user, item) for user, items in enumerate(histories) for item in items],
        schema={"user_index": pl.UInt32, "item_index": pl.UInt32},
        orient="row",
    )
    path = tmp_path_factory.getbasetemp() / "whole.parquet"
    leave_one_out(frame).write_parquet(path)
    for user, whole in enumerate(histories):
        n_held = 1 if len(whole) >= 3 else 0
        for part, ends in ((Part.TEST, len(whole)), (Part.VALIDATION, len(whole) - n_held)):
            before = read_before(path, part, len(histories)).history(user).tolist()
            held = [item for item in [read_held_out(path, part, len(histories))[user]] if item]
            assert len(held) == n_held
            assert [*before, *held] == whole[:ends]


def test_histories_of_some_users_in_the_order_asked() -> None:
    items, times = np.array([1, 2, 3, 4, 5], dtype=np.int32), np.array([10, 20, 30, 40, 50])
    found = Interactions(np.array([0, 2, 2, 5]), items, times, items.astype(np.float32)).of(np.array([2, 1, 0, 2]))
    assert found.items.tolist() == [3, 4, 5, 1, 2, 3, 4, 5]
    assert found.offsets.tolist() == [0, 3, 3, 5, 8]
    assert found.timestamps is not None
    assert found.timestamps.tolist() == [30, 40, 50, 10, 20, 30, 40, 50]
    assert found.ratings is not None
    assert found.ratings.tolist() == found.items.tolist()
    bare = Interactions(np.array([0, 2, 2, 5]), items, None, None).of(np.array([0]))
    assert (bare.items.tolist(), bare.timestamps, bare.ratings) == ([1, 2], None, None)
