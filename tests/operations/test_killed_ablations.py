"""An ablation or a stress test that is killed goes on to the same tables: nobody is tried twice, nothing is made again."""

import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import Child, Zygote, until
from polars.testing import assert_frame_equal

from toolrec_cli.storage.run_dir import open_run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")

CLOCKED = ("CPU ms",)
"""What is measured by a clock is another number each time."""

ASKED = {
    "memory": ["eval", "--ablate", "memory"],
    "attributes": ["eval", "--ablate", "attributes", "--noise", "1,2"],
    "parts": ["eval", "--ablate", "parts"],
    "encoders": ["eval", "--ablate", "encoders"],
    "ids": ["stress", "ids", "--rate", "20"],
    "histories": ["stress", "histories"],
}
N_USERS = "12"


@pytest.fixture(scope="module")
def place(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace to make many runs in."""
    return Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("kill") / "w"))


def lines(run: Path) -> list[dict[str, Any]]:
    """What is on record, on whole lines."""
    log = run / "variants.jsonl"
    return [json.loads(line) for line in (log.read_bytes().split(b"\n")[:-1] if log.exists() else [])]


def killed_after(child: Child, run: Path, n: int, number: signal.Signals) -> int:
    log = run / "variants.jsonl"
    until(lambda: log.exists() and log.read_bytes().count(b"\n") >= n, child)
    child.send(number)
    return child.end().returncode


def unclocked(report: Any) -> Any:
    rows = [
        {**row, "measured": {n: v for n, v in row["measured"].items() if n not in CLOCKED}} for row in report["rows"]
    ]
    return {**report, "rows": rows}


@pytest.mark.parametrize("kind", list(ASKED))
def test_killed_twice_it_goes_on_to_the_same_tables(zygote: Zygote, place: Path, tmp_path: Path, kind: str) -> None:
    words = [*ASKED[kind], "--users", N_USERS, "-w", place]
    whole, run, resume = (
        tmp_path / "whole",
        tmp_path / "run",
        [ASKED[kind][0], "--resume", tmp_path / "run", "-w", place],
    )
    said = zygote.call(*words, "--out", whole)
    assert said.returncode == 0, said.stderr
    expected = json.loads((whole / "report.json").read_text())
    n = int(N_USERS) * len(expected["rows"])
    assert killed_after(zygote.start(*words, "--out", run, slow=0.002), run, n // 3, signal.SIGKILL) == -9
    first = lines(run)
    made = {path.name: path.stat().st_ino for path in run.glob("made/*.safetensors")}
    assert killed_after(zygote.start(*resume, slow=0.002), run, 2 * n // 3, signal.SIGTERM) == 143
    second = lines(run)
    assert second[: len(first)] == first
    assert len({(line["variant"], line["place"]) for line in second}) == len(second)
    assert made.items() <= {path.name: path.stat().st_ino for path in run.glob("made/*.safetensors")}.items()
    assert bool(made) == (kind in ("attributes", "parts"))
    said = zygote.call(*resume, "--json")
    assert said.returncode == 0, said.stderr
    assert unclocked(json.loads(said.stdout)) == unclocked(expected)
    assert json.loads((run / "report.json").read_text()) == json.loads(said.stdout)
    assert_frame_equal(pl.read_parquet(run / "rankings.parquet"), pl.read_parquet(whole / "rankings.parquet"))
    tables = [
        pl.read_parquet(each / "variants.parquet").filter(~pl.col("figure").is_in(CLOCKED)) for each in (run, whole)
    ]
    assert_frame_equal(*tables)
    assert (run / "variants.svg").read_bytes() == (whole / "variants.svg").read_bytes()
    assert open_run(run).manifest.outputs.keys() == open_run(whole).manifest.outputs.keys()


def test_who_is_on_record_is_not_tried_again(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    """Read off a record that nobody can have made: the list of the first user, which the surrogate would never name."""
    run = tmp_path / "run"
    words = ["eval", "--ablate", "rounds", "--max-rounds", "2", "--users", "5", "-w", place]
    killed_after(zygote.start(*words, "--out", run, slow=0.02), run, 3, signal.SIGKILL)
    log = run / "variants.jsonl"
    told = [{**line, "items": [1, 2, 3]} for line in lines(run)]
    log.write_text("".join(json.dumps(line) + "\n" for line in told))
    assert zygote.call("eval", "--resume", run, "-w", place).returncode == 0
    lists = pl.read_parquet(run / "rankings.parquet").group_by("row", "user_id").len()
    assert (lists["len"] == 3).sum() == len(told)


@pytest.fixture
def stopped(zygote: Zygote, place: Path, tmp_path: Path) -> Callable[..., Path]:
    """A run of these words that was stopped by Ctrl-C."""

    def stop(*words: str) -> Path:
        run = tmp_path / "run"
        child = zygote.start(*words, "--users", "20", "--out", run, "-w", place, slow=0.01)
        assert killed_after(child, run, 5, signal.SIGINT) == 130
        return run

    return stop


def test_ctrl_c_says_how_to_go_on_and_so_does_the_list_of_runs(zygote: Zygote, place: Path) -> None:
    run = place / "runs" / "stopped"
    for verb, words in (("eval", ["eval", "--ablate", "rounds"]), ("stress", ["stress", "histories"])):
        child = zygote.start(*words, "--out", run, "-w", place, slow=0.01)
        until(lambda: (run / "variants.jsonl").exists(), child)
        child.send(signal.SIGINT)
        said = child.end()
        assert f"Go on: toolrec {verb} --resume {run}" in said.stderr
        assert open_run(run).manifest.status == "interrupted"
        listed = zygote.call("runs", "-w", place)
        assert f"Go on: toolrec {verb} --resume stopped" in listed.stderr
        assert "0 of 80" not in listed.stdout
        shutil.rmtree(run)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--max-rounds", "3"], "plan.agent.limits.max_rounds was 7, now 3"),
        (["--seed", "1"], "seed was 42, now 1"),
        (["--ablate", "memory"], "cannot go on as memory: it is of rounds."),
        (["--users", "9"], "--users cannot be given with --resume"),
    ],
)
def test_another_question_is_not_gone_on_with(
    zygote: Zygote, place: Path, stopped: Callable[..., Path], typed: list[str], message: str
) -> None:
    run = stopped("eval", "--ablate", "rounds")
    said = zygote.call("eval", "--resume", run, *typed, "-w", place)
    assert (said.returncode, message in said.stderr) == (2, True), said.stderr
    assert zygote.call("eval", "--resume", run, "-w", place).returncode == 0


def test_a_finished_one_is_shown_and_left_alone(zygote: Zygote, place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    began = zygote.call("stress", "histories", "--users", "5", "--out", run, "--json", "-w", place)
    there = (run / "run.json").read_bytes()
    again = zygote.call("stress", "--resume", run, "--json", "-w", place)
    assert (again.returncode, again.stdout, (run / "run.json").read_bytes()) == (0, began.stdout, there)


def test_killed_when_all_was_written_it_is_finished_without_reading_anything_again(
    zygote: Zygote, place: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert zygote.call("stress", "histories", "--users", "5", "--out", run, "-w", place).returncode == 0
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "status": "running", "finished": None, "outputs": {}}))
    said = zygote.call("stress", "--resume", run, "-w", place)
    assert (said.returncode, "unstressed" in said.stdout) == (0, True), said.stderr
    assert open_run(run).manifest.outputs.keys() == manifest["outputs"].keys()
