"""What everybody's histories say about which item goes with which: transitions, company, popularity. No torch, no labels.

All of it is counted from everybody's histories up to their cuts: no held-out item is among it. Under leave-one-out, what other
people did later than one user's held-out item is.
`N` items; item_index runs from 1, column 0 is padding and stays empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import safetensors.numpy
from safetensors import SafetensorError

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError
from toolrec_cli.models.contexts import Contexts, lay_out
from toolrec_cli.storage.atomic import replacing, unhidden

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
ItemArray = npt.NDArray[np.int32]

COMPANY = 10
"""Two items of one history are in company when at most so many places apart."""

STEP_HALF_LIFE = 5.0
"""Company this many places apart counts half as much as next to each other."""

PRIOR = 10.0
"""How many transitions' worth of popularity a row of transitions is mixed with, so that rare items say little."""

EASE_LIMIT = 8_000
"""EASE inverts an N × N matrix; above this many items it is left out."""

EASE_PENALTY = 300.0
"""Chosen on ML-1M's validation items: 100 and 1,000 are no better (docs/experiments.md)."""

TREND_SHARE = 0.1
"""The newest tenth of all interactions is what is popular now."""

_PAIRS_HELD = 20_000_000


@dataclass(frozen=True)
class Sparse:
    """Rows of a sparse [N + 1, N + 1] matrix: row i's entries are `values[starts[i]:starts[i + 1]]` in `columns`."""

    starts: IntArray
    columns: ItemArray
    values: FloatArray

    def add_row(self, index: int, weight: float, out: FloatArray) -> None:
        """Add `weight` times row `index` to `out` [N + 1]."""
        part = slice(self.starts[index], self.starts[index + 1])
        out[self.columns[part]] += weight * self.values[part]


@dataclass(frozen=True)
class Evidence:
    """`forward` P(next = j | i), `backward` P(previous = j | i), `company` cosine, `ease` [N + 1, N + 1] or None."""

    forward: Sparse
    backward: Sparse
    company: Sparse
    popularity: FloatArray
    """Share of all interactions, smoothed by one. [N + 1]."""
    trend: FloatArray
    """The same over the newest interactions, of which popularity's logarithm is taken off: what is on the rise. [N + 1]."""
    ease: FloatArray | None
    contexts: Contexts | None = None
    """Everybody's histories, to be searched for contexts; None in files from before they were kept."""


FILE = "evidence.safetensors"
TABLES = ("forward", "backward", "company")
LAID_OUT = ("items", "clock", "when")


def save(evidence: Evidence, path: Path) -> None:
    """Write everything that was counted; EASE in half precision, which is finer than what is counted is sure."""
    arrays: dict[str, Any] = {"popularity": evidence.popularity, "trend": evidence.trend}
    for name in TABLES:
        table: Sparse = getattr(evidence, name)
        arrays |= {f"{name}.starts": table.starts, f"{name}.columns": table.columns, f"{name}.values": table.values}
    if evidence.ease is not None:
        arrays["ease"] = evidence.ease.astype(np.float16)
    if evidence.contexts is not None:
        laid = {name: getattr(evidence.contexts, name) for name in LAID_OUT}
        arrays |= {f"contexts.{name}": found for name, found in laid.items() if found is not None}
    with replacing(path) as temporary, unhidden(SafetensorError):
        safetensors.numpy.save_file(arrays, temporary)


def load(path: Path) -> Evidence:
    """Read what `save` wrote. Raises InputError when it is missing or cut off."""
    try:
        arrays = safetensors.numpy.load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{path} is missing or cut off ({error}).", hint="Tune again.") from error
    if missing := {"popularity", "trend", *(f"{name}.starts" for name in TABLES)} - arrays.keys():
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}.", hint="Tune again.")
    tables = {
        name: Sparse(arrays[f"{name}.starts"], arrays[f"{name}.columns"], arrays[f"{name}.values"]) for name in TABLES
    }
    ease = arrays["ease"].astype(np.float32) if "ease" in arrays else None
    laid: dict[str, Any] = {name: arrays.get(f"contexts.{name}") for name in LAID_OUT}
    contexts = None if laid["items"] is None else Contexts(n_items=len(arrays["popularity"]) - 1, **laid)
    return Evidence(**tables, popularity=arrays["popularity"], trend=arrays["trend"], ease=ease, contexts=contexts)


def gather(histories: Interactions, n_items: int, *, ease: bool = True) -> Evidence:
    """Count everything once; EASE, which takes longest, can be left out, and is where there are more than EASE_LIMIT items."""
    items = histories.items.astype(np.int64)
    popularity = _shares(np.bincount(items, minlength=n_items + 1))
    steps = _pairs(histories, 1)
    return Evidence(
        forward=_transitions(steps, popularity),
        backward=_transitions(((later, earlier) for earlier, later in _pairs(histories, 1)), popularity),
        company=_company(histories, np.bincount(items, minlength=n_items + 1)),
        popularity=popularity,
        trend=np.log(_shares(_newest(histories, n_items))) - np.log(popularity),
        ease=_ease(histories, n_items) if ease and n_items <= EASE_LIMIT else None,
        contexts=lay_out(histories, n_items),
    )


