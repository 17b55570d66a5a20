"""One run, many users: everybody's exploration goes on record as it ends, whatever stops the run."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from toolrec_cli.operations.record import Record
from toolrec_cli.operations.runners.local import Local
from toolrec_cli.operations.running import BLOCK, IntArray, Job, OnStep, Pace, Then
from toolrec_cli.progress import Progress, silent

if TYPE_CHECKING:
    from toolrec_cli.operations.exploring import Agent
    from toolrec_cli.operations.modelling import Speaker

__all__ = ["BLOCK", "OnStep", "Pace", "ask"]

T = TypeVar("T")


def ask(
    agent: "Agent",
    users: IntArray,
    record: Record,
    then: Then[T],
    *,
    again: bool = False,
    on_step: OnStep | None = None,
    progress: Progress = silent,
    pace: Pace | None = None,
) -> Iterator[T]:
    """Explore for those of `users` (user_index) who are not on record, and record them; what `then` makes of each, as it ends.

    With `again` it gets those on record too. Watched by `on_step`, it is one user after the other. Nobody is asked twice.
    """
    pace = pace or Pace()
    runner = pace.runner or Local()
    positions = np.arange(len(users)) if again else record.missing
    clock = _Clock(progress, len(users) - len(positions), len(users), agent.speaker)
    job = Job(agent, users, record, then, pace, on_step)
    with agent.speaker.asked_for(int(record.missing.size), job.threads) if agent.speaker else nullcontext():
        for done in runner.explore(job, positions):
            if done.line is not None:
                record.add(done.position, done.line)
            yield done.made
            clock.tick()


class _Clock:
    """Tells how far it is, how fast, and what a language model was asked, over the whole run so far."""

    def __init__(self, progress: Progress, done: int, total: int, speaker: "Speaker | None") -> None:
        self._speaker = speaker
        self._progress, self._done, self._total = progress, done, total
        self._began, self._first = time.monotonic(), done

    def tick(self) -> None:
        self._done += 1
        rate = (self._done - self._first) / max(time.monotonic() - self._began, 1e-9)
        said = f"{rate:,.0f} users/s" if rate >= 10 else f"{rate:.2f} users/s"
        said = f"{said} · {self._speaker.progress}" if self._speaker else said
        self._progress("users", self._done, self._total, said)
