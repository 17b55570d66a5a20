"""A run that is killed, whenever and however, goes on to the same lists: everybody once, nobody asked twice.

The moments are drawn by a seed. KILLS says how many (default 12; `make test-kill` takes 200), KILL_SEED draws others.
"""

import json
import os
import re
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import ENDS, KILLED, Zygote, len_of, moments, on_record, until
from polars.testing import assert_frame_equal

from toolrec_cli.operations.exploring import recommend
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.lock import FILE as LOCK
from toolrec_cli.storage.run_dir import open_run

N_USERS = 80

TOLD = {"who": "built-in", "questions": 0, "re-asked": 0}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as Linux has them")


@pytest.fixture(scope="module")
def place(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace to make many runs in; `whole` in it is a run that nobody disturbed."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("kill") / "w"))
    from toolrec_cli.data.dataset import Dataset

    dataset = Dataset(workspace / "datasets" / "sample")
    recommend(Setting(workspace, out=workspace / "whole"), dataset, dataset.users["user_id"].to_list())
    return workspace


def assert_as_if_nothing_had_happened(run: Path, place: Path) -> None:
    manifest = open_run(run).manifest
    assert manifest.status == "done"
    assert sorted(on_record(run)) == sorted(on_record(place / "whole"))
    for name in ("rankings.parquet", "steps.parquet"):
        assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(place / "whole" / name))
    assert sorted((run / "trajectories.jsonl").read_bytes().splitlines()) == sorted(
        (place / "whole" / "trajectories.jsonl").read_bytes().splitlines()
    )
    assert manifest.outputs == {path.name: file_digest(path) for path in run.iterdir() if path.name != "run.json"}
    assert manifest.result == {**open_run(place / "whole").manifest.result, "users": N_USERS}


def begin(place: Path, run: Path, *words: str) -> list[str | Path]:
    return ["recommend", "--users", "all", "--out", run, "-w", place, *words]


@pytest.mark.parametrize(("n", "kind", "when"), moments(12))
def test_killed_at_any_moment_it_goes_on_to_the_same_lists(
    zygote: Zygote, place: Path, tmp_path: Path, n: int, kind: str, when: float, record_property: Callable[..., None]
) -> None:
    """Every other time it is killed once more while it goes on; every third, with two processes at work."""
    run = tmp_path / "run"
    workers = ["--workers", "2"] if n % 3 == 2 else []
    words = begin(place, run, *workers)
    kills = 0
    for nth in range(1 + n % 2):
        before = len(on_record(run))
        child = zygote.start(*(words if nth == 0 else ["recommend", "--resume", run, "-w", place, *workers]))
        wanted = before + int(when * (N_USERS - before))
        until(lambda wanted=wanted: len_of(run) > wanted or (run / "rankings.parquet").exists(), child)
        time.sleep(when * 0.004)
        child.send(getattr(signal, kind))
        said = child.end()
        there = on_record(run)
        kills += said.returncode != 0
        assert len(there) == len(set(there))
        assert said.returncode in (0, ENDS[kind]), said.stderr
        if said.returncode > 0:
            assert open_run(run).manifest.status == "interrupted"
            assert f"Go on: toolrec recommend --resume {run}" in said.stderr
            assert not (run / LOCK).exists()
    kept = (run / "trajectories.jsonl").read_bytes()
    said = zygote.call("recommend", "--resume", run, "-w", place).stderr
    assert_as_if_nothing_had_happened(run, place)
    whole = kept[: kept.rfind(b"\n") + 1]
    assert (run / "trajectories.jsonl").read_bytes().startswith(whole), f"somebody was asked twice: {said}"
    record_property(KILLED, {**TOLD, "signal": kind, "kills": kills, "resumed": int(kills > 0)})


