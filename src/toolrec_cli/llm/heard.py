"""Is it the question, or does nobody get an answer?"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.failures import Broken, Rejected, Unanswered, Unheard
from toolrec_cli.llm.messages import ChatModel, Reply, Request

PATIENCE = 5
"""So many questions fail one after the other, or are rejected before the first one is answered: then the fault is not theirs."""


class Heard:
    """`inner`; a question that it fails at is rejected where others are answered, and else everybody's failure. Thread-safe.

    `answered`: whether somebody was answered before. Who asks for many users says so (`crowd`, `member`): a question that fails
    while others have yet to ask waits for what becomes of theirs.
    """

    def __init__(self, inner: ChatModel, *, answered: bool = False) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._rejected = self._under_way = 0
        self._heard = answered
        self._begun = self._answered = 0
        """Questions are numbered as they begin; the latest of those that were answered."""
        self._failed = self._failed_at = 0
        """How many failed in a row, and how many had begun when the last one did."""
        self._to_come = self._at_once = self._waiting = 0
        """Users who have not ended, how many of them ask at once, and how many wait to learn whose failure theirs is."""
        self._stopped = False

    @property
    def name(self) -> str:
        return self._inner.name

    @contextmanager
    def crowd(self, n_users: int, at_once: int) -> Generator[None]:
        """So many users will be asked about, `at_once` of them beside each other, each a `member`."""
        with self._changed:
            self._to_come, self._at_once, self._stopped = n_users, at_once, False
        try:
            yield
        finally:
            self._leave(n_users)

    @contextmanager
    def member(self) -> Generator[None]:
        """One user of the crowd, from beginning to end; whatever is raised here stops the others too."""
        try:
            yield
        except BaseException:
            self._stopped = True
            self._leave(self._to_come)
            raise
        self._leave(1)

    def _leave(self, n_users: int) -> None:
        with self._changed:
            self._to_come -= n_users
            self._changed.notify_all()

    def reply(self, request: Request) -> Reply:
        """The answer. Raises Rejected for a question that gets none of its own, Unheard where the server failed at it, else what
        the inner model raises.
        """
        try:
            return self._counted(request)
        except Rejected as error:
            raise self._of_rejected(error) from None
        except (Broken, Unanswered) as error:
            raise self._of_failed(error) from None

    def _counted(self, request: Request) -> Reply:
        """The inner model's answer; while it is waited for, the question counts as under way."""
        number, answered = self._begin(), 0
        try:
            reply = self._inner.reply(request)
            answered = number
            return reply
        finally:
            self._end(answered=answered)

    def _begin(self) -> int:
        with self._changed:
            self._under_way += 1
            self._begun += 1
            return self._begun

    def _end(self, *, answered: int) -> None:
        with self._changed:
            self._under_way -= 1
            self._heard = self._heard or answered > 0
            self._answered = max(self._answered, answered)
            if answered > self._failed_at:
                self._failed = 0
            self._changed.notify_all()

    def _of_rejected(self, error: Rejected) -> ProviderError:
        with self._changed:
            self._rejected += 1
            hopeless = not self._heard and self._rejected >= PATIENCE
        return _everybodys(f"None of {PATIENCE} questions was answered.", error) if hopeless else error

    def _of_failed(self, error: ProviderError) -> ProviderError:
        """Whose failure it is, once a question that was asked later is answered, or nobody is left whose might be."""
        with self._changed:
            self._failed += 1
            self._failed_at = now = self._begun
            self._waiting += 1
            self._changed.notify_all()
            while self._answered <= now and self._failed < PATIENCE and self._others():
                self._changed.wait()
            self._waiting -= 1
            own = Unheard(error.message, hint=error.hint)
            if self._answered > now:
                return own
            if self._failed >= PATIENCE:
                return _everybodys(f"{PATIENCE} questions in a row were not answered.", error)
            return own if self._heard and not self._stopped else error

    def _others(self) -> bool:
        """Whether an answer is under way, or somebody who does not wait himself has yet to ask."""
        return self._under_way > 0 or self._waiting < min(self._at_once, self._to_come)


def _everybodys(said: str, error: ProviderError) -> ProviderError:
    return ProviderError(f"{said} {error.message}", hint=error.hint)