def _shares(counts: npt.NDArray[np.integer]) -> FloatArray:  # pyright: ignore[reportMissingTypeArgument]
    smoothed = counts.astype(np.float64) + 1.0
    smoothed[0] = 1.0
    return (smoothed / smoothed.sum()).astype(np.float32)


def _newest(histories: Interactions, n_items: int) -> IntArray:
    """How often each item occurs among the newest interactions of all; without times, among everybody's last tenth."""
    if histories.timestamps is not None and len(histories.timestamps):
        newest = histories.timestamps >= np.quantile(histories.timestamps, 1 - TREND_SHARE)
        return np.bincount(histories.items[newest], minlength=n_items + 1)
    position = np.arange(len(histories.items)) - np.repeat(histories.offsets[:-1], histories.lengths())
    late = position >= np.repeat(histories.lengths() * (1 - TREND_SHARE), histories.lengths())
    return np.bincount(histories.items[late], minlength=n_items + 1)


def _pairs(histories: Interactions, distance: int) -> Iterator[tuple[IntArray, IntArray]]:
    """(earlier, later) of every two items of one history that are `distance` apart, some millions at a time."""
    owner = np.repeat(np.arange(histories.n_users, dtype=np.int32), histories.lengths())
    for start in range(0, max(0, len(owner) - distance), _PAIRS_HELD):
        stop = min(start + _PAIRS_HELD, len(owner) - distance)
        same = owner[start:stop] == owner[start + distance : stop + distance]
        earlier = histories.items[start:stop][same].astype(np.int64)
        yield earlier, histories.items[start + distance : stop + distance][same].astype(np.int64)


def _sparse(keys: IntArray, values: npt.NDArray[np.float64], n: int) -> Sparse:
    """Ascending `keys` row × n + column, each once, as rows."""
    rows, columns = np.divmod(keys, n)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64)
    return Sparse(starts, columns.astype(np.int32), values.astype(np.float32))


def _counted(keys: IntArray) -> pl.DataFrame:
    """key and weight (how often it occurs), each key once."""
    return pl.DataFrame({"key": keys}).group_by("key").agg(weight=pl.len().cast(pl.Float64))


def _transitions(pairs: Iterator[tuple[IntArray, IntArray]], popularity: FloatArray) -> Sparse:
    """count(i, j) / (count(i) + PRIOR): with PRIOR · popularity(j) added by whoever reads it, a probability."""
    n = len(popularity)
    found = pl.concat([_counted(earlier * n + later) for earlier, later in pairs] or [_counted(np.zeros(0, np.int64))])
    keys, counts = _summed(found)
    totals = np.bincount(keys // n, weights=counts, minlength=n) + PRIOR
    return _sparse(keys, counts / totals[keys // n], n)


def _company(histories: Interactions, counts: IntArray) -> Sparse:
    """Σ over pairs at most COMPANY apart of 0.5^(distance / STEP_HALF_LIFE), over √(count i · count j); both ways."""
    n = len(counts)
    found = _counted(np.zeros(0, np.int64))
    for distance in range(1, COMPANY + 1):
        weight = 0.5 ** (distance / STEP_HALF_LIFE)
        for earlier, later in _pairs(histories, distance):
            fresh = _counted(np.concatenate([earlier * n + later, later * n + earlier]))
            both = pl.concat([found, fresh.with_columns(pl.col("weight") * weight)])
            found = both.group_by("key").agg(pl.col("weight").sum())
    keys, weights = _summed(found)
    norm = np.sqrt(np.maximum(counts, 1.0))
    return _sparse(keys, weights / (norm[keys // n] * norm[keys % n]), n)


def _summed(found: pl.DataFrame) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Ascending keys, each once, and their weights' sums."""
    summed = found.group_by("key").agg(pl.col("weight").sum()).sort("key")
    return summed["key"].to_numpy(), summed["weight"].to_numpy()


def _ease(histories: Interactions, n_items: int) -> FloatArray:
    """The item weights of EASE (Steck, WWW 2019): B = I − P · diag(1 / diag P), P = (XᵀX + λI)⁻¹. [N + 1, N + 1].

    In single precision: the penalty keeps the matrix far from singular, and memory is three times N² numbers.
    """
    gram = np.zeros((n_items + 1, n_items + 1), dtype=np.float32)
    for start in range(0, histories.n_users, 512):
        offsets = histories.offsets[start : start + 513]
        block = np.zeros((len(offsets) - 1, n_items + 1), dtype=np.float32)
        block[np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), histories.items[offsets[0] : offsets[-1]]] = 1.0
        gram += block.T @ block
    gram[np.diag_indices(n_items + 1)] += EASE_PENALTY
    weights = np.linalg.inv(gram)
    weights /= -np.diag(weights)
    weights[np.diag_indices(n_items + 1)] = 0.0
    weights[0] = weights[:, 0] = 0.0
    return weights
