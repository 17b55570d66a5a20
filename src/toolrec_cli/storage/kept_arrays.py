"""Arrays that took long to compute, in a folder of bounded size: whole or absent, read without being loaded, known by name.

A cache: what is lost, altered or crowded out is computed again, and nothing is refused for its sake.
"""

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.storage.atomic import make_folder, replacing, write_json
from toolrec_cli.storage.digests import file_digest

LIMIT = 2 << 30
"""Bytes that a folder may hold."""
LONG = 3600.0
"""Seconds after which nobody is writing a file any more that has not grown."""
OF_THE_DISK = 0.25
"""What would take more than this share of the room that is left on the disk is not kept."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Kept:
    """An array as it lies on the disk, mapped into memory (writing to it changes no file), and what is known of it."""

    array: Array
    about: dict[str, Any]


@dataclass(frozen=True)
class _Card:
    """NAME.json, written last. `sha256` is that of NAME.npy."""

    sha256: str
    about: dict[str, Any]


class KeptArrays:
    """The arrays in a folder, by names that say what they come from."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder, self._limit = folder, limit

    def find(self, name: str) -> Kept | None:
        """The array of that name; None where there is none, or it is not as it was written."""
        array, card = self._array(name), self._card(name)
        try:
            told = _Card(**json.loads(card.read_bytes()))
            if file_digest(array) != told.sha256:
                return None
            found = Kept(np.load(array, mmap_mode="c", allow_pickle=False), told.about)
        except (OSError, ValueError, TypeError):  # not there, half of it, or another's
            return None
        with suppress(OSError):  # a folder that may only be read serves as it is
            os.utime(card)
        return found

    def keep(self, name: str, array: Array, about: dict[str, Any]) -> None:
        """Keep it, if there is room: what was used longest ago makes room within the limit, and none beyond it.

        Raises OSError where nothing can be written.
        """
        make_folder(self._folder)
        if array.nbytes > min(self._limit, OF_THE_DISK * shutil.disk_usage(self._folder).free):
            return
        self.forget(name)
        self._make_room(array.nbytes)
        with replacing(self._array(name)) as temporary:
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            digest = file_digest(temporary)
        write_json(self._card(name), asdict(_Card(digest, about)))

    def forget(self, beginning: str) -> None:
        """Remove all whose names begin so. Who has one mapped keeps it until he is done."""
        for path in self._folder.glob(f"{beginning}*"):
            path.unlink(missing_ok=True)

    def _clear_away(self) -> None:
        """Remove what was being written when somebody was killed, long ago."""
        for path in self._folder.glob(".*.partial"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LONG:
                    path.unlink()

    def _make_room(self, n_bytes: int) -> None:
        """Remove arrays, and what is left of them without a card, until so many bytes more fit."""
        self._clear_away()
        sizes: dict[Path, int] = {}
        for path in self._folder.glob("*.npy"):
            with suppress(FileNotFoundError):  # another process has removed it
                sizes[path] = path.stat().st_size
        for path in sorted(sizes, key=_used):
            if sum(sizes.values()) + n_bytes <= self._limit:
                return
            self.forget(path.stem)
            del sizes[path]

    def _array(self, name: str) -> Path:
        return self._folder / f"{name}.npy"

    def _card(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _used(array: Path) -> float:
    """When it was last used; never, where it has no card."""
    try:
        return array.with_suffix(".json").stat().st_mtime
    except FileNotFoundError:
        return 0.0
