"""Derived tables have the schema they declare, whatever is in them."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storage.small_disk import room_for
from toolrec_cli.storage.tables import PER_USER, RANKINGS, Schema, write_table

ROWS = {"row": ["sasrec", "sasrec"], "user_id": ["007", "007"], "rank": [1, 2], "item_id": ["1", "x"]}


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", RANKINGS, ROWS)
    assert_frame_equal(pl.read_parquet(tmp_path / "a.parquet"), pl.DataFrame(ROWS, schema_overrides={"rank": pl.Int32}))


@pytest.mark.parametrize("schema", [RANKINGS, PER_USER])
def test_an_empty_table_has_its_schema(tmp_path: Path, schema: Schema) -> None:
    write_table(tmp_path / "a.parquet", schema, {name: [] for name in schema})
    assert pl.read_parquet(tmp_path / "a.parquet").schema == dict(schema)
    assert pl.read_parquet(tmp_path / "a.parquet").height == 0


def test_a_column_of_nothing_and_whole_numbers_for_fractions_keep_the_type(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", PER_USER, {"row": [None], "user_id": ["1"], "metric": ["hit@1"], "value": [1]})
    expected = pl.DataFrame(
        {"row": [None], "user_id": ["1"], "metric": ["hit@1"], "value": [1.0]}, schema=dict(PER_USER)
    )
    assert_frame_equal(pl.read_parquet(tmp_path / "a.parquet"), expected)


def test_the_old_table_is_replaced_not_written_over(tmp_path: Path) -> None:
    """Who still reads the old one reads it to its end."""
    write_table(tmp_path / "a.parquet", RANKINGS, ROWS)
    (tmp_path / "still read").hardlink_to(tmp_path / "a.parquet")
    write_table(tmp_path / "a.parquet", RANKINGS, {name: [] for name in RANKINGS})
    assert pl.read_parquet(tmp_path / "a.parquet").height == 0
    assert pl.read_parquet(tmp_path / "still read").height == 2


def test_columns_stand_in_the_order_declared(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", RANKINGS, dict(reversed(ROWS.items())))
    assert pl.read_parquet(tmp_path / "a.parquet").columns == list(RANKINGS)


def test_no_room_for_a_table_leaves_the_old_one(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", RANKINGS, ROWS)
    many = {name: [str(k) for k in range(5000)] for name in RANKINGS} | {"rank": [1] * 5000}
    with pytest.raises(OSError, match="File too large"), room_for(1000):
        write_table(tmp_path / "a.parquet", RANKINGS, many)
    assert pl.read_parquet(tmp_path / "a.parquet").height == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize(
    "wrong",
    [
        {name: values for name, values in ROWS.items() if name != "rank"},
        ROWS | {"rank": ["first", "second"]},
        ROWS | {"rank": [1]},
    ],
)
def test_what_does_not_fit_the_schema_leaves_the_old_table(tmp_path: Path, wrong: dict[str, list[str]]) -> None:
    write_table(tmp_path / "a.parquet", RANKINGS, ROWS)
    with pytest.raises((KeyError, TypeError, pl.exceptions.PolarsError)):
        write_table(tmp_path / "a.parquet", RANKINGS, wrong)
    assert pl.read_parquet(tmp_path / "a.parquet").height == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
