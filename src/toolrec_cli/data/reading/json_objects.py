"""Large files of JSON lines, a block at a time, of which a few keys are kept; also the "loose" JSON that Python's repr wrote."""

import ast
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import polars as pl

from toolrec_cli.data.reading.lines import as_utf8, blocks, numbered
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import BadRow

NO_OBJECT = "it is not a JSON object"
_SHOWN = 80


def read_objects(stream: BinaryIO, keys: Sequence[str], sieve: Sieve) -> Iterator[pl.DataFrame]:
    """Block by block: line (u32), then the values of `keys` as text; lists and structures as JSON, what is absent null.

    Blank lines count as lines but are no rows; lines that hold no object go into the sieve. Only a block and what is picked
    of it is held, so that long texts nobody asked for cost nothing.
    """
    first = 1
    for block in blocks(stream):
        yield _parse(block, first, keys, sieve)
        first += block.count(b"\n")


def _parse(block: bytes, first: int, keys: Sequence[str], sieve: Sieve) -> pl.DataFrame:
    data = as_utf8(block)
    lines = numbered(data, first)
    try:
        values = pl.read_ndjson(io.BytesIO(data), schema=dict.fromkeys(keys, pl.String)) if lines.height else None
    except pl.exceptions.PolarsError:
        values = None
    if values is None or values.height != lines.height:
        return _parse_singly(lines, keys, sieve)
    return lines.select("line").hstack(values)


def _parse_singly(lines: pl.DataFrame, keys: Sequence[str], sieve: Sieve) -> pl.DataFrame:
    """As `_parse`, line by line, for a block in which some line is not strict JSON."""
    kept: list[int] = []
    rows: list[list[str | None]] = []
    for line, text in lines.iter_rows():
        found = _object(text)
        if found is None:
            sieve.bad.append(BadRow(sieve.file, line, NO_OBJECT, text[:_SHOWN]))
        else:
            kept.append(line)
            rows.append([_as_text(found.get(key)) for key in keys])
    values = pl.DataFrame(rows, schema=dict.fromkeys(keys, pl.String), orient="row")
    return pl.Series("line", kept, dtype=pl.UInt32).to_frame().hstack(values)


def _object(text: str) -> dict[str, Any] | None:
    """The object of a line of JSON, or of Python's notation ({'title': "It's"}); None when it holds neither."""
    try:
        found: Any = json.loads(text, strict=False)
    except ValueError:
        try:
            found = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
