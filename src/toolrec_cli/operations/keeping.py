"""What an interrupted training goes on from: a state in its run, behind every epoch and every few minutes within one."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from toolrec_cli.errors import WorkerLost
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.fitting import Watch
from toolrec_cli.models.training_state import KeptState, TrainingState, save_state
from toolrec_cli.operations.training_log import TrainingLog
from toolrec_cli.progress import Progress
from toolrec_cli.storage.run_dir import KEPT, RESUME, RunDir

MINUTES = 5.0
"""After so many a state is kept within an epoch."""


def watching(
    run: RunDir,
    plan: Any,
    log: TrainingLog,
    progress: Progress,
    kept: KeptState | None = None,
    ranks: Ranks | None = None,
) -> Watch:
    """The watch over a training by a settled `plan`, which keeps its state in the run and goes on from the one `kept`.

    The state says by which plan, on how many threads, was trained: so it goes on, whatever would be chosen then.
    """
    exactly = replace(plan, threads=torch.get_num_threads())

    def keep(state: TrainingState) -> None:
        log.worth_keeping()
        save_state(run.path / RESUME, KeptState(state, {"plan": asdict(exactly), "cpu_seconds": log.cpu_seconds}))

    return Watch(
        log.best,
        log.epoch,
        progress,
        keep,
        kept.state if kept else None,
        ranks or Ranks(),
        every=60 * plan.checkpoint_minutes or float("inf"),
    )


def forget_state(run: RunDir) -> None:
    """The training is over: there is nothing to go on with."""
    shutil.rmtree(run.path / RESUME, ignore_errors=True)


@contextmanager
def saying_how_to_go_on(verb: str, launch: str = "toolrec") -> Generator[None]:
    """On Ctrl-C, or where another process is gone, beside what is kept, the command that goes on with it."""
    try:
        yield
    except (KeyboardInterrupt, WorkerLost) as stopped:
        notes: list[str] = getattr(stopped, "__notes__", [])
        kept = [note.removeprefix(KEPT).removesuffix(".") for note in notes if note.startswith(KEPT)]
        if kept and (Path(kept[0]) / RESUME).is_dir():
            stopped.add_note(f"Go on: {launch} {verb} --resume {quote(kept[0])}")
        raise
