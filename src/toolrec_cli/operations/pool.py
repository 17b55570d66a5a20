"""Many users at once: threads, for work that waits for a server. The one place where anything runs beside anything else."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 30.0
"""Seconds that those in flight get to end when something stops the rest: what they ask for is paid for already."""

_LOOK = 0.5
"""Seconds after which Ctrl-C is heard at the latest: the system may wake another thread by it than the one that waits."""


@dataclass(frozen=True)
class _Ended(Generic[R]):
    """One piece of work: what it gave, or why it gave nothing."""

    result: list[R]
    error: BaseException | None


class _InFlight(Generic[T, R]):
    """The pieces of work that were begun, and what has become of them.

    Waiting and taking are two steps, so that an interrupt, which comes between two of them, finds whatever has ended still here.
    """

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work
        self._ended: deque[_Ended[R]] = deque()
        self._changed = threading.Event()
        self.number = 0
        """How many were begun and not taken."""

    def begin(self, item: T) -> None:
        """Work on `item`, in a thread that nobody waits for when it is left behind."""
        threading.Thread(target=self._run, args=(item,), daemon=True).start()
        self.number += 1

    def _run(self, item: T) -> None:
        try:
            self._ended.append(_Ended([self._work(item)], None))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the results are taken
            self._ended.append(_Ended([], error))
        self._changed.set()

    def take(self, deadline: float = float("inf")) -> _Ended[R] | None:
        """The next that has ended; None at the deadline (of `time.monotonic`)."""
        while not self._ended:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._changed.wait(min(_LOOK, left))
            self._changed.clear()
        self.number -= 1
        return self._ended.popleft()


def each(items: Iterable[T], work: Callable[[T], R], concurrency: int = 1, patience: float = PATIENCE) -> Iterator[R]:
    """`work` of every item, as it ends; at most `concurrency` are in flight, and no result waits for more than that.

    `items` are taken one by one, here, as there is room, and one more, since it may take its time to be made: so it is
    made while those in flight wait. With a concurrency of 1 there is no thread. Whatever `work` raises (a budget is
    spent, a provider fails), or Ctrl-C, starts no more: those in flight get `patience` seconds to end, their results come,
    and then it is raised; whoever takes longer is left behind.
    """
    if concurrency == 1:
        yield from map(work, items)
        return
    stopped: BaseException | None = None
    in_flight, waiting = _InFlight(work), iter(items)
    try:
        following = list(islice(waiting, 1))
        while stopped is None:
            while in_flight.number < concurrency and following:
                in_flight.begin(following[0])
                following = list(islice(waiting, 1))
            if not in_flight.number or (ended := in_flight.take()) is None:
                return
            stopped = ended.error
            yield from ended.result
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    yield from _last(in_flight, patience)
    raise stopped


def _last(in_flight: _InFlight[T, R], patience: float) -> Iterator[R]:
    """What those in flight still give."""
    deadline = time.monotonic() + patience
    while in_flight.number and (ended := in_flight.take(deadline)) is not None:
        yield from ended.result
