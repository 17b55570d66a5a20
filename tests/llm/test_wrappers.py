"""Paced, metered, recorded: one at a time, and as the stack puts them together."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doubles import Echo, all_at_once, question
from hypothesis import given, settings
from hypothesis import strategies as st

from toolrec_cli.errors import BudgetSpent, InputError, ProviderError, UsageError
from toolrec_cli.llm.again import Again
from toolrec_cli.llm.budgeted import Budget, Budgeted, Limits
from toolrec_cli.llm.codec import reply_from, reply_json, request_from, request_json
from toolrec_cli.llm.failures import Unusable
from toolrec_cli.llm.messages import Message, Reply, Request, ToolCall, ToolSpec, Usage
from toolrec_cli.llm.metered import Ledger, Metered, Spent, labelled, metered
from toolrec_cli.llm.paced import Bucket, Paced
from toolrec_cli.llm.prices import Prices, prices_for
from toolrec_cli.llm.recorded import Exchange, Recorded, question_digest, read_exchanges
from toolrec_cli.llm.replayed import Replayed
from toolrec_cli.llm.stack import Earlier, ModelOptions, build, cache_path, endpoint_of
from toolrec_cli.testing import Fault, LoopbackServer, Scripted

PRICES = Prices(lambda usage: usage.input_tokens * 0.01, "given")
UNKNOWN = Prices(None, "n/a")


def test_what_is_asked_again_is_charged_and_given_up_in_time() -> None:
    inner = Echo(fail=lambda number: Unusable("empty") if number != 3 else None)
    budget = Budget(Limits(calls=5), UNKNOWN)
    model = Again(Budgeted(inner, budget), 2)
    reply = model.reply(question())
    assert (reply.retries, inner.calls, budget.spent.calls) == (2, 3, 3)
    with pytest.raises(BudgetSpent):
        model.reply(question())
    with pytest.raises(Unusable):
        Again(inner, 2).reply(question())
    assert inner.calls == 8


class Always:
    """Says the same always."""

    name = "m"

    def __init__(self, said: Reply) -> None:
        self.said = said

    def reply(self, request: Request) -> Reply:
        return self.said


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 9))


def test_a_bucket_gives_so_many_a_minute_and_no_burst_beyond_a_second() -> None:
    clock = Clock()
    bucket = Bucket(120, clock, clock.sleep)
    for _ in range(6):
        bucket.take()
    assert clock.slept == [0.5, 1.0, 1.5, 2.0], "two at once, then one every half second"
    clock.now = 60.0
    clock.slept.clear()
    for _ in range(3):
        bucket.take()
    assert clock.slept == [0.5]


def test_a_slow_bucket_gives_one_at_a_time() -> None:
    clock = Clock()
    bucket = Bucket(6, clock, clock.sleep)
    bucket.take()
    bucket.take()
    assert clock.slept == [10.0]
    with pytest.raises(UsageError):
        Bucket(0)


def test_no_more_than_so_many_at_once() -> None:
    inner = Echo(seconds=0.005)
    model = Paced(inner, 3)
    all_at_once([lambda: model.reply(question())] * 20)
    assert (inner.peak, inner.calls) == (3, 20)


def test_sums_by_label_and_in_all() -> None:
    ledger = Ledger(PRICES)
    model = Metered(Echo(usage=Usage(10, 5, 4, 2)), ledger)
    with labelled("42"):
        model.reply(question())
        model.reply(question())
    metered(model, "7").reply(question())
    model.reply(question())
    assert ledger.of("42") == replace(ledger.of("42"), calls=2, usage=Usage(20, 10, 8, 4), priced=0.2)
    assert (ledger.of("7").calls, ledger.of(None).calls, ledger.of("nobody").calls) == (1, 1, 0)
    assert ledger.total.as_json() == {
        "calls": 4,
        "cache_hits": 0,
        "failures": 0,
        "retries": 0,
        "input_tokens": 40,
        "output_tokens": 20,
        "cached_tokens": 16,
        "reasoning_tokens": 8,
        "dollars": 0.4,
        "seconds": 0.0,
    }


def test_labels_of_threads_do_not_mix() -> None:
    ledger = Ledger(PRICES)
    model = Metered(Echo(seconds=0.001), ledger)
    all_at_once([lambda user=user: metered(model, str(user)).reply(question()) for user in range(20)])
    assert [ledger.of(str(user)).calls for user in range(20)] == [1] * 20


def test_an_unknown_price_makes_the_sum_unknown_and_a_cache_hit_makes_it_no_dearer() -> None:
    ledger = Ledger(UNKNOWN)
    assert ledger.total.dollars == 0.0
    ledger.add(None, ledger.spent_on(Reply("x", usage=Usage(1, 1), from_cache=True)))
    assert (ledger.total.dollars, ledger.total.cache_hits, ledger.total.usage) == (0.0, 1, Usage())
    ledger.add(None, ledger.spent_on(Reply("x", usage=Usage(1, 1, cost=0.5))))
    assert ledger.total.dollars == 0.5
    ledger.add(None, ledger.spent_on(Reply("x", usage=Usage(1, 1))))
    assert ledger.total.as_json()["dollars"] is None


def test_an_answer_whose_tokens_nobody_counted_is_not_for_nothing() -> None:
    ledger = Ledger(PRICES)
    ledger.add(None, ledger.spent_on(Reply("x", usage=Usage(cost=0.25))))
    assert ledger.total.dollars == 0.25
    ledger.add(None, ledger.spent_on(Reply("x")))
    assert (ledger.total.calls, ledger.total.unpriced, ledger.total.dollars) == (2, 1, None)


def test_what_a_resumed_run_has_spent_is_what_it_had_spent_when_it_stopped(tmp_path: Path) -> None:
    """Whether the server counts tokens, names a price, does neither, or nobody was asked at all."""
    replies = [Reply("x", usage=Usage(10, 5)), Reply("x"), Reply("x", usage=Usage(cost=0.25))]
    options = ModelOptions("m", "http://localhost:1/v1", limits=Limits(calls=9), price_input=1.0, price_output=2.0)
    live = Budget(options.limits, prices_for("m", endpoint_of(options, {}), 1.0, 2.0))
    for reply in replies:
        Budgeted(Always(reply), live).reply(question())
    asked = [*replies, replace(replies[1], from_cache=True)]
    earlier = [Exchange(question_digest(question()), "m", "42", question(), reply) for reply in asked]
    record = tmp_path / "exchanges.jsonl"
    record.write_text("".join(json.dumps(each.as_json()) + "\n" for each in earlier))
    stack = build(options, {}, tmp_path, earlier=Earlier(record, tmp_path / "unanswered.jsonl", settings=""))
    stack.close()
    assert (stack.budget.spent, stack.ledger.total.calls, stack.ledger.total.dollars) == (live.spent, 3, None)
    assert stack.budget.spent.cost > 0.25


def test_failures_are_counted() -> None:
    ledger = Ledger(PRICES)
    with pytest.raises(ProviderError):
        Metered(Echo(fail=lambda number: ProviderError("no")), ledger).reply(question())
    assert ledger.total == Spent(failures=1)


def test_an_exchange_is_recorded_before_its_answer_returns_and_answers_again(tmp_path: Path) -> None:
    path, log = tmp_path / "exchanges.jsonl", list[Exchange]()
    model = Recorded(Echo(), log.append)
    with labelled("42"):
        first = model.reply(question("a", schema={"type": "object"}))
    assert [(each.label, each.model, each.digest) for each in log] == [("42", "echo", question_digest(log[0].request))]
    model.reply(question("b"))
    path.write_text("".join(json.dumps(each.as_json()) + "\n" for each in log) + '{"schema_version": 1, "dig')
    again = Replayed(read_exchanges(path))
    assert (again.name, len(read_exchanges(path))) == ("echo", 2)
    assert again.reply(question("a", schema={"type": "object"})) == replace(first, from_cache=True)
    with pytest.raises(ProviderError, match="no answer to this question"):
        again.reply(question("c"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 9}\n', "has exchange version 9"),
        ("{}\n", "Line 1"),
        ("[]\n", "Line 1"),
        ("nonsense\n", "Line 1"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "exchanges.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        read_exchanges(tmp_path / "exchanges.jsonl")
    with pytest.raises(InputError, match="recorded no exchanges"):
        read_exchanges(tmp_path / "nowhere.jsonl")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=3)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.text(),
    st.none() | st.text(),
    st.none() | OBJECTS,
)
REQUESTS = st.builds(
    Request,
    st.lists(MESSAGES, max_size=3).map(tuple),
    st.none() | OBJECTS,
    st.lists(st.builds(ToolSpec, st.text(), st.text(), OBJECTS), max_size=2).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
    seed=st.none() | st.integers(),
)
REPLIES = st.builds(
    Reply,
    st.text(),
    st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=3).map(tuple),
    usage=st.builds(Usage, st.integers(0), st.integers(0), cost=st.none() | st.floats(0, 9)),
    raw=OBJECTS,
    refusal=st.none() | st.text(),
)


@settings(max_examples=40)
@given(REQUESTS, REPLIES)
def test_json_there_and_back_changes_nothing(request: Request, reply: Reply) -> None:
    assert request_from(json.loads(json.dumps(request_json(request)))) == request
    assert reply_from(json.loads(json.dumps(reply_json(reply)))) == reply


def test_the_stack_records_hits_and_spends_nothing_on_them(
    serve: Callable[..., LoopbackServer], tmp_path: Path
) -> None:
    server, log = serve(Scripted("x", cost=0.25)), list[Exchange]()
    options = ModelOptions("m", server.base_url, cache=cache_path(tmp_path), limits=Limits(calls=1), concurrency=2)
    stack = build(options, {}, tmp_path, sink=log.append)
    with labelled("42"):
        assert not stack.model.reply(question()).from_cache
        assert stack.model.reply(question()).from_cache
    assert (stack.ledger.of("42").calls, stack.ledger.of("42").cache_hits, stack.ledger.total.dollars) == (1, 1, 0.25)
    assert [each.reply.from_cache for each in log] == [False, True]
    with pytest.raises(BudgetSpent):
        stack.model.reply(question("another"))
    assert (server.count, stack.model.name, stack.endpoint.preset) == (1, "m", "generic")
    stack.close()


def test_the_stack_gets_over_a_storm(serve: Callable[..., LoopbackServer], tmp_path: Path) -> None:
    """60 questions from 16 threads, a quarter of all answers a passing fault: none lost, and none paid again."""
    from toolrec_cli.testing import seeded

    shares = {Fault.RATE_LIMIT: 0.1, Fault.UNAVAILABLE: 0.05, Fault.RESET: 0.05, Fault.CUT_BODY: 0.05}
    server = serve(seeded(lambda asked: Scripted(asked["messages"][-1]["content"]), shares))
    stack = build(ModelOptions("m", server.base_url, cache=cache_path(tmp_path), concurrency=16), {}, tmp_path)
    jobs: list[Callable[[], object]] = [lambda n=n: stack.model.reply(question(str(n))).text for n in range(60)]
    assert all_at_once(jobs) == [str(n) for n in range(60)]
    assert stack.ledger.total.retries == server.count - 60 > 5
    before = server.count
    assert all_at_once(jobs) == [str(n) for n in range(60)]
    assert server.count == before
    stack.close()
    assert threading.active_count() < 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ModelOptions(" "), "Which model"),
        (ModelOptions("m", concurrency=0), "--concurrency"),
        (ModelOptions("m", timeout=0.0), "--timeout"),
        (ModelOptions("m", max_retries=-1), "--max-retries"),
        (ModelOptions("m", rpm=-1.0), "--rpm"),
        (ModelOptions("m", "http://localhost:1/v1", limits=Limits(cost=1.0)), "--max-cost cannot be kept"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, options: ModelOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(options, {}, tmp_path)


def test_a_line_of_the_record_is_the_exchange_as_json(tmp_path: Path) -> None:
    """Written with the question's canonical text, which is made once; read as ever."""
    asked = question("\ud83d ä <x>", schema={"b": 1, "a": [None]}, stop=("x",))
    exchange = Exchange(
        question_digest(asked), "m", None, asked, Reply("\udc00 yes", usage=Usage(3, 4), raw={"z": None})
    )
    line = exchange.as_line()
    assert line.isascii()
    assert json.loads(line) == json.loads(json.dumps(exchange.as_json()))
    (tmp_path / "e.jsonl").write_text(line + "\n")
    assert read_exchanges(tmp_path / "e.jsonl") == [exchange]
    assert replace(asked, sample=1) != asked
    assert question_digest(replace(asked, sample=1)) != exchange.digest
