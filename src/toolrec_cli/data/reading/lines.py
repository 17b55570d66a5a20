"""Text files as numbered lines, cut into fields: a million lines without a Python loop, a block of the file at a time."""

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO

import polars as pl

from toolrec_cli.data.reading.rejects import Sieve

LINE = "line"
"""The column of line numbers."""

BLOCK = 16 << 20
"""How many bytes of a large file are held at a time."""

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def free_of_line(name: str) -> str:
    """A file's own column called "line" is called "line_", because the line number has that name."""
    return f"{LINE}_" if name == LINE else name


def as_utf8(data: bytes) -> bytes:
    """The text as UTF-8, without a byte order mark. Bytes that are no UTF-8 are read as Latin-1, in the way of Windows."""
    encoding = next((name for mark, name in _BOMS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors=_LATIN_1).lstrip("\ufeff")
    return text.encode("utf-8", errors="replace")


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """The byte that is no UTF-8 as a letter of Windows' Latin-1, or where that has none, of the standard's."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    try:
        return byte.decode("cp1252"), error.start + 1
    except UnicodeDecodeError:
        return byte.decode("latin-1"), error.start + 1


_LATIN_1 = "toolrec-latin-1"
codecs.register_error(_LATIN_1, _as_latin_1)


def oddly_encoded(data: bytes) -> str | None:
    """How a text that is not UTF-8 was read, in words; None when it is UTF-8."""
    if any(data.startswith(mark) for mark, name in _BOMS.items() if name == "utf-16"):
        return "is UTF-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8 throughout: what is not was read as Latin-1"
    return None


def blocks(stream: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The stream in blocks of about `size` bytes (BLOCK), each of whole lines. Together they are the stream; none is empty."""
    rest = b""
    while data := stream.read(size or BLOCK):
        whole, newline, begun = data.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = begun
        else:
            rest += data
    if rest:
        yield rest


def numbered(data: bytes, first: int = 1) -> pl.DataFrame:
    """All lines that are not blank: line (u32, from `first`) and text."""
    text = pl.Series("text", [as_utf8(data).decode("utf-8")])
    lines = text.str.split("\n").explode().str.strip_chars_end("\r").to_frame()
    return lines.with_row_index("line", offset=first).filter(pl.col("text").str.strip_chars() != "")


def split_fields(lines: pl.DataFrame, separator: str, names: list[str], sieve: Sieve) -> pl.DataFrame:
    """line, then one stripped text column a name; lines with another number of fields go into the sieve."""
    n_fields = pl.col("text").str.count_matches(separator, literal=True) + 1
    whole = sieve.drop(
        lines, n_fields != len(names), f"it does not have {len(names)} fields separated by {separator!r}"
    )
    fields = pl.col("text").str.split_exact(separator, len(names) - 1).struct.rename_fields(names).alias("fields")
    return whole.select("line", fields).unnest("fields").with_columns(pl.col(names).str.strip_chars())


def field_blocks(
    stream: BinaryIO, separator: str, names: Callable[[str], list[str]], sieve: Sieve
) -> Iterator[pl.DataFrame]:
    """As `split_fields`, block by block, of a file whose first line `names` turns into the names of the fields."""
    first, fields = 1, None
    for block in blocks(stream):
        lines = numbered(block, first)
        first += block.count(b"\n")
        if fields is None and lines.height:
            fields = names(lines["text"][0])
            lines = lines.slice(1)
        if lines.height:
            yield split_fields(lines, separator, fields or [], sieve)
