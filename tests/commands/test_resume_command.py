"""toolrec pretrain --resume, typed."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from toolrec_cli.storage.run_dir import open_run

Run = Callable[..., CompletedProcess[str]]

ONE_EPOCH = """
from toolrec_cli.operations import keeping
save = keeping.save_state
def once(*args):
    save(*args)
    raise KeyboardInterrupt
keeping.save_state = once
"""
"""Stopped when the first epoch's state is kept."""

SHORT = ["--epochs", "2", "--embedding-size", "8", "--threads", "1"]


def test_a_finished_run_is_not_gone_on_with(toolrec: Run, workspace: Path) -> None:
    made = json.loads(toolrec("pretrain", *SHORT, "--json", "-w", workspace).stdout)["run"]
    said = toolrec("pretrain", "--resume", made, "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"{made} is finished." in said.stderr.replace("\n", " ")


def test_what_is_typed_besides_is_refused(toolrec: Run, workspace: Path) -> None:
    said = toolrec("pretrain", "sample", "--resume", "x", "--epochs", "3", "--json", "-w", workspace)
    assert (said.returncode, said.stdout) == (2, "")
    assert "leave out dataset, --epochs." in said.stderr


def test_an_interrupted_run_goes_on_and_answers(toolrec: Run, process: Run, workspace: Path) -> None:
    words = ["pretrain", *SHORT, "--out", "run", "-w", "."]
    stopped = process(*words, before=ONE_EPOCH, cwd=workspace)
    assert stopped.returncode == 130
    assert stopped.stderr.endswith("Hint: Kept: run. Go on: toolrec pretrain --resume run\n")
    assert open_run(workspace / "run").manifest.status == "interrupted"
    answer = json.loads(toolrec("pretrain", "--resume", workspace / "run", "--json", "-w", workspace).stdout)
    assert (answer["run"], answer["epochs"], open_run(workspace / "run").manifest.status) == (
        str(workspace / "run"),
        2,
        "done",
    )
