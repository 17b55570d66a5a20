"""Ctrl-C: a real signal to a real process. Exit code 130, a sentence, and only what is worth keeping is kept."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli import app
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, Terminated
from toolrec_cli.models import store
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import open_run

Run = Callable[..., CompletedProcess[str]]
Interrupt = Callable[..., CompletedProcess[str]]

STOPPED = "Error: Stopped.\nHint: Nothing was finished, and nothing half-done is left behind.\n"
KEPT = "Error: Stopped.\nHint: Kept: {}.\n"
RESUMABLE = "Error: Stopped.\nHint: Kept: {0}. Go on: toolrec {1} --resume {0}\n"

LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
"""Also where the tests run in the background, with the signal ignored."""

SLOW_WRITING = """
import time
import polars
write = polars.DataFrame.write_parquet
polars.DataFrame.write_parquet = lambda *args, **options: (write(*args, **options), time.sleep(60))
"""
"""Each table of a data set takes a minute."""

SLOW_EPOCHS = """
import time
from toolrec_cli.models import training
training._one_epoch = lambda *_, **__: time.sleep(60)
"""
"""The first epoch takes a minute."""

SLOW_USERS = """
import time
from toolrec_cli.agent.loop import Explorer
explore = Explorer.explore
Explorer.explore = lambda *args: time.sleep(0.3) or explore(*args)
"""
"""Every user takes a third of a second."""


@pytest.fixture(scope="module")
def interrupt(command_line: Callable[..., list[str]], environment: dict[str, str]) -> Interrupt:
    """Starts the program, waits until a file that matches a pattern is there and not empty, and sends the signal."""

    def started(folder: Path, pattern: str, *words: str, before: str = "") -> CompletedProcess[str]:
        argv = command_line(*words, before=LISTENING + before)
        child = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        with child:
            deadline = time.monotonic() + 60
            while not any(path.stat().st_size for path in folder.glob(pattern)):
                assert child.poll() is None, child.communicate()
                assert time.monotonic() < deadline, f"{pattern} never came"
                time.sleep(0.02)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
        return CompletedProcess(argv, child.returncode, out, err)

    return started


def runs(workspace: Path) -> set[str]:
    return {path.name for path in (workspace / "runs").iterdir()}


def test_prep_leaves_nothing(interrupt: Interrupt, tmp_path: Path, log: Path) -> None:
    words = ["prep", "table", "--interactions", str(log / "clicks.csv"), "--user-col", "visitor", "--item-col", "what"]
    said = interrupt(tmp_path, "datasets/.*/items.parquet", *words, "-w", str(tmp_path), before=SLOW_WRITING)
    assert (said.returncode, said.stdout, said.stderr) == (130, "", STOPPED)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_an_encoder_in_its_first_epoch_leaves_nothing(interrupt: Interrupt, workspace: Path) -> None:
    there = runs(workspace)
    words = ["train-encoder", "--attr", "director", "--threads", "1", "-w", str(workspace)]
    said = interrupt(workspace, "runs/*-director-*/run.json", *words, before=SLOW_EPOCHS)
    assert (said.returncode, said.stdout, said.stderr) == (130, "", STOPPED)
    assert runs(workspace) == there


def test_a_training_keeps_its_best_epoch(interrupt: Interrupt, workspace: Path) -> None:
    there = runs(workspace)
    words = ["pretrain", "--epochs", "9999", "--patience", "9999", "--embedding-size", "8", "--threads", "1"]
    out = workspace / "runs" / "interrupted"
    said = interrupt(out, "resume/state.json", *words, "--out", str(out), "-w", str(workspace))
    assert (said.returncode, said.stdout) == (130, "")
    assert said.stderr.endswith(RESUMABLE.format(out, "pretrain"))
    assert runs(workspace) - there == {"interrupted"}
    assert {str(path.relative_to(out)) for path in out.rglob("*")} == {
        "run.json",
        "metrics.jsonl",
        "model",
        "model/config.json",
        "model/weights.safetensors",
        "resume",
        "resume/state.json",
        "resume/state.safetensors",
    }
    manifest = open_run(out).manifest
    assert (manifest.status, set(manifest.outputs)) == (
        "interrupted",
        {
            "metrics.jsonl",
            "model/config.json",
            "model/weights.safetensors",
            "resume/state.json",
            "resume/state.safetensors",
        },
    )
    assert all(file_digest(out / name) == digest for name, digest in manifest.outputs.items())
    epochs = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    best = max(epoch["ndcg"] for epoch in epochs)
    assert json.loads((out / "model" / "config.json").read_text())["validation_ndcg"] == best
    _serves_only_by_name(workspace, best)


def _serves_only_by_name(workspace: Path, ndcg: float) -> None:
    """An interrupted backbone is not taken by default, but may be named."""
    dataset = Dataset(workspace / "datasets" / "sample")
    run, card = store.find_backbone(workspace / "runs", dataset, "interrupted")
    assert (run.name, card.validation_ndcg) == ("interrupted", ndcg)
    assert store.load_backbone(run, dataset)
    assert store.find_backbone(workspace / "runs", dataset, None)[0].name != "interrupted"
    for run in (workspace / "runs").glob("*-pretrain-*"):
        (run / "run.json").unlink()
    with pytest.raises(InputError, match="one was interrupted: name it with --backbone"):
        store.find_backbone(workspace / "runs", dataset, None)


@pytest.mark.parametrize("words", [["recommend", *(f"--user={user}" for user in range(1, 81))], ["eval"]])
def test_whoever_was_explored_is_kept(interrupt: Interrupt, toolrec: Run, workspace: Path, words: list[str]) -> None:
    out = workspace / "runs" / "interrupted"
    said = interrupt(out, "trajectories.jsonl", *words, "--out", str(out), "-w", str(workspace), before=SLOW_USERS)
    assert (said.returncode, said.stdout, said.stderr) == (130, "", RESUMABLE.format(out, words[0]))
    assert {path.name for path in out.iterdir()} == {"run.json", "asked.parquet", "trajectories.jsonl"}
    manifest = open_run(out).manifest
    assert (manifest.status, list(manifest.outputs)) == ("interrupted", ["asked.parquet", "trajectories.jsonl"])
    assert manifest.reason == "KeyboardInterrupt"
    shown = toolrec("replay", "interrupted", "--json", "-w", workspace)
    assert shown.returncode == 0
    asked = [json.loads(line)["user_id"] for line in shown.stdout.splitlines()]
    assert 1 <= len(asked) < 80
    assert asked == [str(user) for user in range(1, 1 + len(asked))]


def test_sigterm_before_the_command_line_is_made_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def terminated() -> None:
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(app, "app", terminated)
    try:
        with pytest.raises(SystemExit) as left:
            app.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert left.value.code == 143
