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
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.resuming_training import find_interrupted, resume_encoder, resume_pretrain
from toolrec_cli.operations.setting import Call, Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
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
from test_resuming import PLAN, opened, setting, train
from toolrec_cli.operations import keeping
workspace, what, seconds = Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
save = keeping.save_state
keeping.save_state = lambda *given: (save(*given), time.sleep(seconds))
train(workspace, "killed", what, often=seconds < 0.5)
"""
"""The same training, so many seconds behind each state; below half a second, one is kept behind every step."""

ENCODERS = {"frozen": False, "full": True}
OFTEN = 1e-9
"""In minutes: behind every step."""


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def setting(workspace: Path, name: str) -> Setting:
    return Setting(workspace, seed=5, out=workspace / "runs" / name, call=Call(("/bin/toolrec", "pretrain", "a b")))


def train(workspace: Path, name: str, what: str, *, often: bool = False) -> RunDir:
    """A backbone, or an encoder on the workspace's: "frozen" or "full"."""
    minutes = OFTEN if often else 0.0
    if what in ENCODERS:
        plan = EncoderPlan(
            "genre",
            shape={"embedding_size": 8},
            training=TrainingSettings(epochs=3, batch_size=16),
            threads=1,
            full=ENCODERS[what],
            checkpoint_minutes=minutes,
        )
        return train_encoder(setting(workspace, name), opened(workspace), plan)
    return pretrain(setting(workspace, name), opened(workspace), replace(PLAN, name=what, checkpoint_minutes=minutes))


def resume(run: RunDir, workspace: Path) -> RunDir:
    if run.manifest.verb == "pretrain":
        return resume_pretrain(run, opened(workspace))
    return resume_encoder(Setting(workspace), run, opened(workspace))


def kept(run: Path) -> dict[str, Any]:
    """state.json, as it is now; empty while there is none."""
    try:
        return json.loads((run / RESUME / "state.json").read_text())
    except FileNotFoundError:
        return {}


def killed(workspace: Path, what: str, epochs: int, steps: int = 0) -> RunDir:
    """A training that was killed when so many epochs (epoch 0 being one) and so many steps of the next were kept."""
    seconds = "0.2" if steps else "0.5"
    argv = [sys.executable, "-c", SLOWLY, str(Path(__file__).parent), str(workspace), what, seconds]
    child = subprocess.Popen(argv)
    path, deadline = workspace / "runs" / "killed", time.monotonic() + 300

    def far_enough() -> bool:
        state = kept(path)
        begun = state.get("begun") or {}
        return len(state.get("epochs", ())) >= epochs and begun.get("steps", 0) >= steps

    while not far_enough():
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


@pytest.mark.parametrize("what", ["sasrec", "bert4rec", "frozen", "full"])
def test_one_killed_in_the_midst_of_an_epoch_goes_on_there(what: str, workspace: Path) -> None:
    """The first epoch of a backbone, of which nothing but the state is there; the second of an encoder."""
    whole = train(workspace, "whole", what)
    run = killed(workspace, what, epochs=0 if what not in ENCODERS else 2, steps=2)
    begun = kept(run.path)["begun"]
    assert (begun["epoch"], begun["steps"] >= 2) == (1 if what not in ENCODERS else 2, True)
    resumed = resume(find_interrupted(Setting(workspace), "killed", run.manifest.verb), workspace)
    assert figures(resumed) == figures(whole)
    for name in ("weights.safetensors", "config.json"):
        assert file_digest(resumed.path / "model" / name) == file_digest(whole.path / "model" / name)
    assert resumed.manifest.status == "done"
    assert resumed.manifest.result.get("controls") == whole.manifest.result.get("controls")
    assert not (run.path / RESUME).exists()


def test_an_encoder_stopped_within_its_first_epoch_goes_on_and_may_end_as_it_began(workspace: Path) -> None:
    """Its epoch 0 is written down with the state; by a rate of nothing no later epoch is better."""
    plan = EncoderPlan(
        "genre",
        shape={"embedding_size": 8},
        training=TrainingSettings(epochs=2, batch_size=16, learning_rate=0.0),
        threads=1,
        controls=False,
        checkpoint_minutes=OFTEN,
    )
    steps = iter(range(3))

    def stop(*_: object) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        train_encoder(setting(workspace, "killed"), opened(workspace), plan, progress=stop)
    run = open_run(workspace / "runs" / "killed")
    assert stopped.value.__notes__[-1] == f"Go on: toolrec train-encoder --resume {run.path}"
    assert [line["epoch"] for line in figures(run)] == [0]
    resumed = resume(run, workspace)
    assert [line["epoch"] for line in figures(resumed)] == [0, 1, 2]
    assert resumed.manifest.result["best_epoch"] == 0


def test_an_encoder_whose_backbone_is_another_by_now_is_refused(workspace: Path) -> None:
    run = killed(workspace, "frozen", epochs=1, steps=1)
    run.update(inputs={"backbone": "00"})
    with pytest.raises(InputError, match="was begun on another backbone"):
        resume(run, workspace)


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
    with pytest.raises(UsageError, match="is a run of train-encoder, not of pretrain"):
        find_interrupted(Setting(workspace), name)


def test_a_failure_while_going_on_keeps_what_there_is(workspace: Path) -> None:
    run = killed(workspace, "sasrec", epochs=2)

    def fail(epoch: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        resume_pretrain(run, opened(workspace), fail)
    assert open_run(run.path).manifest.status == "interrupted"
    assert resume_pretrain(open_run(run.path), opened(workspace)).manifest.status == "done"
