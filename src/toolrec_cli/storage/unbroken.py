"""Files that belong together are written together, though somebody presses Ctrl-C between them."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_HELD_BACK = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def unbroken() -> Generator[None]:
    """Within, Ctrl-C and SIGTERM wait until the end; then they do what they do. Meant for moments.

    Handlers are exchanged, not signals blocked: a process with several threads gets a signal in any of them. Signals are the
    main thread's affair, so that in any other nothing has to be held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    # What was not installed from Python (None) cannot be put back, and is left alone.
    ours = [number for number in _HELD_BACK if signal.getsignal(number) is not None]
    before = {number: signal.signal(number, note) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
