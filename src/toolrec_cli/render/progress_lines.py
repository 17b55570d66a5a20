"""Progress where nobody is at a terminal: plain lines, at the start of a stage, now and then, and at the end of a long one."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]
Clock = Callable[[], float]

QUIET = 2.0
"""Seconds within which nothing is said: what is over so soon needs no lines."""

APART = 30.0
"""Seconds between two lines on one stage; a stage that took longer than that gets a last one."""


@dataclass
class _Stage:
    """What is under way: how far it was when it was first heard of, and is now."""

    task: str
    began: float
    first: int
    done: int
    total: int
    note: str = ""
    told: bool = False
    """Whether what is to be known of it was said otherwise, or its end was."""


class Lines:
    """A progress callback that says lines.

    A task is announced when it is first heard of, and no line follows another sooner than `APART`, but the last of a stage that
    took longer. `clock` counts seconds.
    """

    def __init__(self, say: Say, clock: Clock = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._began = self._said = clock()
        self._announced: set[str] = set()
        self._stage: _Stage | None = None

    def update(self, task: str, done: int, total: int, note: str = "") -> None:
        """What every callback of progress is told."""
        now = self._clock()
        if self._stage is None or self._stage.task != task or done < self._stage.done:
            self._end(now)
            self._stage = _Stage(task, now, done, done, total)
        stage = self._stage
        stage.done, stage.total, stage.note = done, total, note
        if now - self._began < QUIET:
            return
        if done >= total:
            self._end(now)
        elif task not in self._announced or now - self._said >= APART:
            self._announced.add(task)
            self._line(stage, now)

    def told(self) -> None:
        """Somebody else has just said how far the stage is: that is a line on it, too."""
        self._said = self._clock()
        if self._stage is not None:
            self._stage.told = True

    def close(self) -> None:
        """Nothing more comes."""
        self._end(self._clock())

    def _end(self, now: float) -> None:
        stage = self._stage
        if stage is not None and not stage.told and now - stage.began > APART:
            self._line(stage, now, ended=True)
        if stage is not None:
            stage.told = True

    def _line(self, stage: _Stage, now: float, *, ended: bool = False) -> None:
        self._said = now
        seconds, made = now - stage.began, stage.done - stage.first
        self._say(spoken(stage.task, stage.done, stage.total, stage.note, seconds, made, ended=ended))


def spoken(task: str, done: int, total: int, note: str, seconds: float, made: int, *, ended: bool) -> str:
    """ "users: 1,200 of 6,040 · 20 % · 40 a second · 1,200 calls · 2 min 1 s left", where `made` of them took so many `seconds`.

    A note that tells a rate of its own ("40 users/s") is believed. Of what has `ended` is said how long it took.
    """
    counts = [f"{done:,} of {total:,}", f"{math.floor(100 * done / total)} %"] if total > 1 else []
    each = seconds / made if made > 0 else 0.0
    pace = [_rate(1 / each)] if each and "/s" not in note else []
    left = [f"{duration(each * (total - done))} left"] if each and not ended else []
    took = [f"took {duration(seconds)}"] if ended else []
    said = " · ".join([*counts, *pace, *filter(None, [note]), *left, *took])
    return f"{task}: {said}" if said else task


def _rate(a_second: float) -> str:
    """ "40 a second", "2.5 a second", "12 a minute", "3 an hour"."""
    for amount, of in ((a_second, "a second"), (a_second * 60, "a minute")):
        if amount >= 1:
            return f"{amount:,.0f} {of}" if amount >= 10 else f"{amount:.1f} {of}"
    return f"{a_second * 3600:.1f} an hour"


def duration(seconds: float) -> str:
    """ "42 s", "3 min 5 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
