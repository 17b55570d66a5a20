"""Whether retrieval goes through an index, and which: found in the workspace's cache, or built there once for each item table."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError
from toolrec_cli.models.encoding import FloatArray, encode
from toolrec_cli.models.item_index import ItemIndex, build_index, installed, open_index, table_digest
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream
from toolrec_cli.storage.atomic import make_folder
from toolrec_cli.storage.lock import one_at_a_time

LARGE = 1_000_000
"""Up to so many items every one is scored, unless an index is asked for."""
LEAST = 0.95
"""An index that finds less of what exact search finds is used only where it is asked for."""
SAMPLE = 200
"""Users for whom recall is measured."""

EXACT, INDEX = "exact", "index"
PLAIN = "none"
"""What the backbone's own index is called, as the attribute is."""


@dataclass(frozen=True)
class Indexes:
    """The index of every tool, by attribute; and why there is none where one was to be expected."""

    by_attribute: Mapping[str | None, ItemIndex] = field(default_factory=dict[str | None, ItemIndex])
    why_not: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """The digests, as the manifest holds them."""
        return {f"index:{name or PLAIN}": index.card.sha256 for name, index in self.by_attribute.items()}

    @property
    def result(self) -> dict[str, Any]:
        """What is told of them, by attribute; empty where every item is scored and nothing else was to be expected."""
        found: dict[str, Any] = {name or PLAIN: asdict(each.card) for name, each in self.by_attribute.items()}
        return ({"indexes": found} if found else {}) | ({"unindexed": self.why_not} if self.why_not else {})


def find_indexes(
    setting: Setting, dataset: Dataset, scorer: BlockScorer, part: Part | None, wanted: str | None, progress: Progress
) -> Indexes:
    """The indexes that are used: none where `wanted` is "exact"; where it is None, of more than a million items if they are good.

    Raises UsageError where one is asked for and cannot be had, InputError for one that is stale or altered.
    """
    if wanted == EXACT or (wanted is None and len(dataset.catalog) <= LARGE):
        return Indexes()
    if wanted is None and not installed():
        return Indexes(why_not="faiss is not installed: pip install 'toolrec-cli[ann]'")
    folder = (setting.workspace / "cache" / "indexes").resolve()  # other processes have other current folders
    queries = _Sample(setting, dataset, scorer, part)
    found = {name: _one(folder, name, table, queries, progress) for name, table in scorer.tables.items()}
    worst = min(found.values(), key=lambda index: index.card.recall).card
    if wanted is None and worst.recall < LEAST:
        return Indexes(why_not=f"an index finds only {worst.recall:.1%} of what exact search finds")
    return Indexes(found)


class _Sample:
    """The query vectors of some users, made when somebody wants them."""

    def __init__(self, setting: Setting, dataset: Dataset, scorer: BlockScorer, part: Part | None) -> None:
        self._setting, self._dataset, self._scorer, self._part = setting, dataset, scorer, part
        self._found: Mapping[str | None, FloatArray] | None = None

    def of(self, attribute: str | None) -> FloatArray:
        """[n_users, D] of a tool; users without a history have none. Raises InputError where nobody has one."""
        if self._found is None:
            n = self._dataset.n_users
            users = np.sort(stream(self._setting.seed, "index recall").choice(n, min(n, SAMPLE), replace=False))
            histories = self._dataset.before(self._part, users=users).of(users)
            kept = np.flatnonzero(histories.lengths())
            if not len(kept):
                raise InputError("Nobody has a history to measure an index with.", hint="Add --retrieval exact")
            self._found = encode(self._scorer.backbone, self._scorer.encoders, histories.of(kept))
        return self._found[attribute]


def _one(folder: Path, name: str | None, table: FloatArray, sample: _Sample, progress: Progress) -> ItemIndex:
    """A tool's index: the one that is there, or that another process is just building; else it is built."""
    digest, said = table_digest(table), f"index {name or PLAIN}"
    path = folder / f"{digest[:16]}.faiss"
    with suppress(FileNotFoundError):
        return open_index(path, digest)
    make_folder(folder)
    with one_at_a_time(folder, lambda: progress(said, 0, len(table) - 1, "another process builds it")):
        with suppress(FileNotFoundError):
            return open_index(path, digest)
        return build_index(path, table, sample.of(name), lambda done, total: progress(said, done, total))
