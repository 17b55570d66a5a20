"""Interactions on disk while they are prepared: a file a column, read and written in pieces, so that size does not matter."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Piece = dict[str, npt.NDArray[Any]]
"""Column -> values, all of one length."""

PIECE = 1 << 22
"""Interactions that are in memory at once while a file is scanned."""


class Staged:
    """Columns of numbers under `folder`, each in a file of its own, in input order."""

    def __init__(self, folder: Path, types: Mapping[str, Any]) -> None:
        folder.mkdir()
        self.folder = folder
        self.types = dict(types)
        self.n_rows = 0

    def append(self, piece: Piece) -> None:
        """Add the rows of `piece`, which has every column."""
        for name, dtype in self.types.items():
            with (self.folder / name).open("ab") as file:
                file.write(np.ascontiguousarray(piece[name], dtype).data)  # tofile() does not say that a disk is full
        self.n_rows += len(piece[next(iter(self.types))])

    def pieces(self, *names: str, size: int | None = None) -> Iterator[Piece]:
        """The columns `names` (none: all), `size` rows at a time."""
        wanted = names or tuple(self.types)
        size = PIECE if size is None else size
        for start in range(0, self.n_rows, size):
            count = min(size, self.n_rows - start)
            yield {name: self._read(name, start, count) for name in wanted}

    def _read(self, name: str, start: int, count: int) -> npt.NDArray[Any]:
        dtype = np.dtype(self.types[name])
        return np.fromfile(self.folder / name, dtype, count, offset=start * dtype.itemsize)

    def remove(self) -> None:
        """Give the disk back."""
        for name in self.types:
            (self.folder / name).unlink(missing_ok=True)
        self.folder.rmdir()


def selected(piece: Piece, rows: Any) -> Piece:
    """The rows of a piece that a mask, slice or index picks."""
    return {name: values[rows] for name, values in piece.items()}
