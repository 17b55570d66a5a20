"""Tables and outcome are read off the record in the order asked, by however many processes."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations import deriving, running
from toolrec_cli.operations.deriving import Outcome, derive
from toolrec_cli.operations.exploring import recommend
from toolrec_cli.operations.processes import can_fork
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.running import Pace, chunks
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir, open_run

TABLES = ("steps.parquet", "rankings.parquet")

forks = pytest.mark.skipif(not can_fork(), reason="processes are forked on Linux only")


@pytest.fixture
def run(tiny_workspace: Path, tmp_path: Path) -> RunDir:
    """Forty users, on record in the order opposite to that in which they were asked."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path / "w"))
    dataset = Dataset(workspace / "datasets" / "sample")
    ids = dataset.users["user_id"].to_list()[:40]
    found, _ = recommend(Setting(workspace, out=tmp_path / "run"), dataset, ids)
    log = found.path / "trajectories.jsonl"
    log.write_bytes(b"".join(reversed(log.read_bytes().splitlines(keepends=True))))
    return open_run(found.path)


def record_of(run: RunDir) -> Record:
    ids = pl.read_parquet(run.path / "asked.parquet")["user_id"].to_list()
    return Record(run.path / "trajectories.jsonl", ids)


@forks
@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_read_what_one_reads(run: RunDir, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(deriving, "_AT_ONCE", 7)
    outcome = derive(run, record_of(run), "surrogate")
    alone = [(run.path / name).read_bytes() for name in TABLES]
    assert outcome == Outcome.of(record_of(run))
    assert outcome.users == 40
    assert derive(run, record_of(run), "surrogate", workers) == outcome
    assert [(run.path / name).read_bytes() for name in TABLES] == alone


def test_where_threads_are_about_one_process_reads() -> None:
    """What is forked beside a thread may hang for ever."""
    assert Pace(workers=3).readers(10, asked=False) == (3 if can_fork() else 1)
    assert Pace(workers=3).readers(10, asked=True) == 1
    assert Pace(workers=3, runner=object()).readers(10, asked=False) == 1  # type: ignore[arg-type]
    assert Pace(concurrency=4).readers(5000, asked=False) == 1


def test_users_are_dealt_out_in_blocks_that_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = np.arange(80)
    assert [len(part) for part in chunks(everybody, 2)] == [64, 16]
    assert [len(part) for part in chunks(everybody, 2, smallest=8)] == [10] * 8
    monkeypatch.setattr(running, "_SMALLEST", 8)
    assert [len(part) for part in chunks(everybody, 2)] == [10] * 8
