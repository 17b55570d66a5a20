"""A disk that fills up: exit code 3, a sentence, and nothing half-written, whoever notices it first."""

import errno
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import polars as pl
import pytest
import safetensors.torch
from safetensors import SafetensorError

from toolrec_cli.storage import atomic
from toolrec_cli.storage.log import AppendLog

Run = Callable[..., CompletedProcess[str]]

COLUMNS = ["--user-col", "visitor", "--item-col", "what", "--name", "shop"]


def raising(error: Exception) -> Callable[..., None]:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    return fails


no_space = raising(OSError(errno.ENOSPC, "No space left on device", "some file"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def full(said: CompletedProcess[str]) -> bool:
    """Whether the program said so, on stderr alone."""
    return (said.returncode, said.stdout, "No space left on device" in said.stderr) == (3, "", True)


@pytest.mark.parametrize("nth", [1, 2])
def test_prep_leaves_no_directory(
    toolrec: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    write, calls = pl.DataFrame.write_parquet, []

    def fails_later(frame: pl.DataFrame, path: Path, **options: Any) -> None:
        calls.append(path)
        no_space() if len(calls) == nth else write(frame, path, **options)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fails_later)
    said = toolrec("prep", "table", "--interactions", log / "clicks.csv", *COLUMNS, "-w", tmp_path)
    assert full(said)
    assert said.stderr == (
        "Error: No space left on device (some file).\n"
        "Hint: Make room or choose another --workspace; nothing half-written is left behind.\n"
    )
    assert len(calls) == nth
    assert names(tmp_path / "datasets") == []


@pytest.mark.parametrize(
    "where", ["data.preparing.staged.Staged.append", "data.preparing.writing.parquet.ParquetWriter"]
)
def test_prep_leaves_no_directory_when_the_interactions_do_not_fit(
    toolrec: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(f"toolrec_cli.{where}", no_space)
    assert full(toolrec("prep", "table", "--interactions", log / "clicks.csv", *COLUMNS, "-w", tmp_path))
    assert names(tmp_path / "datasets") == []


def test_prep_leaves_no_directory_when_the_card_does_not_fit(
    toolrec: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic.os, "fsync", no_space)
    assert full(toolrec("prep", "table", "--interactions", log / "clicks.csv", *COLUMNS, "-w", tmp_path))
    assert names(tmp_path / "datasets") == []


def test_prep_with_force_keeps_the_old_data_set(
    toolrec: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["prep", "table", "--interactions", log / "clicks.csv", *COLUMNS, "-w", tmp_path]
    assert toolrec(*words).returncode == 0
    old = {path.name: path.read_bytes() for path in (tmp_path / "datasets" / "shop").iterdir()}
    monkeypatch.setattr(pl.DataFrame, "write_parquet", no_space)
    assert full(toolrec(*words, "--force"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "datasets" / "shop").iterdir()} == old
    assert names(tmp_path / "datasets") == ["shop"]


IN_POLARS = pl.exceptions.ComputeError(
    "parquet: File out of specification: underlying IO error: No space left on device (os error 28)"
)
IN_SAFETENSORS = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
"""What these libraries raise on a full disk: errors of their own, which are no OSError."""


def test_a_full_disk_as_polars_meets_it(
    toolrec: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl.DataFrame, "write_parquet", raising(IN_POLARS))
    assert full(toolrec("prep", "table", "--interactions", log / "clicks.csv", *COLUMNS, "-w", tmp_path))
    assert names(tmp_path / "datasets") == []


def test_a_full_disk_as_safetensors_meets_it(toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = names(workspace / "runs")
    monkeypatch.setattr(safetensors.torch, "save_file", raising(IN_SAFETENSORS))
    small = ["--epochs", "1", "--embedding-size", "8", "--max-length", "10", "--threads", "1"]
    assert full(toolrec("pretrain", *small, "-w", workspace))
    assert names(workspace / "runs") == there


@pytest.mark.parametrize("words", [["recommend", "--user", "42"], ["eval", "--users", "3"]])
def test_recommend_and_eval_leave_no_run(
    toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    there = names(workspace / "runs")
    monkeypatch.setattr(AppendLog, "append", no_space)
    assert full(toolrec(*words, "-w", workspace))
    assert names(workspace / "runs") == there
