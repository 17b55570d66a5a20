"""Files are read a block at a time: where one block ends and the next begins must not be seen in what is read."""

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from toolrec_cli.data.reading import lines, parts
from toolrec_cli.data.reading.json_objects import read_objects
from toolrec_cli.data.reading.lines import blocks, field_blocks
from toolrec_cli.data.reading.parts import TextReader
from toolrec_cli.data.reading.rejects import Sieve

ROLES = {"user_id": "user", "item_id": "item"}
LETTERS = st.text(st.sampled_from("aé😀 \"\\{}[]:,'\t"), max_size=6)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n"])
SIZES = st.integers(1, 40)


@given(st.lists(st.text(st.sampled_from("aé\r "), max_size=9)), st.booleans(), SIZES)
def test_blocks_are_whole_lines_and_together_the_stream(texts: list[str], ends: bool, size: int) -> None:
    data = ("\n".join(texts) + "\n" * ends).encode()
    found = list(blocks(io.BytesIO(data), size))
    assert b"".join(found) == data
    assert all(block.endswith(b"\n") for block in found[:-1])
    assert all(found)


def objects(data: bytes, size: int) -> tuple[pl.DataFrame, list[Any]]:
    """What is read of JSON lines in blocks of `size`, and what is not."""
    sieve = Sieve("log.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        return pl.concat([EMPTY, *read_objects(io.BytesIO(data), ["user", "text"], sieve)]), sieve.bad


EMPTY = pl.DataFrame(schema={"line": pl.UInt32, "user": pl.String, "text": pl.String})
LINES_OF_JSON = st.one_of(
    st.builds(lambda user, text: json.dumps({"user": user, "text": text, "n": [1, {}]}), LETTERS, LETTERS),
    st.builds(lambda user: repr({"user": user}), LETTERS),
    st.sampled_from(["", " ", "[1]", "{", "null", '{"user": "cut', '{"text": {"a": 1}}']),
)


@given(st.lists(st.tuples(LINES_OF_JSON, ENDS), min_size=1), SIZES)
def test_json_lines_are_the_same_in_any_blocks(written: list[tuple[str, str]], size: int) -> None:
    data = "".join(line + end for line, end in written).encode()
    (whole, bad), (in_blocks, bad_in_blocks) = objects(data, 1 << 20), objects(data, size)
    assert_frame_equal(whole, in_blocks)
    assert bad == bad_in_blocks


@given(st.lists(st.tuples(st.text(st.sampled_from("aé\t"), max_size=5), ENDS), min_size=1), SIZES)
def test_fields_are_the_same_in_any_blocks(written: list[tuple[str, str]], size: int) -> None:
    data = "user\titem\n" + "".join(line + end for line, end in written)
    found: list[tuple[list[Any], list[Any]]] = []
    for block in (1 << 20, size):
        sieve = Sieve("log.inter", "\t")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "BLOCK", block)
            frames = list(field_blocks(io.BytesIO(data.encode()), "\t", lambda first: first.split("\t"), sieve))
        found.append(([row for frame in frames for row in frame.rows()], sieve.bad))
    assert found[0] == found[1]


CELLS = st.text(st.sampled_from("aé😀 x1"), max_size=8)
QUOTED = CELLS.map(lambda text: f'"{text}\n, ""{text}"""')
LONGEST_ROW = len(b'"\n, """"",') * 2 + 4 * 8 * 4  # bytes: two quoted cells, each with eight of four bytes twice
ROWS = st.one_of(
    st.tuples(CELLS | QUOTED, CELLS | QUOTED).map(",".join), st.sampled_from(["", "one", "one,two,three", ",", "a,b"])
)


@given(st.lists(ROWS, min_size=1, max_size=40), st.integers(LONGEST_ROW, 300))
def test_rows_of_csv_are_the_same_in_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], size: int
) -> None:
    """Every row is in one block or the other, with its line; a block holds a row at least."""
    file = tmp_path_factory.mktemp("seams") / "log.csv"
    file.write_bytes(("user,item\n" + "\n".join(rows) + "\n").encode())
    (whole, bad, n_rows), (in_blocks, bad_in_blocks, n_in_blocks) = csv_rows(file, 1 << 20), csv_rows(file, size)
    assert_frame_equal(whole, in_blocks)
    assert bad == bad_in_blocks
    assert n_rows == n_in_blocks == whole.height + len(bad)


def csv_rows(file: Path, size: int) -> tuple[pl.DataFrame, list[Any], int]:
    sieve, reader = Sieve("log.csv"), TextReader(file, ROLES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_BLOCK", size)
        schema = {"line": pl.UInt32, "user_id": pl.String, "item_id": pl.String}
        frame = pl.concat([pl.DataFrame(schema=schema), *reader.pieces(sieve)])
    return frame, sorted(sieve.bad, key=lambda row: row.line), reader.n_rows
