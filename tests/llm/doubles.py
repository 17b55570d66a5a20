"""Models without a server."""

import threading
import time
from collections.abc import Callable

from toolrec_cli.llm.messages import Message, Reply, Request, Usage

SECRET = "sk-test-4f9a8c77d21e4b0f"
"""A key, as the tests have it."""

_FIFTEEN = Usage(10, 5)


def question(text: str = "u", **settings: object) -> Request:
    """A question with a system text."""
    return Request((Message("system", "s"), Message("user", text)), **settings)  # type: ignore[arg-type]


class Echo:
    """Says what it was asked last; counts calls and how many were under way at once."""

    def __init__(
        self, seconds: float = 0.0, usage: Usage = _FIFTEEN, fail: Callable[[int], Exception | None] | None = None
    ):
        self.seconds, self.usage, self.fail = seconds, usage, fail
        self.calls = self.under_way = self.peak = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return "echo"

    def reply(self, request: Request) -> Reply:
        with self._lock:
            self.calls += 1
            number = self.calls
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)
        try:
            if self.seconds:
                time.sleep(self.seconds)
            if self.fail is not None and (error := self.fail(number)) is not None:
                raise error
            return Reply(request.messages[-1].content, usage=self.usage, model="echo-1", raw={"role": "assistant"})
        finally:
            with self._lock:
                self.under_way -= 1


def all_at_once(jobs: list[Callable[[], object]]) -> list[object]:
    """What each job returned or raised, all run on threads of their own that start together."""
    results: list[object] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = jobs[number]()
        except Exception as error:  # noqa: BLE001  looked at by the test
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return results
