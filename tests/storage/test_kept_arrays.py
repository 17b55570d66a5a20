"""Arrays in a folder of bounded size: exactly what was kept, or nothing."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from toolrec_cli.storage.kept_arrays import KeptArrays

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)
BYTES = 176
"""Of ARRAY as a file: its header and its 48 bytes."""


def test_what_is_kept_is_found_mapped_and_to_the_bit(tmp_path: Path) -> None:
    kept = KeptArrays(tmp_path / "a" / "folder")
    assert kept.find("x") is None
    kept.keep("x", ARRAY, {"seconds": 1.5})
    found = kept.find("x")
    assert found is not None
    assert isinstance(found.array, np.memmap)
    assert (found.array.dtype, found.about) == (np.float32, {"seconds": 1.5})
    np.testing.assert_array_equal(found.array, ARRAY)
    found.array[0] = 7
    np.testing.assert_array_equal(KeptArrays(tmp_path / "a" / "folder").find("x").array, ARRAY)  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", ["cut", "changed", "no card", "half a card", "another's card", "no array"])
def test_what_is_damaged_is_not_there(tmp_path: Path, damage: str) -> None:
    kept = KeptArrays(tmp_path)
    kept.keep("x", ARRAY, {})
    kept.keep("y", ARRAY + 1, {})
    array, card = tmp_path / "x.npy", tmp_path / "x.json"
    whole = array.read_bytes()
    if damage == "cut":
        array.write_bytes(whole[:-1])
    elif damage == "changed":
        array.write_bytes(whole[:-1] + b"\x01")
    elif damage == "no card":
        card.unlink()
    elif damage == "half a card":
        card.write_bytes(card.read_bytes()[:20])
    elif damage == "another's card":
        shutil.copy(tmp_path / "y.json", card)
    else:
        array.unlink()
    assert kept.find("x") is None
    kept.keep("x", ARRAY, {})
    assert kept.find("x") is not None


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    kept = KeptArrays(tmp_path, limit=3 * BYTES)
    for age, name in enumerate("abc"):
        kept.keep(name, ARRAY, {})
        os.utime(tmp_path / f"{name}.json", (age, age))
    assert kept.find("a") is not None  # and so it was used just now
    kept.keep("d", ARRAY, {})
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npy")) <= 3 * BYTES


def test_what_was_left_without_a_card_makes_room_first(tmp_path: Path) -> None:
    """As kill -9 leaves it between the two files."""
    kept = KeptArrays(tmp_path, limit=2 * BYTES)
    kept.keep("a", ARRAY, {})
    kept.keep("b", ARRAY, {})
    (tmp_path / "b.json").unlink()
    kept.keep("c", ARRAY, {})
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c"}


def test_what_is_too_large_is_not_kept_and_crowds_nothing_out(tmp_path: Path) -> None:
    kept = KeptArrays(tmp_path, limit=2 * BYTES)
    kept.keep("a", ARRAY, {})
    kept.keep("large", np.zeros(1000), {})
    assert kept.find("large") is None
    assert kept.find("a") is not None


def test_what_would_fill_the_disk_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptArrays(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 900, 100))  # type: ignore[attr-defined]
    kept.keep("a", ARRAY, {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_forgotten_is_forgotten_by_how_its_name_begins(tmp_path: Path) -> None:
    kept = KeptArrays(tmp_path)
    for name in ("one-1", "one-2", "two-1"):
        kept.keep(name, ARRAY, {})
    held = kept.find("one-1")
    kept.forget("one-")
    assert {path.stem for path in tmp_path.iterdir()} == {"two-1"}
    assert held is not None
    np.testing.assert_array_equal(held.array, ARRAY)
    KeptArrays(tmp_path / "nowhere").forget("one-")


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        KeptArrays(tmp_path).keep("a", ARRAY, {})
    assert list(tmp_path.iterdir()) == []


def test_what_was_being_written_when_somebody_was_killed_is_cleared_away_later(tmp_path: Path) -> None:
    kept, left, young = KeptArrays(tmp_path), tmp_path / ".a.npy.0123.partial", tmp_path / ".b.npy.4567.partial"
    for path in (left, young):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))
    kept.keep("c", ARRAY, {})
    assert not left.exists()
    assert young.exists()  # somebody may be at it
