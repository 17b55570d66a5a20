"""kill -9 in the midst of a real training; what goes on from there ends as if nothing had happened, to the bit."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.resuming_training import find_interrupted, resume_pretrain
from toolrec_cli.operations.setting import Call, Setting
from toolrec_cli.operations.training import BackbonePlan, pretrain
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.lock import holding
from toolrec_cli.storage.run_dir import RESUME, RunDir, open_run

PLAN = BackbonePlan(
    shape={"embedding_size": 16, "n_layers": 1, "n_heads": 2, "max_length": 20},
    training=TrainingSettings(epochs=6, batch_size=16),
    threads=1,
)

SLOWLY = """
import sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_resuming import PLAN, opened, setting
from toolrec_cli.operations import keeping, training
workspace, save = Path(sys.argv[2]), keeping.save_state
keeping.save_state = lambda *given: (save(*given), time.sleep(0.5))
training.pretrain(setting(workspace, "killed"), opened(workspace), replace(PLAN, name=sys.argv[3]))
"""
"""The same training, half a second behind each epoch's state."""


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def setting(workspace: Path, name: str) -> Setting:
    return Setting(workspace, seed=5, out=workspace / "runs" / name, call=Call(("/bin/toolrec", "pretrain", "a b")))


def killed(workspace: Path, backbone: str, epochs: int) -> RunDir:
    """A training that was killed when so many epochs were kept."""
    argv = [sys.executable, "-c", SLOWLY, str(Path(__file__).parent), str(workspace), backbone]
    child = subprocess.Popen(argv)
    state, deadline = workspace / "runs" / "killed" / RESUME / "state.json", time.monotonic() + 300
    while not state.is_file() or len(json.loads(state.read_text())["epochs"]) < epochs:
        assert child.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    return open_run(workspace / "runs" / "killed")


def figures(run: RunDir) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return [{name: each[name] for name in ("epoch", "loss", "ndcg", "best", "positions")} for each in lines]


@pytest.mark.parametrize("backbone", ["sasrec", "bert4rec"])
def test_a_killed_training_goes_on_to_the_same_weights_and_metrics(backbone: str, workspace: Path) -> None:
    whole = pretrain(setting(workspace, "whole"), opened(workspace), replace(PLAN, name=backbone))
    run = killed(workspace, backbone, epochs=2)
    assert run.manifest.status == "running"
    assert len(figures(run)) < len(figures(whole)) == 6
    (run.path / ".resume.abc.partial").mkdir(exist_ok=True)  # as a death in the middle of writing a state leaves it
    (run.path / ".resume.abc.partial" / "state.safetensors").write_bytes(b"half")
    with (run.path / "metrics.jsonl").open("a") as log:
        log.write('{"epoch": 3, "lo')  # cut off by the death
    resumed = resume_pretrain(find_interrupted(Setting(workspace), "killed"), opened(workspace))
    assert figures(resumed) == figures(whole)
    for name in ("weights.safetensors", "config.json"):
        assert file_digest(resumed.path / "model" / name) == file_digest(whole.path / "model" / name)
    one, other = resumed.manifest, whole.manifest
    assert (one.status, one.seed, one.result["digest"]) == ("done", other.seed, other.result["digest"])
    assert set(one.outputs) == set(other.outputs)
    assert not (run.path / RESUME).exists()
    assert not list(run.path.glob(".*.partial"))
    with pytest.raises(InputError, match="is finished"):
        find_interrupted(Setting(workspace), "killed")


def test_one_that_was_stopped_after_its_last_epoch_is_finished(workspace: Path) -> None:
    run = killed(workspace, "sasrec", epochs=6)
    assert resume_pretrain(run, opened(workspace)).manifest.result["epochs"] == 6


def test_one_that_is_at_work_is_left_alone(workspace: Path) -> None:
    run = killed(workspace, "sasrec", epochs=1)
    lock = str(run.path / ".lock")
    script = f"import fcntl, os, time; fcntl.flock(os.open({lock!r}, 66), 2); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(InputError, match="Another process is at work"):
            resume_pretrain(run, opened(workspace))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    with holding(run.path):
        pass


def test_without_a_whole_epoch_one_begins_anew(workspace: Path) -> None:
    run = pretrain(setting(workspace, "early"), opened(workspace), PLAN)
    run.update(status="running")
    with pytest.raises(InputError, match="before its first epoch was over") as caught:
        resume_pretrain(run, opened(workspace))
    assert caught.value.hint == "Begin anew: toolrec pretrain 'a b'"


def test_another_data_set_is_refused(workspace: Path) -> None:
    run = pretrain(setting(workspace, "other"), opened(workspace), PLAN)
    run.update(status="running", dataset_digest="00")
    with pytest.raises(InputError, match="another 'sample' than is prepared now"):
        resume_pretrain(run, opened(workspace))


def test_only_a_backbone_can_go_on(workspace: Path) -> None:
    name = next((workspace / "runs").glob("*-train-encoder-*")).name
    with pytest.raises(InputError, match="is a run of train-encoder, not of pretrain"):
        find_interrupted(Setting(workspace), name)


def test_a_failure_while_going_on_keeps_what_there_is(workspace: Path) -> None:
    run = killed(workspace, "sasrec", epochs=2)

    def fail(epoch: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        resume_pretrain(run, opened(workspace), fail)
    assert open_run(run.path).manifest.status == "interrupted"
    assert resume_pretrain(open_run(run.path), opened(workspace)).manifest.status == "done"
