"""No limit is overshot, however many ask at once, and nobody is refused who could still be served."""

from typing import Any

import pytest
from doubles import Echo, all_at_once, question

from toolrec_cli.errors import BudgetSpent, ProviderError, UsageError
from toolrec_cli.llm.budgeted import Amount, Budget, Budgeted, Limits, worst_usage
from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.failures import Unanswered
from toolrec_cli.llm.messages import Message, Reply, Request, ToolSpec, Usage
from toolrec_cli.llm.prices import Prices, prices_for

DOLLAR_A_TOKEN = Prices(lambda usage: float(usage.input_tokens + usage.output_tokens), "given")
UNKNOWN = Prices(None, "n/a: a local server")
WORST = worst_usage(question())
MOST = WORST.input_tokens + WORST.output_tokens


def budgeted(
    limits: Limits, inner: Echo | None = None, prices: Prices = UNKNOWN, **more: Any
) -> tuple[Budgeted, Budget]:
    budget = Budget(limits, prices, **more)
    return Budgeted(inner or Echo(), budget), budget


def test_calls_are_counted_and_the_one_too_many_is_not_made() -> None:
    inner = Echo()
    model, budget = budgeted(Limits(calls=3), inner)
    for _ in range(3):
        model.reply(question())
    with pytest.raises(BudgetSpent, match="does not allow another call: 3 of 3 calls are made") as raised:
        model.reply(question())
    assert (inner.calls, budget.spent) == (3, Amount(0.0, 45, 3))
    assert "raise --max-calls" in str(raised.value.hint)
    assert raised.value.exit_code == 5


def test_without_a_cache_nobody_is_told_that_no_answer_is_paid_for_twice() -> None:
    for kept, hint in (
        (True, "What is done is kept, and no answer is paid for twice: raise --max-calls and go on."),
        (False, "What is done is kept: raise --max-calls and go on."),
    ):
        model, _ = budgeted(Limits(calls=0), kept=kept)
        with pytest.raises(BudgetSpent) as raised:
            model.reply(question())
        assert raised.value.hint == hint


def test_tokens_are_counted_as_used_not_as_feared() -> None:
    model, budget = budgeted(Limits(tokens=MOST + 15 * 10))
    for _ in range(11):
        model.reply(question())
    assert budget.spent.tokens == 165
    with pytest.raises(BudgetSpent, match="tokens are spent, and the next may take"):
        model.reply(question())


@pytest.mark.parametrize("limits", [Limits(tokens=MOST * 4), Limits(cost=MOST * 4.0), Limits(calls=30)])
def test_no_limit_is_overshot_with_many_in_flight(limits: Limits) -> None:
    inner = Echo(seconds=0.002, usage=WORST)
    model, budget = budgeted(limits, inner, DOLLAR_A_TOKEN)
    results = all_at_once([lambda: model.reply(question())] * 64)
    spent = budget.spent
    served = sum(isinstance(result, Reply) for result in results)
    assert served == inner.calls == spent.calls == (30 if limits.calls else 4)
    assert sum(isinstance(result, BudgetSpent) for result in results) == 64 - served
    assert spent.tokens <= (limits.tokens or spent.tokens)
    assert spent.cost <= (limits.cost or spent.cost)


def test_who_could_still_be_served_waits_for_those_under_way() -> None:
    """Room for two worst cases, but real answers take a hundredth of that: all 40 are served, two at a time."""
    inner = Echo(seconds=0.002)
    model, _ = budgeted(Limits(tokens=MOST * 2 + 15 * 38), inner)
    results = all_at_once([lambda: model.reply(question())] * 40)
    assert all(isinstance(result, Reply) for result in results)
    assert inner.peak <= 3


def test_what_failed_unbilled_is_given_back_and_what_may_be_billed_is_not() -> None:
    model, budget = budgeted(Limits(calls=2), Echo(fail=lambda number: ProviderError("no") if number == 1 else None))
    with pytest.raises(ProviderError):
        model.reply(question())
    assert budget.spent == Amount()
    model, budget = budgeted(Limits(calls=2), Echo(fail=lambda number: Unanswered("late") if number == 1 else None))
    with pytest.raises(Unanswered):
        model.reply(question())
    assert budget.spent == Amount(0.0, MOST, 1)


def test_a_server_that_counts_no_tokens_is_charged_the_worst() -> None:
    model, budget = budgeted(Limits(tokens=10**6), Echo(usage=Usage()))
    model.reply(question())
    assert budget.spent.tokens == MOST


def test_a_resumed_run_goes_on_from_what_was_spent() -> None:
    model, _ = budgeted(Limits(calls=3), already=Amount(0.0, 100, 2))
    model.reply(question())
    with pytest.raises(BudgetSpent):
        model.reply(question())


def test_the_servers_own_price_counts() -> None:
    model, budget = budgeted(Limits(cost=5000.0), Echo(usage=Usage(10, 5, cost=0.25)), DOLLAR_A_TOKEN)
    model.reply(question())
    assert budget.spent.cost == 0.25


def test_a_limit_in_dollars_without_a_price_is_refused_beforehand() -> None:
    with pytest.raises(UsageError, match="--max-cost cannot be kept") as raised:
        Budget(Limits(cost=1.0), UNKNOWN)
    assert "--price-input" in str(raised.value.hint)


def test_the_worst_case_is_at_least_a_token_a_byte() -> None:
    asked = Request(
        (Message("system", "ä" * 100), Message("assistant", "x", raw={"content": "y" * 500})),
        tools=(ToolSpec("f", "d" * 50, {"type": "object", "description": "z" * 70}),),
        max_tokens=33,
    )
    worst = worst_usage(asked, headroom=1000)
    assert worst.input_tokens >= 200 + 500 + 50 + 70
    assert worst.output_tokens == 1033


def test_a_real_price_bounds_a_real_bill() -> None:
    endpoint = Endpoint("openai", "https://api.openai.com/v1")
    prices = prices_for("gpt-4.1-mini", endpoint)
    model, budget = budgeted(Limits(cost=0.01), Echo(usage=Usage(400, 300, cached_tokens=100)), prices)
    results = all_at_once([lambda: model.reply(question())] * 100)
    refused = [str(result) for result in results if isinstance(result, BudgetSpent)]
    assert refused
    assert all("of $0.01 are spent, and the next may cost $0.0017" in text for text in refused)
    assert 0.008 < budget.spent.cost <= 0.01
