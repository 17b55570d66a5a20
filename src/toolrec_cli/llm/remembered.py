"""A run that goes on has asked before: its own record answers what it has answered."""

import threading
from collections import Counter

from toolrec_cli.llm.index import ExchangeIndex
from toolrec_cli.llm.messages import ChatModel, Reply, Request
from toolrec_cli.llm.metered import current_label
from toolrec_cli.llm.recorded import exchange_at, question_digest


class Remembered:
    """`inner`, asked only what this user was not answered before; of his equal questions the first takes the first answer.

    An answer is as it is on record, and is neither recorded nor counted again. Thread-safe.
    """

    def __init__(self, inner: ChatModel, index: ExchangeIndex) -> None:
        self._inner, self._index = inner, index
        self._given: Counter[tuple[str | None, str]] = Counter()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The recorded answer, else the inner model's. Raises what the inner model raises."""
        if self._index:
            asked = current_label(), question_digest(request)
            answers = self._index.answers(*asked)
            with self._lock:
                nth = self._given[asked]
                self._given[asked] += nth < len(answers)
            if nth < len(answers):
                found = exchange_at(self._index.path, answers[nth])
                if (found.model, found.digest) == (self.name, asked[1]):
                    return found.reply
        return self._inner.reply(request)
