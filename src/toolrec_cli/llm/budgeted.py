"""A bound on what may be spent. The worst that a call can cost is set aside before it is made, so no limit is overshot."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from toolrec_cli.errors import BudgetSpent, UsageError
from toolrec_cli.llm.failures import Unanswered
from toolrec_cli.llm.messages import ChatModel, Message, Reply, Request, Usage
from toolrec_cli.llm.prices import Prices

_EACH_MESSAGE, _EACH_REQUEST, _WITH_TOOLS = 16, 64, 600
"""Tokens that a server's template may add around a message, a request, and a list of tools."""

_BETWEEN = len(", ")
"""Bytes between two messages; the first one is counted as if it followed another."""

_KEPT = "_bytes"


@dataclass(frozen=True)
class Limits:
    """US dollars, tokens (input and output together) and calls that may be spent; None is no limit."""

    cost: float | None = None
    tokens: int | None = None
    calls: int | None = None

    @property
    def any(self) -> bool:
        return (self.cost, self.tokens, self.calls) != (None, None, None)


@dataclass(frozen=True)
class Amount:
    """What was, or may be, spent."""

    cost: float = 0.0
    tokens: int = 0
    calls: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.cost + other.cost, self.tokens + other.tokens, self.calls + other.calls)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.cost - other.cost, self.tokens - other.tokens, self.calls - other.calls)


class Budget:
    """What is spent and what is set aside, shared by all who ask. Thread-safe."""

    def __init__(self, limits: Limits, prices: Prices, already: Amount | None = None, *, kept: bool = True) -> None:
        """`already` was spent before, by the run that is resumed; `kept`: whether answers are kept.

        Raises UsageError for a limit in dollars without prices.
        """
        if limits.cost is not None and not prices.known:
            raise UsageError(
                f"--max-cost cannot be kept: the price is not known ({prices.source}).",
                hint="Say it (--price-input and --price-output, $ per million tokens), or use --max-tokens or --max-calls.",
            )
        self.limits, self.prices, self._kept = limits, prices, kept
        self._spent, self._aside, self._in_flight = already or Amount(), Amount(), 0
        self._changed = threading.Condition()

    @property
    def spent(self) -> Amount:
        """What was spent so far."""
        with self._changed:
            return self._spent

    def set_aside(self, usage: Usage) -> Amount:
        """Reserve the worst case. Waits while calls under way may yet give enough back; then raises BudgetSpent."""
        worst = amount(self.prices, usage)
        with self._changed:
            while (limit := self._exceeded(self._spent + self._aside + worst)) is not None:
                if self._in_flight == 0:
                    raise self._refusal(limit, worst)
                self._changed.wait()
            self._aside += worst
            self._in_flight += 1
        return worst

    def settle(self, aside: Amount, usage: Usage | None) -> None:
        """The call is over: `usage` was spent (None: nothing) instead of what was set aside."""
        spent = Amount() if usage is None else amount(self.prices, usage)
        with self._changed:
            self._aside -= aside
            self._spent += spent
            self._in_flight -= 1
            self._changed.notify_all()

    def _exceeded(self, total: Amount) -> str | None:
        """The option whose limit `total` exceeds."""
        limits = self.limits
        if limits.cost is not None and total.cost > limits.cost + 1e-12:
            return "--max-cost"
        if limits.tokens is not None and total.tokens > limits.tokens:
            return "--max-tokens"
        return "--max-calls" if limits.calls is not None and total.calls > limits.calls else None

    def _refusal(self, option: str, worst: Amount) -> BudgetSpent:
        spent, limits = self._spent, self.limits
        tokens = limits.tokens or 0
        told = {
            "--max-cost": f"${spent.cost:.4f} of ${limits.cost or 0:g} are spent, and the next may cost ${worst.cost:.4f}",
            "--max-tokens": f"{spent.tokens:,} of {tokens:,} tokens are spent, and the next may take {worst.tokens:,}",
            "--max-calls": f"{spent.calls:,} of {limits.calls or 0:,} calls are made",
        }
        once = ", and no answer is paid for twice" if self._kept else ""
        return BudgetSpent(
            f"The budget does not allow another call: {told[option]}.",
            hint=f"What is done is kept{once}: raise {option} and go on.",
        )


class Budgeted:
    """`inner`, asked only while the budget allows the worst that the question can cost.

    `headroom`: output tokens that the endpoint grants on top of the request's limit. `unanswered` is told of each question that
    may have been billed without an answer, with what it is charged, and why.
    """

    def __init__(
        self,
        inner: ChatModel,
        budget: Budget,
        headroom: int = 0,
        unanswered: Callable[[Request, Usage, str], None] = lambda request, usage, why: None,
    ) -> None:
        self._inner, self._budget, self._headroom, self._unanswered = inner, budget, headroom, unanswered

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer. Raises BudgetSpent before a call that could overshoot, else what the inner model raises."""
        if not self._budget.limits.any:
            return self._unlimited(request)
        worst = worst_usage(request, self._headroom)
        aside = self._budget.set_aside(worst)
        spent: Usage | None = None
        try:
            reply = self._inner.reply(request)
            spent = charged(reply, worst)
            return reply
        except Unanswered as error:
            spent = worst
            self._unanswered(request, worst, error.message)
            raise
        finally:
            self._budget.settle(aside, spent)

    def _unlimited(self, request: Request) -> Reply:
        """The worst case is worked out only where it happens: when the run goes on, there may be a limit."""
        try:
            return self._inner.reply(request)
        except Unanswered as error:
            self._unanswered(request, worst_usage(request, self._headroom), error.message)
            raise


def amount(prices: Prices, usage: Usage) -> Amount:
    """One call as a budget counts it."""
    return Amount(prices.dollars(usage) or 0.0, usage.input_tokens + usage.output_tokens, 1)


def charged(reply: Reply, worst: Usage) -> Usage:
    """What an answer is charged with: the tokens that the server counted; the worst where it counted none."""
    return reply.usage if reply.usage.counted else replace(worst, cost=reply.usage.cost)


def worst_usage(request: Request, headroom: int = 0) -> Usage:
    """The most tokens that a question can take: no token is shorter than a byte, and no answer longer than its limit."""
    tools = [(tool.name, tool.description, tool.parameters) for tool in request.tools]
    told = sum(_BETWEEN + _message_bytes(message) for message in request.messages)
    around = template_tokens(len(request.messages), with_tools=bool(request.tools))
    return Usage(told + _bytes([[], request.schema, tools]) + around, request.max_tokens + headroom)


def _message_bytes(message: Message) -> int:
    """Of what a message says, as JSON; counted once, for the next question of a conversation holds it again."""
    kept = message.__dict__.get(_KEPT)
    if kept is None:
        kept = message.__dict__[_KEPT] = _bytes(message.raw or message.content)
    return kept


def _bytes(told: Any) -> int:
    return len(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def template_tokens(messages: int, *, with_tools: bool = True) -> int:
    """The most that a server's template adds to so many messages."""
    return _EACH_REQUEST + _EACH_MESSAGE * messages + (_WITH_TOOLS if with_tools else 0)
