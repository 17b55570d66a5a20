"""An index over an item table: most of the best items for a fraction of the scores. For catalogues above a million items.

Inverted lists: items are dealt into cells around centres (k-means), and of a query only the nearest cells are looked at, their
vectors in bytes. What it names is scored anew from the table, so that a score is the one that exact search gives. How many cells
are looked at is settled when it is built: as many as find 99 % of what exact search finds, for queries of this data set.
faiss does the work, an extra (`toolrec-cli[ann]`), imported when it is asked for.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.best import best
from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.storage.atomic import replacing, write_json
from toolrec_cli.storage.digests import file_digest

IntArray = npt.NDArray[np.int64]

SCHEMA_VERSION = 1
K = 100
"""Recall is measured at so many items."""
TARGET = 0.99
"""Recall that is aimed at."""
PROBES = (8, 16, 32, 64, 128, 256, 512)
"""Cells that may be looked at, while they are less than an eighth of all."""

_TRAINING, _ROUNDS, _AT_ONCE = 40, 8, 100_000
"""Items a cell that k-means learns from; its rounds; items that are added at once."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class IndexCard:
    """What an index is of, and how good: recall at `K` against exact search, for `queries` users, unseen items and seen alike."""

    table: str
    """SHA-256 of the table's bytes."""
    items: int
    width: int
    cells: int
    probes: int
    recall: float
    queries: int
    faiss: str
    sha256: str = ""
    """Of the file."""
    schema_version: int = SCHEMA_VERSION


class ItemIndex:
    """An index as it lies in `path`. Any number of threads may ask. Sent to another process, it is opened anew there."""

    def __init__(self, inner: Any, path: Path, card: IndexCard) -> None:
        self._inner, self._path, self.card = inner, path, card

    def near(self, query: FloatArray, n: int) -> IntArray:
        """About `n` items (item_index) and some more that are likely the best for `query` [D], in no order to rely on."""
        _, found = self._inner.search(query[None], min(n + n // 2 + 32, self.card.items))
        return found[0][found[0] >= 0].astype(np.int64) + 1

    def look_at(self, probes: int) -> None:
        """From now on, look at so many cells of a query. For one thread alone."""
        self._inner.nprobe = probes

    def __reduce__(self) -> tuple[Callable[[Path, str], "ItemIndex"], tuple[Path, str]]:
        return _reopened, (self._path, self.card.sha256)


def installed() -> bool:
    """Whether there is a faiss."""
    return find_spec("faiss") is not None


def table_digest(table: FloatArray) -> str:
    """SHA-256 of an item table's bytes."""
    return hashlib.sha256(np.ascontiguousarray(table).data).hexdigest()


def open_index(path: Path, digest: str) -> ItemIndex:
    """The index in `path`, for the table of that digest.

    Raises FileNotFoundError where there is none, InputError where it is another table's, altered or newer.
    """
    card = _read_card(path)
    if card.table != digest:
        raise _refused(path, "is of another item table")
    return _opened(path, card)


def build_index(path: Path, table: FloatArray, queries: FloatArray, on_progress: OnProgress) -> ItemIndex:
    """Build an index of `table` [N + 1, D] into `path`, with the probes that `queries` [Q, D] need.

    The same table and queries make the same file on the same machine. Raises UsageError without faiss, and for a table that
    is too small to have cells.
    """
    faiss = _faiss()
    n_items, width = len(table) - 1, table.shape[1]
    cells = max(1, int(4 * np.sqrt(n_items)))
    if n_items < _TRAINING * 8:
        raise UsageError(f"{n_items} items are too few for an index.", hint="Leave --retrieval out.")
    inner = faiss.index_factory(width, f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)
    inner.cp.niter, inner.cp.min_points_per_centroid = _ROUNDS, 1
    learnt = np.linspace(1, n_items, min(n_items, _TRAINING * cells)).astype(np.int64)
    inner.train(np.ascontiguousarray(table[learnt]))
    for first in range(1, n_items + 1, _AT_ONCE):
        inner.add(np.ascontiguousarray(table[first : first + _AT_ONCE]))
        on_progress(min(first + _AT_ONCE - 1, n_items), n_items)
    card = IndexCard(table_digest(table), n_items, width, cells, 0, 0.0, len(queries), faiss.__version__)
    card = _settled(ItemIndex(inner, path, card), table, queries)
    path.parent.mkdir(parents=True, exist_ok=True)
    _card_path(path).unlink(missing_ok=True)  # of a file that is gone: nobody is to take it for the next one's
    with replacing(path) as temporary:
        temporary.write_bytes(faiss.serialize_index(inner).data)  # faiss itself does not notice a disk that fills up
        card = replace(card, sha256=file_digest(temporary))
    write_json(_card_path(path), asdict(card))
    return ItemIndex(inner, path, card)


def _settled(index: ItemIndex, table: FloatArray, queries: FloatArray) -> IndexCard:
    """The card with the fewest probes that reach the target, or with the most that are allowed, and their recall."""
    nobody = np.zeros(0, np.int32), np.zeros(len(queries) + 1, np.int64)
    k = min(K, index.card.items)
    exact, card = best(queries, table, *nobody, k), index.card
    for probes in [n for n in PROBES if n <= max(PROBES[0], card.cells // 8)]:
        index.look_at(probes)
        found = [np.isin(wanted, index.near(query, k)).mean() for query, wanted in zip(queries, exact, strict=True)]
        card = replace(card, probes=probes, recall=round(float(np.mean(found)), 4))
        if card.recall >= TARGET:
            break
    return card


def _reopened(path: Path, sha256: str) -> ItemIndex:
    card = _read_card(path)
    if card.sha256 != sha256:
        raise _refused(path, "is another one here than where the run began")
    return _opened(path, card)


def _opened(path: Path, card: IndexCard) -> ItemIndex:
    if file_digest(path) != card.sha256:
        raise _refused(path, "has been altered")
    index = ItemIndex(_faiss().read_index(str(path)), path, card)
    index.look_at(card.probes)
    return index


def _read_card(path: Path) -> IndexCard:
    told = _card_path(path).read_bytes()
    try:
        found = json.loads(told)
        if (version := int(found["schema_version"])) <= SCHEMA_VERSION:
            return IndexCard(**found)
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(path, f"has a card that cannot be read ({error})") from error
    raise _refused(path, f"has version {version}, and this toolrec reads up to {SCHEMA_VERSION}")


def _card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _refused(path: Path, why: str) -> InputError:
    return InputError(f"The index {path} {why}.", hint="Remove it, and it is built anew; or: --retrieval exact")


def _faiss() -> Any:
    """Raises UsageError where it is not installed."""
    if not installed():
        raise UsageError("An index needs faiss, which is not installed.", hint="Type: pip install 'toolrec-cli[ann]'")
    faiss: Any = import_module("faiss")
    faiss.omp_set_num_threads(1)  # one query is one thread's work, and a file is not to depend on how many there are
    return faiss
