"""Whole or absent: whatever happens while something is written, its place holds all of it, all of the old, or nothing."""

import errno
import json
import math
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.small_disk import room_for
from toolrec_cli.storage.atomic import building, replacing, unhidden, write_json, write_text


class Full(OSError):
    """The disk is full."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


MISHAPS: list[type[BaseException]] = [Full, KeyboardInterrupt, SystemExit, ValueError]


def write_half_and_raise(path: Path, mishap: type[BaseException]) -> NoReturn:
    path.write_text("half of the n")
    raise mishap


def tree(folder: Path) -> dict[str, str]:
    """Every file below, hidden ones too, with its text."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.parent == tmp_path
    assert tree(tmp_path) == {"a.txt": "half"}


def test_a_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert tree(tmp_path) == {"a.txt": "new"}


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("before", [{}, {"a.txt": "old"}])
def test_a_file_stays_as_it_was_when_writing_fails(
    tmp_path: Path, mishap: type[BaseException], before: dict[str, str]
) -> None:
    for name, text in before.items():
        write_text(tmp_path / name, text)
    with pytest.raises(mishap), replacing(tmp_path / "a.txt") as temporary:
        write_half_and_raise(temporary, mishap)
    assert tree(tmp_path) == before


def test_no_room_for_a_file_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OSError, match="File too large"), room_for(1000):
        write_text(tmp_path / "a.txt", "new" * 10_000)
    assert tree(tmp_path) == {"a.txt": "old"}


def test_no_room_for_a_directory_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_text(tmp_path / "model" / "a.txt", "old")
    with pytest.raises(OSError, match="File too large"), room_for(1000), building(tmp_path / "model") as temporary:
        write_text(temporary / "a.txt", "new" * 10_000)
    assert tree(tmp_path) == {"model/a.txt": "old"}
    assert listed(tmp_path) == ["model"]


def test_a_file_that_was_never_written_replaces_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    assert tree(tmp_path) == {"a.txt": "old"}


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as one, replacing(tmp_path / "a.txt") as other:
        one.write_text("one")
        other.write_text("other")
    assert tree(tmp_path) == {"a.txt": "one"}  # the outer one ended last


def test_json_is_for_people_too(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"film": "Amélie", "years": [2001]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == (
        '{\n  "film": "Amélie",\n  "years": [\n    2001\n  ]\n}\n'
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": {1, 2}}, {"a": object()}])
def test_what_is_not_json_leaves_the_old_file(tmp_path: Path, value: Any) -> None:
    write_json(tmp_path / "a.json", "old")
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", value)
    assert tree(tmp_path) == {"a.json": '"old"\n'}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=25)
@given(value=json_values)
def test_json_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_a_directory_appears_when_it_is_whole(tmp_path: Path) -> None:
    with building(tmp_path / "new" / "model") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text("a")
        assert not (tmp_path / "new" / "model").exists()
        assert temporary.parent == tmp_path / "new"
    assert tree(tmp_path) == {"new/model/inner/a.txt": "a"}
    assert listed(tmp_path / "new") == ["model"]


def test_a_directory_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with building(tmp_path / "model") as temporary:
            (temporary / f"{name}.txt").write_text(name)
    assert tree(tmp_path) == {"model/new.txt": "new"}
    assert listed(tmp_path) == ["model"]


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("before", [{}, {"model/a.txt": "old", "model/inner/b.txt": "old"}])
def test_a_directory_stays_as_it_was_when_building_fails(
    tmp_path: Path, mishap: type[BaseException], before: dict[str, str]
) -> None:
    for name, text in before.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(tmp_path / name, text)
    with pytest.raises(mishap), building(tmp_path / "model") as temporary:
        write_half_and_raise(temporary / "a.txt", mishap)
    assert tree(tmp_path) == before
    assert listed(tmp_path) == (["model"] if before else [])


def test_a_directory_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path: Path) -> None:
    """What was built is gone when the block ends, so that the last rename fails."""
    with building(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text("old")
    with pytest.raises(OSError, match="No such file"), building(tmp_path / "model") as temporary:
        temporary.rmdir()
    assert tree(tmp_path) == {"model/a.txt": "old"}
    assert listed(tmp_path) == ["model"]


def test_a_full_disk_behind_a_librarys_own_error_is_brought_to_light() -> None:
    with pytest.raises(OSError, match="No space left") as caught, unhidden(ValueError):
        raise ValueError("IoError: No space left on device (os error 28)")
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_librarys_error_that_hides_nothing_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"^odd$"), unhidden(ValueError):
        raise ValueError("odd")
    with pytest.raises(KeyError), unhidden(ValueError):
        raise KeyError("(os error 28)")
