"""Many users at once: threads, for work that waits for a server. The one place where anything runs beside anything else."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 30.0
"""Seconds that those in flight get to end when something stops the rest: what they ask for is paid for already."""


@dataclass(frozen=True)
class _Ended(Generic[R]):
    """One piece of work: what it gave, or why it gave nothing."""

    result: list[R]
    error: BaseException | None


def each(items: Iterable[T], work: Callable[[T], R], concurrency: int = 1, patience: float = PATIENCE) -> Iterator[R]:
    """`work` of every item, as it ends; at most `concurrency` are in flight, and no result waits for more than that.

    `items` are taken one by one, here, as there is room. With a concurrency of 1 there is no thread. Whatever `work` raises
    (a budget is spent, a provider fails), or Ctrl-C, starts no more: those in flight get `patience` seconds to end, their
    results come, and then it is raised; whoever takes longer is left behind.
    """
    if concurrency == 1:
        yield from map(work, items)
        return
    ended: queue.SimpleQueue[_Ended[R]] = queue.SimpleQueue()
    in_flight, waiting, stopped = 0, iter(items), None
    try:
        for item in waiting:
            _start(work, item, ended)
            in_flight += 1
            if in_flight < concurrency:
                continue
            found = ended.get()
            in_flight -= 1
            stopped = found.error
            yield from found.result
            if stopped:
                break
        while in_flight and not stopped:
            found = ended.get()
            in_flight -= 1
            stopped = found.error
            yield from found.result
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    if stopped:
        yield from _last(ended, in_flight, patience)
        raise stopped


def _start(work: Callable[[T], R], item: T, ended: "queue.SimpleQueue[_Ended[R]]") -> None:
    def run() -> None:
        try:
            ended.put(_Ended([work(item)], None))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the results are taken
            ended.put(_Ended([], error))

    threading.Thread(target=run, daemon=True).start()  # nobody waits for one that is left behind


def _last(ended: "queue.SimpleQueue[_Ended[R]]", in_flight: int, patience: float) -> Iterator[R]:
    """What those in flight still give."""
    deadline = time.monotonic() + patience
    for _ in range(in_flight):
        try:
            found = ended.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        yield from found.result
