"""What is written together is, whatever signal comes between."""

import signal
import threading

import pytest

from toolrec_cli.storage.unbroken import unbroken


def test_ctrl_c_waits_for_the_end_and_is_then_raised() -> None:
    done: list[str] = []

    def write() -> None:
        with unbroken():
            done.append("one")
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("other")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert done == ["one", "other"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_raised_within_comes_first_and_handlers_are_as_before() -> None:
    with pytest.raises(KeyError), unbroken():
        raise KeyError("broken")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_came_is_not_lost_to_what_is_raised_within() -> None:
    def fail() -> None:
        with unbroken():
            signal.raise_signal(signal.SIGINT)
            raise KeyError("broken")

    with pytest.raises(KeyboardInterrupt) as caught:
        fail()
    assert isinstance(caught.value.__context__, KeyError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_goes_to_whoever_handled_it() -> None:
    came: list[int] = []
    earlier = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with unbroken():
            signal.raise_signal(signal.SIGTERM)
            assert came == []
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, earlier)


def test_in_another_thread_there_is_nothing_to_hold_back() -> None:
    done: list[int] = []

    def work() -> None:
        with unbroken():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
