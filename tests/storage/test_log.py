"""A log of lines: whatever happens while one is appended, every line in it is whole."""

import os
from pathlib import Path

import pytest

from toolrec_cli.storage.log import AppendLog, has_lines, trim


def test_lines_are_appended_and_told_where_they_begin(tmp_path: Path) -> None:
    with AppendLog(tmp_path / "log") as log:
        assert [log.append(b"one\n"), log.append(b"three\n")] == [0, 4]
    with AppendLog(tmp_path / "log") as log:
        assert log.append(b"x\n") == 10
    assert (tmp_path / "log").read_bytes() == b"one\nthree\nx\n"


def test_the_file_is_there_as_soon_as_it_has_a_line(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "log")
    log.close()
    assert not (tmp_path / "log").exists()
    log.append(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"
    log.close()
    log.close()
    assert log.append(b"two\n") == 4
    log.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_line_that_is_half_written_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def half(file: int, data: memoryview) -> int:
        write(file, data[: len(data) // 2])
        raise KeyboardInterrupt

    with AppendLog(tmp_path / "log") as log:
        log.append(b"one\n")
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(KeyboardInterrupt):
            log.append(b"three\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_a_line_that_is_all_there_stays_though_a_signal_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def interrupted(file: int, data: memoryview) -> int:
        write(file, data)
        raise KeyboardInterrupt

    with AppendLog(tmp_path / "log") as log:
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.append(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"
    assert has_lines(tmp_path / "log")


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\nthr")
    assert (trim(tmp_path / "log"), trim(tmp_path / "log"), trim(tmp_path / "none")) == (3, 0, 0)
    assert (tmp_path / "log").read_bytes() == b"one\n"
    (tmp_path / "log").write_bytes(b"thr")
    assert not has_lines(tmp_path / "log")
