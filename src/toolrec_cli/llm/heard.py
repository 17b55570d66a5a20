"""Is it the question, or does nobody get an answer?"""

import threading

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.failures import Rejected
from toolrec_cli.llm.messages import ChatModel, Reply, Request

PATIENCE = 5
"""So many questions may be rejected before the first one is answered; then the fault is not theirs."""


class Heard:
    """`inner`; where it rejects one question after the other and never answers, that is everybody's failure. Thread-safe."""

    def __init__(self, inner: ChatModel) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._rejected = 0
        self._heard = False

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer. Raises Rejected for a question that is refused for what it holds, else what the inner model raises."""
        try:
            reply = self._inner.reply(request)
        except Rejected as error:
            with self._lock:
                self._rejected += 1
                hopeless = not self._heard and self._rejected >= PATIENCE
            if hopeless:
                raise ProviderError(
                    f"None of {PATIENCE} questions was answered. {error.message}", hint=error.hint
                ) from None
            raise
        self._heard = True
        return reply
