"""Models that answer from the record: of a run's exchanges, each user his own, in the order he got them."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from toolrec_cli.llm.failures import NotOnRecord, Rejected
from toolrec_cli.llm.index import ExchangeIndex
from toolrec_cli.llm.messages import ChatModel, Reply, Request
from toolrec_cli.llm.metered import current_label
from toolrec_cli.llm.recorded import Exchange, question_digest


class Replayed:
    """Answers from recorded exchanges, asking nobody.

    A user (the one that `labelled` names) gets the answers that were his: two users may have been asked the same and answered
    otherwise. Equal questions get their answers in order; asked once more than then, the last again. Asked for nobody in
    particular, the answers of all users count. Thread-safe.
    """

    def __init__(self, exchanges: Iterable[Exchange], name: str | None = None) -> None:
        """`name` None: the model that was recorded."""
        self._lock = threading.Lock()
        self._all: dict[str, deque[Reply]] = {}
        self._own: dict[tuple[str | None, str], deque[Reply]] = {}
        recorded = ""
        for exchange in exchanges:
            reply = replace(exchange.reply, from_cache=True)
            self._all.setdefault(exchange.digest, deque()).append(reply)
            self._own.setdefault((exchange.label, exchange.digest), deque()).append(reply)
            recorded = recorded or exchange.model
        self._name = name or recorded

    @property
    def name(self) -> str:
        return self._name

    def reply(self, request: Request) -> Reply:
        """The recorded answer. Raises NotOnRecord for a question that was not asked then."""
        digest, label = question_digest(request), current_label()
        with self._lock:
            found = self._own.get((label, digest)) or self._own.get((None, digest))
            if label is None:
                found = self._all.get(digest)
            if found:
                return found.popleft() if len(found) > 1 else found[0]
        raise NotOnRecord(request)


Refusal = Callable[[Request], Rejected | None]
"""What a question met then that got no answer of its own; None: it was not so."""


@dataclass
class Sitting:
    """One user's exploration upon the record. `rounds` are those that have ended: whoever explores counts them."""

    exchanges: Sequence[Exchange]
    """His, as they were."""
    answers: Replayed
    refusal: Refusal
    rounds: int = 0
    left: Request | None = None
    """The first question that is not on record."""
    left_in: int | None = None
    """The round (from 1) in which it was asked."""

    def reply(self, request: Request) -> Reply | None:
        """The recorded answer; None where there is none. Raises Rejected where the server refused this very question."""
        try:
            return self.answers.reply(request)
        except NotOnRecord:
            if refused := self.refusal(request):
                raise refused from None
        if self.left is None:
            self.left, self.left_in = request, self.rounds + 1
        return None


class FromRecord:
    """Each user's questions are answered from what was recorded for him; what is not on record goes to `inner`, if there is one.

    Threads may share it: a user is explored for by one thread.
    """

    def __init__(self, index: ExchangeIndex, name: str, inner: ChatModel | None = None) -> None:
        self.may_ask = False
        """Whether `inner` may be asked."""
        self._index, self._name, self._inner = index, name, inner
        self._here = threading.local()

    def over(self, inner: ChatModel) -> "FromRecord":
        """The same over another model."""
        self._inner = inner
        return self

    @property
    def name(self) -> str:
        return self._name

    @contextmanager
    def serving(self, user_id: str, refusal: Refusal) -> Generator[Sitting]:
        """Within, this thread's questions are this user's."""
        exchanges = self._index.of(user_id)
        self._here.sitting = sitting = Sitting(exchanges, Replayed(exchanges), refusal)
        try:
            yield sitting
        finally:
            del self._here.sitting

    def reply(self, request: Request) -> Reply:
        """The answer. Raises NotOnRecord for what nobody may be asked, Rejected for what the server refused then."""
        sitting: Sitting = self._here.sitting
        found = sitting.reply(request)
        if found is not None:
            return found
        if self._inner is None or not self.may_ask:
            raise NotOnRecord(request)
        return self._inner.reply(request)
