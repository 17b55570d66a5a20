"""interactions.parquet, written bucket by bucket; its bytes do not depend on the buckets."""

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from toolrec_cli.data.preparing.splits import PARTS, Codes

arrow: Any = pa  # pyarrow comes without types
parquet: Any = pa_parquet

GROUP = 1 << 18
"""Interactions of a row group. They are ordered by user, so whoever asks for one user's reads one group or two."""


class InteractionsWriter:
    """Takes frames of interactions with the part of each row; writes row groups of one size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._waiting: deque[Any] = deque()
        self._n_waiting = 0

    def __enter__(self) -> "InteractionsWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            return  # an unfinished file is thrown away, and its end would not fit on a full disk either
        if self._n_waiting:
            self._write(self._n_waiting)
        if self._writer is not None:
            self._writer.close()

    def add(self, frame: pl.DataFrame, codes: Codes) -> None:
        """The next rows: user_index, item_index, timestamp and rating where there are any; NaN is no rating."""
        columns = {name: arrow.array(frame[name].to_numpy(), from_pandas=True) for name in frame.columns}
        names = arrow.array([str(part) for part in PARTS])
        columns["part"] = arrow.DictionaryArray.from_arrays(arrow.array(codes.astype(np.int8)), names)
        self._waiting.append(arrow.table(columns))
        self._n_waiting += frame.height
        whole = self._n_waiting // GROUP * GROUP
        if whole:
            self._write(whole)

    def _write(self, n_rows: int) -> None:
        """Write the first `n_rows` that wait."""
        table = arrow.concat_tables(self._waiting).combine_chunks()  # pages would end where chunks do
        if self._writer is None:
            # Without the Arrow schema, `part` is read back as plain text, as other engines read it.
            self._writer = parquet.ParquetWriter(self._path, table.schema, compression="zstd", store_schema=False)
        self._writer.write_table(table.slice(0, n_rows), row_group_size=GROUP)
        self._waiting = deque([table.slice(n_rows)])
        self._n_waiting -= n_rows
