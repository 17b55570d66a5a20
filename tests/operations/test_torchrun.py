"""toolrec pretrain in two real processes that torchrun starts: the curve of one process, one writer, and no loss by kill -9."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from toolrec_cli.app import app
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.resuming_training import resume_pretrain
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, pretrain
from toolrec_cli.storage.run_dir import open_run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kill -9 and /proc as Linux has them")

SHORT = ["--epochs", "4", "--embedding-size", "16", "--n-layers", "1", "--max-length", "20", "--batch-size", "16"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

SLOWLY = """
import sys, time
from toolrec_cli import app
from toolrec_cli.operations import keeping
save = keeping.save_state
keeping.save_state = lambda *given: (save(*given), time.sleep(1))
app.main()
"""
"""toolrec, a second behind each epoch's state."""


def start(workspace: Path, *words: str, before: tuple[str, ...] = ("-m", "toolrec_cli")) -> subprocess.Popen[str]:
    """`pretrain` in two processes."""
    argv = [*TORCHRUN, *before, "pretrain", *words, "-w", str(workspace)]
    env = {**os.environ, "TERM": "dumb"}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def call(workspace: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    child = start(workspace, *words)
    out, err = child.communicate(timeout=120)
    return child.returncode, out, err


def curve(run: Path) -> list[tuple[float, float, int]]:
    """Loss, NDCG@10 and positions by epoch."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["loss"], line["ndcg"], line["positions"]) for line in lines]


def children(pid: int) -> list[int]:
    """The processes that torchrun has started, by rank."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ranks = {re.search(rb"(?:^|\0)RANK=(\d+)", Path(f"/proc/{each}/environ").read_bytes()): int(each) for each in pids}
    return [each for _, each in sorted((int(found[1]), each) for found, each in ranks.items() if found)]


@pytest.fixture(scope="module")
def two(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A whole training in two processes, and what it answered."""
    out = tmp_path_factory.mktemp("two") / "run"
    code, answer, said = call(tiny_workspace, *SHORT, "--json", "--out", str(out))
    assert code == 0, said
    return out, json.loads(answer)


def test_two_processes_have_the_curve_of_one(two: tuple[Path, Any], tiny_workspace: Path, tmp_path: Path) -> None:
    words = [*SHORT, "--threads", "1", "--out", str(tmp_path / "one"), "-w", str(tiny_workspace)]
    assert CliRunner().invoke(app, ["pretrain", *words]).exit_code == 0
    one, other = curve(tmp_path / "one"), curve(two[0])
    assert [positions for _, _, positions in one] == [positions for _, _, positions in other]
    noise = max(abs(loss - same) for (loss, _, _), (same, _, _) in zip(one, other, strict=True))
    assert noise < 0.02
    assert one[0][0] - one[-1][0] > 0.05  # it learns more than that


def test_one_process_answers_and_writes(two: tuple[Path, Any]) -> None:
    run, answer = two
    manifest = open_run(run).manifest
    assert manifest.status == "done"
    assert manifest.result["processes"] == 2
    assert (answer["run"], len(curve(run))) == (str(run), 4)
    assert {path.name for path in run.iterdir()} == {"run.json", "metrics.jsonl", "model", "learning-curve.svg"}


@pytest.mark.skipif("TEST_DIST" not in os.environ, reason="takes half a minute: make test-dist")
@pytest.mark.parametrize("victim", [0, 1])
def test_kill_9_of_either_process_costs_an_epoch_at_most(
    two: tuple[Path, Any], tiny_workspace: Path, tmp_path: Path, victim: int
) -> None:
    out = tmp_path / "run"
    script = tmp_path / "slowly.py"
    script.write_text(SLOWLY)
    child = start(tiny_workspace, *SHORT, "--out", str(out), before=(str(script),))
    while not (out / "resume" / "state.json").exists():
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)
    os.kill(children(child.pid)[victim], signal.SIGKILL)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    if victim == 1:
        said = " ".join(err.split())
        assert f"Go on: torchrun --nproc-per-node 2 -m toolrec_cli pretrain --resume {out}" in said
        assert open_run(out).manifest.status == "interrupted"
    code, _, err = call(tiny_workspace, "--resume", str(out))
    assert code == 0, err
    assert curve(out) == curve(two[0])
    assert open_run(out).manifest.result["digest"] == open_run(two[0]).manifest.result["digest"]


def test_a_run_begun_in_two_processes_goes_on_in_two(
    two: tuple[Path, Any], tiny_workspace: Path, tmp_path: Path
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    dataset = Dataset(tiny_workspace / "datasets" / "sample")
    plan = BackbonePlan(shape={"embedding_size": 8}, training=TrainingSettings(epochs=3), threads=1)
    n_epochs = iter(range(2))
    with pytest.raises(KeyboardInterrupt):
        pretrain(
            Setting(tiny_workspace, out=tmp_path / "r"),
            dataset,
            plan,
            lambda _: next(n_epochs, None) is None and stop(None),
        )
    with pytest.raises(UsageError, match="was begun in 1 process, not in 2") as caught:
        resume_pretrain(open_run(tmp_path / "r"), dataset, ranks=Ranks(0, 2, 0, 2))
    assert caught.value.hint == f"Type: toolrec pretrain --resume {tmp_path / 'r'}"


@pytest.mark.parametrize(
    ("rank", "said"), [("0", "recommend works in one process, pretrain alone in several."), ("1", "")]
)
def test_other_verbs_do_not_work_in_several_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rank: str, said: str
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "RANK": rank}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["recommend", "--user", "3", "-w", str(tmp_path)])
    assert (result.exit_code, result.stdout, list(tmp_path.iterdir())) == (2, "", [])
    assert said in result.stderr
    assert bool(result.stderr) == bool(said)
