"""Ids -> whole numbers, in the order in which they are first met. The one table of a preparation that grows with the ids."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers = npt.NDArray[np.uint32]

_UNSEEN = np.uint32(2**32 - 1)


class Numbering:
    """Numbers ids from 0 as they come, a column of them at a time; about 100 bytes an id.

    The ids are kept by polars, as categories; what number polars gives them is its own affair, so ours are kept beside.
    """

    def __init__(self) -> None:
        self._categories = pl.Categories.random("toolrec", pl.UInt32)
        self._type = pl.Categorical(self._categories)
        self._alive = pl.Series([], dtype=self._type)  # polars forgets categories that no column uses
        self._numbers: Numbers = np.full(1024, _UNSEEN)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, ids: pl.Series) -> Numbers:
        """The numbers of `ids` (str, none null), new ones in the order in which they stand. Shape [len(ids)]."""
        codes: Numbers = ids.cast(self._type).to_physical().to_numpy()
        self._make_room(int(codes.max(initial=0)) + 1)
        fresh = codes[self._numbers[codes] == _UNSEEN]
        if len(fresh):
            new, first = np.unique(fresh, return_index=True)
            self._numbers[new[np.argsort(first)]] = np.arange(self._count, self._count + len(new), dtype=np.uint32)
            self._count += len(new)
        return self._numbers[codes]

    def ids(self) -> pl.Series:
        """All ids (str) by number."""
        texts = self._categories.to_series()
        codes = np.argsort(self._numbers[: len(texts)], kind="stable")[: self._count]
        ordered = bool((codes == np.arange(self._count)).all())
        return texts.head(self._count) if ordered else texts.gather(codes)

    def _make_room(self, size: int) -> None:
        if size > len(self._numbers):
            grown: Any = np.full(max(size, 2 * len(self._numbers)), _UNSEEN)
            grown[: len(self._numbers)] = self._numbers
            self._numbers = grown
