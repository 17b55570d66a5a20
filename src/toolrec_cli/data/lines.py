"""Text files as numbered lines, cut into fields: a million lines without a Python loop."""

import polars as pl

from toolrec_cli.data.rejects import Sieve

LINE = "line"
"""The column of line numbers."""


def free_of_line(name: str) -> str:
    """A file's own column called "line" is called "line_", because the line number has that name."""
    return f"{LINE}_" if name == LINE else name


def as_utf8(data: bytes) -> bytes:
    """The text as UTF-8, without a byte order mark; what is not UTF-8 is read as Latin-1, which every byte is."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode("utf-8")
    return data.removeprefix(b"\xef\xbb\xbf")


def numbered(data: bytes) -> pl.DataFrame:
    """All lines that are not blank: line (u32, from 1) and text."""
    text = pl.Series("text", [as_utf8(data).decode("utf-8")])
    lines = text.str.split("\n").explode().str.strip_chars_end("\r").to_frame()
    return lines.with_row_index("line", offset=1).filter(pl.col("text").str.strip_chars() != "")


def split_fields(lines: pl.DataFrame, separator: str, names: list[str], sieve: Sieve) -> pl.DataFrame:
    """line, then one stripped text column a name; lines with another number of fields go into the sieve."""
    n_fields = pl.col("text").str.count_matches(separator, literal=True) + 1
    whole = sieve.drop(
        lines, n_fields != len(names), f"it does not have {len(names)} fields separated by {separator!r}"
    )
    fields = pl.col("text").str.split_exact(separator, len(names) - 1).struct.rename_fields(names).alias("fields")
    return whole.select("line", fields).unnest("fields").with_columns(pl.col(names).str.strip_chars())
