"""How much of a claim is denominators: the same lists, scored in all the ways that are in use.

Three choices, each seen in released code: whether users without a full, valid list are left out of the mean; whether items of
the history are taken out of a list; whether an item named twice can hit twice. Nothing else differs.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from toolrec_cli.evaluation.metrics import first_occurrence
from toolrec_cli.evaluation.significance import Interval, intervals
from toolrec_cli.seeds import stream
from toolrec_cli.wording import counted

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Handed:
    """Lists as they were handed in, for everybody with a held-out item.

    `lists` [n_users, L] item_index, 0 = none, above `n_items` = an id that the catalogue lacks, the same for the same id;
    `owned` says which entries are of the user's own history; `targets` [n_users].
    """

    lists: IntArray
    owned: BoolArray
    targets: IntArray
    n_items: int


@dataclass(frozen=True)
class Counting:
    """One way to count."""

    survivors: bool
    """Whether only users with a full list of known items, none twice, are in the denominator."""
    masked: bool
    """Whether items of the history are taken out and the rest moves up."""
    repeats: bool
    """Whether an item named twice keeps both places, and can hit twice."""

    @property
    def spoken(self) -> str:
        """In words."""
        return ", ".join(
            [
                "survivors only" if self.survivors else "all users",
                "history masked" if self.masked else "history left in",
                "repeats kept" if self.repeats else "repeats dropped",
            ]
        )


STRICT = Counting(survivors=False, masked=True, repeats=False)
"""How `toolrec eval` counts."""


@dataclass(frozen=True)
class AuditRow:
    """One way to count, and what it makes of the lists: "recall@10", "ndcg@10", "mrr@10"; with repeats they can be above 1."""

    counting: Counting
    n_users: int
    metrics: dict[str, Interval]


@dataclass(frozen=True)
class Audit:
    """What an audit found. Users: who was asked for (those with a held-out item), has a list, survives; the rest are counts of
    what was handed in for nobody or names nothing.
    """

    source: str
    row: str
    dataset: str
    split: str
    k: int
    n_users: int
    n_listed: int
    n_survivors: int
    n_unknown_users: int
    n_without_target: int
    n_unknown_items: int
    n_repeats: int
    n_owned: int
    out_of_reach: int
    """Users whose held-out item is in their history: with the history masked it can be in no list."""
    rows: tuple[AuditRow, ...]
    reading: tuple[str, ...]
    n_possible: int = 0
    """Users with a held-out item, asked or not."""
    schema_version: int = SCHEMA_VERSION


def survivors(handed: Handed, k: int) -> BoolArray:
    """Who has k entries at least, all of the first k known, none of them twice. [n_users]."""
    first = handed.lists[:, :k]
    known = ((first > 0) & (first <= handed.n_items)).sum(axis=1)
    once = (first_occurrence(first) & (first > 0)).sum(axis=1)
    return (known == k) & (once == k)


def score(handed: Handed, counting: Counting, k: int) -> dict[str, FloatArray]:
    """Recall, NDCG and MRR at k of every user, counted so, whoever is in the denominator. [n_users] each."""
    lists = handed.lists
    kept = lists > 0
    if counting.masked:
        kept &= ~handed.owned
    if not counting.repeats:
        kept &= first_occurrence(lists)
    places = np.cumsum(kept, axis=1)
    hits = kept & (lists == handed.targets[:, None]) & (places <= k)
    first = np.where(hits, 1.0 / np.maximum(places, 1), 0.0).max(axis=1, initial=0.0)
    gains = np.where(hits, 1.0 / np.log2(np.maximum(places, 1) + 1.0), 0.0).sum(axis=1)
    return {f"recall@{k}": hits.sum(axis=1).astype(np.float64), f"ndcg@{k}": gains, f"mrr@{k}": first}


def every_way(handed: Handed, k: int, seed: int) -> tuple[AuditRow, ...]:
    """All eight, the strict one first; a denominator of nobody is left out."""
    ways = [Counting(s, m, r) for s, m, r in product((False, True), (True, False), (False, True))]
    full = survivors(handed, k)
    rows: list[AuditRow] = []
    for way in ways:
        who = full if way.survivors else np.ones(len(full), np.bool_)
        if not who.any():
            continue
        values = {name: found[who] for name, found in score(handed, way, k).items()}
        spread = intervals(np.stack(list(values.values()), axis=1), stream(seed, "bootstrap"))
        rows.append(AuditRow(way, int(who.sum()), dict(zip(values, spread, strict=True))))
    return tuple(rows)


def reading(rows: tuple[AuditRow, ...], k: int) -> tuple[str, str]:
    """What the table says, in two lines."""
    metric = f"ndcg@{k}"
    by_way = {row.counting: row for row in rows}
    strict = by_way[STRICT]
    best = max(rows, key=lambda row: row.metrics[metric].mean)
    base, most = strict.metrics[metric].mean, best.metrics[metric].mean
    if len(rows) == 8 and all(row.metrics[metric].mean == base for row in rows):
        return f"Every way gives NDCG@{k} {base:.4f}: nothing of it is counting.", (
            f"{strict.n_users:,} users are in the denominator, those without a hit too."
        )
    share = 100 * (most - base) / most if most else 0.0
    first = (
        f"Counted strictly ({STRICT.spoken}) NDCG@{k} is {base:.4f} over {counted(strict.n_users, 'user')}; counted most kindly "
        f"({best.counting.spoken}) {most:.4f} over {best.n_users:,}: {share:.1f} % of that figure is counting."
    )
    single = {
        "survivors only": Counting(True, True, False),
        "history left in": Counting(False, False, False),
        "repeats kept": Counting(False, True, True),
    }
    said = [
        f"{name} {by_way[way].metrics[metric].mean - base:+.4f}" if way in by_way else f"{name}: nobody is left"
        for name, way in single.items()
    ]
    return first, f"One choice at a time: {', '.join(said)}."