def test_an_evaluation_goes_on_to_the_same_report(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert zygote.call("eval", "--out", whole, "-w", place).returncode == 0
    child = zygote.start("eval", "--out", run, "-w", place)
    until(lambda: len_of(run) > 30, child)
    child.send(signal.SIGKILL)
    child.end()
    said = zygote.call("eval", "--resume", run, "-w", place, "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == json.loads((whole / "report.json").read_text())
    for name in ("rankings.parquet", "per_user.parquet", "steps.parquet"):
        assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(whole / name))


def test_a_disk_that_fills_up_costs_nobody_on_record(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = zygote.call(*begin(place, run), limit=300_000)
    assert said.returncode == 3
    assert re.search(r"Error: File too large.*\nHint: Make room .* Go on: toolrec recommend --resume", said.stderr)
    assert (run / "trajectories.jsonl").read_bytes().endswith(b"\n")
    manifest = open_run(run).manifest
    assert (manifest.status, 0 < len(on_record(run)) < N_USERS) == ("interrupted", True)
    again = zygote.call("recommend", "--resume", run, "-w", place, limit=300_000)
    assert again.returncode == 3
    assert zygote.call("recommend", "--resume", run, "-w", place).returncode == 0
    assert_as_if_nothing_had_happened(run, place)


def test_a_read_only_directory_is_said_and_costs_nothing(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    said = zygote.call(*begin(place, locked / "run"), modest=True)
    assert (said.returncode, list(locked.iterdir())) == (3, [])
    assert "Permission denied" in said.stderr
    run = interrupted(zygote, place, tmp_path)
    there = contents(run)
    run.chmod(stat.S_IRUSR | stat.S_IXUSR)
    said = zygote.call("recommend", "--resume", run, "-w", place, modest=True)
    assert said.returncode == 3
    assert "Permission denied" in said.stderr
    assert contents(run) == there
    run.chmod(stat.S_IRWXU)
    assert zygote.call("recommend", "--resume", run, "-w", place).returncode == 0
    assert_as_if_nothing_had_happened(run, place)


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != LOCK}


def interrupted(zygote: Zygote, place: Path, folder: Path) -> Path:
    """A run that was killed at about a third."""
    run = folder / "run"
    child = zygote.start(*begin(place, run))
    until(lambda: len_of(run) > 25, child)
    child.send(signal.SIGKILL)
    child.end()
    return run


def test_a_torn_last_line_is_cut_off_and_said(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = interrupted(zygote, place, tmp_path)
    log = run / "trajectories.jsonl"
    whole = log.read_bytes()[: log.read_bytes().rfind(b"\n") + 1]
    log.write_bytes(whole + whole.splitlines()[0][:777])
    assert zygote.call("recommend", "--resume", run, "-w", place).returncode == 0
    assert_as_if_nothing_had_happened(run, place)
    assert open_run(run).manifest.resumed[0]["torn_bytes"] == 777


def test_a_clock_that_goes_back_changes_nothing(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = interrupted(zygote, place, tmp_path)
    said = zygote.call("recommend", "--resume", run, "-w", place, clock=-86_400)
    assert said.returncode == 0, said.stderr
    manifest = open_run(run).manifest
    assert manifest.resumed[0]["started"] < manifest.started
    assert_as_if_nothing_had_happened(run, place)


def test_a_second_process_on_one_run_is_refused(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    child = zygote.start(*begin(place, run), slow=0.05)
    until(lambda: len_of(run) > 1, child)
    said = zygote.call("recommend", "--resume", run, "-w", place)
    assert said.returncode == 3
    assert f"{run} is being written by process {child.pid}." in said.stderr
    child.send(signal.SIGINT)
    child.end()
    assert zygote.call("recommend", "--resume", run, "-w", place).returncode == 0
    assert_as_if_nothing_had_happened(run, place)


def test_of_two_that_resume_at_once_one_does_it_all(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = interrupted(zygote, place, tmp_path)
    both = [zygote.start("recommend", "--resume", run, "-w", place, slow=0.01) for _ in range(2)]
    assert sorted(child.end().returncode for child in both) in ([0, 3], [0, 0])
    assert_as_if_nothing_had_happened(run, place)


def test_a_lock_of_the_dead_of_another_start_or_of_a_reused_number_is_taken_over(
    zygote: Zygote, place: Path, tmp_path: Path
) -> None:
    run = interrupted(zygote, place, tmp_path)
    dead = json.loads((run / LOCK).read_text())
    alive = {"pid": os.getppid(), "host": dead["host"]}
    for n, stale in enumerate((dead, {**dead, **alive, "boot": "another"}, {**dead, **alive, "began": "1"})):
        copy = Path(shutil.copytree(run, tmp_path / f"copy-{n}"))
        (copy / LOCK).write_text(json.dumps(stale))
        said = zygote.call("recommend", "--resume", copy, "-w", place)
        assert said.returncode == 0, said.stderr
        assert_as_if_nothing_had_happened(copy, place)


def test_a_lock_of_another_machine_is_respected(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = interrupted(zygote, place, tmp_path)
    (run / LOCK).write_text(json.dumps({"pid": 1, "host": "elsewhere", "boot": "", "began": ""}))
    said = zygote.call("recommend", "--resume", run, "-w", place)
    assert said.returncode == 3
    assert "by process 1 on elsewhere." in said.stderr
    assert f"or remove {run / LOCK} if you know that it is dead" in said.stderr


def drifted(run: Path, **changes: Any) -> None:
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(manifest | changes))


def test_what_matters_may_not_change_unless_it_is_allowed_and_recorded(
    zygote: Zygote, place: Path, tmp_path: Path
) -> None:
    run = interrupted(zygote, place, tmp_path)
    words = ["recommend", "--resume", run, "-w", place]
    for typed, name in ((["--n", "5"], "plan.limits.n was 10, now 5"), (["--seed", "1"], "seed was 42, now 1")):
        said = zygote.call(*words, *typed)
        assert said.returncode == 2
        assert name in said.stderr
        assert "--allow-drift" in said.stderr
    inputs = open_run(run).manifest.inputs
    drifted(run, inputs={**inputs, "encoder:genre": "0" * 64})
    said = zygote.call(*words)
    assert said.returncode == 2
    assert "inputs.encoder:genre was '000000000000…" in said.stderr
    assert zygote.call(*words, "--allow-drift").returncode == 0
    assert list(open_run(run).manifest.resumed[0]["drift"]) == ["inputs.encoder:genre"]


def test_whom_a_run_asks_is_settled(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = interrupted(zygote, place, tmp_path)
    said = zygote.call("recommend", "--resume", run, "--user", "1", "-w", place)
    assert (said.returncode, "--user cannot be given with --resume" in said.stderr) == (2, True)
    said = zygote.call("eval", "--resume", run, "-w", place)
    assert (said.returncode, f"Type: toolrec recommend --resume {run}" in said.stderr) == (2, True)


def test_a_finished_run_is_shown_and_left_alone(zygote: Zygote, place: Path) -> None:
    there = (place / "whole" / "run.json").read_bytes()
    said = zygote.call("recommend", "--resume", place / "whole", "-w", place, "--json")
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.splitlines()) == N_USERS or said.stdout
    assert (place / "whole" / "run.json").read_bytes() == there
