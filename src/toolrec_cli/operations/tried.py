"""variants.jsonl: what every variant made of every user, on record as it is made, and read back when the run goes on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from toolrec_cli.errors import InputError
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.storage.log import AppendLog

IntArray = npt.NDArray[np.int64]
FILE = "variants.jsonl"


@dataclass(frozen=True)
class Tried:
    """What one variant made of one user: item_index, best first, and what was counted on the way, by name."""

    items: IntArray
    counts: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass
class Trial:
    """A variant under way: its lists, [n_users, n], 0 where one is short; who has been tried; and the sums of the counts."""

    lists: IntArray
    done: npt.NDArray[np.bool_]
    counts: dict[str, float] = field(default_factory=dict[str, float])

    def note(self, place: int, tried: Tried) -> None:
        """One user more."""
        self.lists[place] = padded(tried.items, self.lists.shape[1])
        self.done[place] = True
        for name, count in tried.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class TriedLog:
    """The log, and what it amounts to so far. Holds a list a variant and user, and no trajectory."""

    def __init__(self, path: Path, n_users: int, n: int) -> None:
        """Raises InputError when a line cannot be read, or is of nobody who was asked."""
        self._path, self._shape = path, (n_users, n)
        self._trials: dict[str, Trial] = {}
        self._log = AppendLog(path)
        if path.exists():
            self._read()

    def __enter__(self) -> "TriedLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()

    def trial(self, name: str) -> Trial:
        """How far the variant `name` is."""
        if name not in self._trials:
            n_users, n = self._shape
            self._trials[name] = Trial(np.zeros((n_users, n), np.int64), np.zeros(n_users, np.bool_))
        return self._trials[name]

    def add(self, name: str, place: int, tried: Tried) -> None:
        """Put on record what the variant `name` made of the user asked at `place` (from 0)."""
        line = {"variant": name, "place": place, "items": tried.items.tolist(), "counts": dict(tried.counts)}
        self._log.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.trial(name).note(place, tried)

    def _read(self) -> None:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    said: dict[str, Any] = from_json(line)
                    tried = Tried(np.array(said["items"], dtype=np.int64), said["counts"])
                    self.trial(said["variant"]).note(int(said["place"]), tried)
                except (ValueError, KeyError, TypeError, IndexError) as error:
                    raise InputError(
                        f"{self._path}, line {number}, cannot be read.", hint="Run it anew, with another --out."
                    ) from error
