"""What was used, in all and by whom: calls, cache hits, tokens, dollars."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from toolrec_cli.errors import BudgetSpent, ToolRecError
from toolrec_cli.llm.codec import usage_json
from toolrec_cli.llm.failures import NotOnRecord
from toolrec_cli.llm.messages import ChatModel, Reply, Request, Usage
from toolrec_cli.llm.prices import Prices
from toolrec_cli.llm.unanswered import Failure

_label: ContextVar[str | None] = ContextVar("label", default=None)


@contextmanager
def labelled(label: str) -> Generator[None]:
    """Within, what this thread asks is counted and recorded for `label` (a user's id)."""
    token = _label.set(label)
    try:
        yield
    finally:
        _label.reset(token)


def current_label() -> str | None:
    """For whom this thread asks."""
    return _label.get()


@dataclass(frozen=True)
class Spent:
    """Sums over questions. `usage` counts only what was paid for: an answer from the cache costs nothing."""

    calls: int = 0
    """Questions that went to the server and were answered."""
    cache_hits: int = 0
    failures: int = 0
    retries: int = 0
    usage: Usage = Usage()
    priced: float = 0.0
    """US dollars of the calls whose price is known."""
    unpriced: int = 0
    """Calls whose price is not known."""
    seconds: float = 0.0
    """Waited for the server, all calls together."""

    @property
    def dollars(self) -> float | None:
        """What it cost; None, "n/a", as soon as the price of one call is not known."""
        return None if self.unpriced else self.priced

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.calls + other.calls,
            self.cache_hits + other.cache_hits,
            self.failures + other.failures,
            self.retries + other.retries,
            self.usage + other.usage,
            self.priced + other.priced,
            self.unpriced + other.unpriced,
            self.seconds + other.seconds,
        )

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        usage = usage_json(self.usage)
        usage.pop("cost")
        return {
            "calls": self.calls,
            "cache_hits": self.cache_hits,
            "failures": self.failures,
            "retries": self.retries,
            **usage,
            "dollars": None if self.dollars is None else round(self.dollars, 6),
            "seconds": round(self.seconds, 2),
        }


class Ledger:
    """The sums, in all and by label. Thread-safe."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self._lock = threading.Lock()
        self._by_label: dict[str | None, Spent] = {}
        self._total = Spent()

    @property
    def total(self) -> Spent:
        with self._lock:
            return self._total

    def of(self, label: str | None) -> Spent:
        """What was used for `label`; None: for nobody in particular."""
        with self._lock:
            return self._by_label.get(label, Spent())

    def by_label(self) -> dict[str | None, Spent]:
        """What was used for each label, in the order they came."""
        with self._lock:
            return dict(self._by_label)

    def add(self, label: str | None, spent: Spent) -> None:
        """Count it."""
        with self._lock:
            self._total += spent
            self._by_label[label] = self._by_label.get(label, Spent()) + spent

    def spent_on(self, reply: Reply) -> Spent:
        """One answer as a sum of one."""
        if reply.from_cache:
            return Spent(cache_hits=1)
        known = reply.usage.counted or reply.usage.cost is not None
        dollars = self.prices.dollars(reply.usage) if known else None
        return Spent(
            calls=1,
            retries=reply.retries,
            usage=reply.usage,
            priced=dollars or 0.0,
            unpriced=int(dollars is None),
            seconds=reply.seconds,
        )


class Metered:
    """`inner`, counted in the ledger: for `label` if it is given, else for the one that `labelled` names.

    `failed` is told of each question that ended without an answer. It is called from several threads.
    """

    def __init__(
        self,
        inner: ChatModel,
        ledger: Ledger,
        label: str | None = None,
        failed: Callable[[Failure], None] = lambda failure: None,
    ) -> None:
        self._inner, self._ledger, self._own, self._failed = inner, ledger, label, failed

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer. Raises what the inner model raises, and counts it as a failure."""
        label = self._own or current_label()
        try:
            reply = self._inner.reply(request)
        except (BudgetSpent, NotOnRecord):  # nobody was asked
            raise
        except ToolRecError as error:
            self._ledger.add(label, Spent(failures=1))
            self._failed(Failure(label, error.message))
            raise
        self._ledger.add(label, self._ledger.spent_on(reply))
        return reply


def metered(model: ChatModel, label: str) -> ChatModel:
    """`model`, all that is asked through it being counted and recorded for `label`, on whatever thread."""
    return _Labelled(model, label)


class _Labelled:
    def __init__(self, inner: ChatModel, label: str) -> None:
        self._inner, self._label = inner, label

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        with labelled(self._label):
            return self._inner.reply(request)
