"""Not too many at once, and not too many a minute."""

import threading
import time
from collections.abc import Callable

from toolrec_cli.errors import UsageError
from toolrec_cli.llm.messages import ChatModel, Reply, Request


class Bucket:
    """A token bucket: `per_minute` a minute on average, at most a second's worth of them at once. Thread-safe.

    `clock` and `sleep` are in seconds; tests hand in their own.
    """

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises UsageError for a rate that is not above 0."""
        if per_minute <= 0:
            raise UsageError(f"--rpm is above 0, not {per_minute:g}.")
        self._interval = 60.0 / per_minute
        self._burst = max(1.0, per_minute / 60.0)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._tokens, self._at = self._burst, clock()

    def take(self) -> None:
        """Wait for one's turn. Turns are given in the order of asking."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval) - 1.0
            self._at = now
            wait = max(0.0, -self._tokens * self._interval)
        if wait > 0:
            self._sleep(wait)


class Paced:
    """`inner`, asked by at most `concurrency` threads at once, and not more often than the bucket gives."""

    def __init__(self, inner: ChatModel, concurrency: int, bucket: Bucket | None = None) -> None:
        self._inner, self._bucket = inner, bucket
        self._places = threading.BoundedSemaphore(concurrency)

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer, when it is one's turn. Raises what the inner model raises."""
        with self._places:
            if self._bucket is not None:
                self._bucket.take()
            return self._inner.reply(request)
