"""Many at once: in order of completion, a bounded number in flight, and what is done is kept when something stops the rest."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from toolrec_cli.errors import BudgetSpent, WorkerLost
from toolrec_cli.operations.pool import each
from toolrec_cli.operations.processes import can_fork, each_in_processes

forks = pytest.mark.skipif(not can_fork(), reason="processes are forked on Linux only")


def test_one_at_a_time_needs_no_thread() -> None:
    assert list(each(range(5), lambda n: (n, threading.current_thread()), 1)) == [
        (n, threading.main_thread()) for n in range(5)
    ]


def test_all_results_come_and_no_more_are_in_flight_than_allowed() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(n: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1
        return n

    assert sorted(each(range(200), work, 8)) == list(range(200))
    assert 2 <= most <= 8


def test_they_come_in_order_of_completion() -> None:
    assert list(each([0.2, 0.0], lambda wait: time.sleep(wait) or wait, 2)) == [0.0, 0.2]


def test_items_are_taken_only_as_there_is_room() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    found = each(items(), lambda n: n, 4)
    next(found)
    assert len(taken) <= 5


def test_the_next_item_is_made_while_those_in_flight_wait() -> None:
    """Else all would have ended, and the next block of users would be encoded with nobody in flight."""
    made = threading.Event()

    def items() -> Iterator[int]:
        yield from (0, 1)
        made.set()
        yield 2

    assert sorted(each(items(), lambda n: n if made.wait(5) else -1, 2)) == [0, 1, 2]


@pytest.mark.parametrize("stop", [BudgetSpent("spent"), KeyboardInterrupt()])
def test_what_stops_one_starts_no_more_and_lets_those_in_flight_end(stop: BaseException) -> None:
    started: list[int] = []

    def work(n: int) -> int:
        started.append(n)
        if n == 3:
            raise stop
        time.sleep(0.05)
        return n

    found: list[int] = []
    with pytest.raises(type(stop)):
        found.extend(each(range(100), work, 4))
    assert len(started) < 10
    assert found == [] or set(found) <= set(started)


def test_an_interrupt_that_another_thread_takes_loses_no_result() -> None:
    """The system hands Ctrl-C to whichever thread it likes: the first one learns of it when a result wakes it."""
    found: list[int] = []

    def work(n: int) -> int:
        time.sleep(0.05 * n)
        if n == 1:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return n

    def take() -> None:
        for n in each(range(4), work, 4):
            found.append(n)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        take()
    assert sorted(found) == [0, 1, 2, 3]
    assert time.monotonic() - began < 20, "nobody was waited for who had ended"


def test_an_interrupt_that_another_thread_takes_is_heard_before_anybody_ends() -> None:
    """Else Ctrl-C would wait for the slowest answer."""
    stopped = threading.Event()

    def work(n: int) -> int:
        if n == 0:
            time.sleep(0.3)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        stopped.wait(20)
        return n

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(each(range(2), work, 2, patience=0.1))
    stopped.set()
    assert time.monotonic() - began < 15


def test_those_in_flight_are_kept_by_whoever_takes_them() -> None:
    found: list[int] = []

    def work(n: int) -> int:
        if n == 0:
            raise BudgetSpent("spent")
        time.sleep(0.1)
        return n

    def take() -> None:
        for n in each(range(50), work, 4):
            found.append(n)

    with pytest.raises(BudgetSpent):
        take()
    assert sorted(found) == [1, 2, 3]


def test_whoever_takes_too_long_is_left_behind() -> None:
    def work(n: int) -> int:
        if n == 0:
            raise BudgetSpent("spent")
        time.sleep(5)
        return n

    began = time.monotonic()
    with pytest.raises(BudgetSpent):
        list(each(range(4), work, 4, patience=0.1))
    assert time.monotonic() - began < 3


@forks
def test_processes_give_all_results_of_all_chunks() -> None:
    chunks = [range(0, 5), range(5, 7), range(7, 20)]
    found = list(each_in_processes(chunks, lambda chunk: ((n, os.getpid()) for n in chunk), 2))
    assert sorted(n for n, _ in found) == list(range(20))
    assert os.getpid() not in {pid for _, pid in found}
    assert [n for n, _ in found if n < 5] == list(range(5))


@forks
def test_what_a_process_raises_is_raised_here() -> None:
    def work(chunk: range) -> Iterator[int]:
        yield from chunk
        raise BudgetSpent("spent", hint="more")

    with pytest.raises(BudgetSpent, match="spent") as caught:
        list(each_in_processes([range(3)], work, 2))
    assert caught.value.hint == "more"


@forks
def test_a_process_that_is_killed_is_said() -> None:
    def work(chunk: range) -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerLost, match="was killed by signal 9"):
        list(each_in_processes([range(3)], work, 1))
