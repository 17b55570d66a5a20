"""A file as a stream of bytes, unpacked when its name ends in .gz."""

import gzip
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from toolrec_cli.errors import InputError


@contextmanager
def unpacked(path: Path, *, hint: str | None = None) -> Generator[BinaryIO]:
    """The bytes of `path`. Raises InputError, also while it is read, when it is not gzip, or cut off, saying after which line."""
    if path.suffix != ".gz":
        with path.open("rb") as stream:
            yield stream
        return
    with gzip.open(path, "rb") as stream:
        try:
            yield cast("BinaryIO", stream)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            whole = _whole_lines(path)
            after = f" after line {whole:,}" if whole else ""
            raise InputError(
                f"{path} cannot be read: it is cut off or not gzip{after} ({error}).", hint=hint
            ) from error


def _whole_lines(path: Path) -> int:
    """How many lines come out whole before a broken gzip file breaks."""
    lines = 0
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        with path.open("rb") as packed:
            while data := packed.read(1 << 20):
                lines += decoder.decompress(data).count(b"\n")
    except zlib.error:
        pass
    return lines
