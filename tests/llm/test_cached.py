"""A paid answer is paid once: kept, shared, found again after kill -9, and told apart by what was asked of whom."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doubles import Echo, all_at_once, question

from toolrec_cli.errors import InputError, ProviderError
from toolrec_cli.llm.cached import Cached, ReplyStore
from toolrec_cli.llm.messages import Message, Reply, Request, ToolSpec
from toolrec_cli.testing import LoopbackServer, Scripted

HERE = {"base_url": "http://here"}


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    return ReplyStore(tmp_path / "cache" / "replies.sqlite")


def test_the_second_time_costs_nothing_and_says_so(store: ReplyStore) -> None:
    inner = Echo()
    model = Cached(inner, store, HERE)
    first, second = model.reply(question("a")), model.reply(question("a"))
    assert (first.from_cache, second.from_cache, inner.calls) == (False, True, 1)
    assert second == replace(first, from_cache=True)


TOOL = ToolSpec("f", "", {"type": "object"})
OTHERS = [
    question("b"),
    question("a", sample=1),
    question("a", seed=1),
    question("a", temperature=None),
    question("a", max_tokens=9),
    question("a", schema={}),
    question("a", stop=("x",)),
    question("a", tools=(TOOL,)),
    question("a", tools=(replace(TOOL, description="other"),)),
    Request((Message("system", "s"), Message("user", "a", raw={}))),
    Request((Message("user", "s"), Message("user", "a"))),
]


def test_what_differs_in_anything_is_another_question(store: ReplyStore) -> None:
    inner = Echo()
    model = Cached(inner, store, HERE)
    for asked in [question("a"), *OTHERS]:
        model.reply(asked)
    assert inner.calls == 1 + len(OTHERS)
    Cached(inner, store, {"base_url": "http://there"}).reply(question("a"))
    assert inner.calls == 2 + len(OTHERS)


def test_the_order_of_keys_in_a_schema_makes_no_difference(store: ReplyStore) -> None:
    inner = Echo()
    model = Cached(inner, store, HERE)
    model.reply(question(schema={"type": "object", "title": "x"}))
    model.reply(question(schema={"title": "x", "type": "object"}))
    assert inner.calls == 1


def test_it_is_found_again_by_another_process_and_readable_with_any_sqlite(store: ReplyStore) -> None:
    Cached(Echo(), store, HERE).reply(question("grüß dich \ud83d"))
    store.close()
    again = ReplyStore(store.path)
    assert (
        Cached(Echo(fail=lambda number: AssertionError()), again, HERE).reply(question("grüß dich \ud83d")).from_cache
    )
    with sqlite3.connect(store.path) as file:
        (model, request), *_ = file.execute("select model, request from replies").fetchall()
    assert (model, json.loads(request)["messages"][0]) == ("echo", {"role": "system", "content": "s"})


def test_threads_with_the_same_question_pay_once(store: ReplyStore) -> None:
    inner = Echo(seconds=0.05)
    model = Cached(inner, store, HERE)
    replies = all_at_once([lambda: model.reply(question("a"))] * 16)
    assert inner.calls == 1
    assert sum(not reply.from_cache for reply in replies if isinstance(reply, Reply)) == 1


def test_threads_with_different_questions_do_not_wait_for_one_another(store: ReplyStore) -> None:
    inner = Echo(seconds=0.1)
    model = Cached(inner, store, HERE)
    all_at_once([lambda number=number: model.reply(question(str(number))) for number in range(16)])
    assert (inner.calls, len(store)) == (16, 16)
    assert inner.peak > 8


def test_who_waited_for_a_failing_question_fails_alike_and_the_next_asks_anew(store: ReplyStore) -> None:
    inner = Echo(seconds=0.05, fail=lambda number: ProviderError("no", hint="later") if number == 1 else None)
    model = Cached(inner, store, HERE)
    results = all_at_once([lambda: model.reply(question("a"))] * 8)
    errors = [result for result in results if isinstance(result, ProviderError)]
    assert len({id(error) for error in errors}) == len(errors), "each thread raises an error of its own"
    assert all(error.hint == "later" for error in errors)
    assert model.reply(question("a")).text == "a"
    assert len(store) == 1


def test_a_bug_in_one_thread_does_not_strand_the_others(store: ReplyStore) -> None:
    inner = Echo(seconds=0.05, fail=lambda number: ZeroDivisionError() if number == 1 else None)
    model = Cached(inner, store, HERE)
    results = all_at_once([lambda: model.reply(question("a"))] * 8)
    assert sum(isinstance(result, ZeroDivisionError) for result in results) == 1
    assert sum(isinstance(result, Reply) for result in results) == 7
    assert inner.calls == 2


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    stores = [ReplyStore(tmp_path / "replies.sqlite") for _ in range(4)]
    models = [Cached(Echo(), each, HERE) for each in stores]
    jobs: list[Callable[[], object]] = [
        lambda model=model, number=number: model.reply(question(str(number)))
        for model in models
        for number in range(20)
    ]
    assert all(isinstance(result, Reply) for result in all_at_once(jobs))
    assert len(stores[0]) == 20


def test_a_file_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_text("this is no database, and long enough that SQLite looks at its first hundred bytes " * 3)
    with pytest.raises(InputError, match="cannot be used") as raised:
        ReplyStore(path)
    assert "--no-cache" in str(raised.value.hint)


def test_a_newer_cache_is_refused_by_name(store: ReplyStore) -> None:
    store.close()
    with sqlite3.connect(store.path) as file:
        file.execute("pragma user_version = 9")
    with pytest.raises(InputError, match="has cache version 9; this toolrec reads up to 1"):
        ReplyStore(store.path)


ASKING = """
import sys
from pathlib import Path
from toolrec_cli.llm.messages import Message, Request
from toolrec_cli.llm.stack import ModelOptions, build
stack = build(ModelOptions("m", sys.argv[1], cache=Path(sys.argv[2])), {}, Path())
for number in range(int(sys.argv[3])):
    reply = stack.model.reply(Request((Message("user", str(number)),)))
    print(number, reply.from_cache, flush=True)
"""


def test_kill_9_between_response_and_record_loses_at_most_that_one(
    serve: Callable[..., LoopbackServer], tmp_path: Path
) -> None:
    server = serve(lambda asked: Scripted(asked["messages"][-1]["content"]), latency=0.01)
    cache = tmp_path / "replies.sqlite"
    command = [sys.executable, "-c", ASKING, server.base_url, str(cache)]
    first = subprocess.Popen([*command, "100000"], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert first.stdout is not None
    returned = [first.stdout.readline() for _ in range(12)]
    time.sleep(0.004)
    first.send_signal(signal.SIGKILL)
    returned += first.stdout.read().splitlines()
    first.wait()
    paid = server.count
    whole = len([line for line in returned if line.strip().endswith("False")])
    assert whole >= 12
    again = subprocess.run([*command, str(whole)], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert again.stdout.count("True") == whole, "what was returned is paid for again"
    assert server.count == paid
    assert paid - len(ReplyStore(cache)) <= 1


def test_a_reply_is_committed_before_it_is_returned(tmp_path: Path) -> None:
    """Another process sees it at the moment the call returns."""
    path, seen = tmp_path / "replies.sqlite", list[int]()
    model = Cached(Echo(), ReplyStore(path), HERE)
    for number in range(5):
        model.reply(question(str(number)))
        with sqlite3.connect(path) as other:
            seen.append(other.execute("select count(*) from replies").fetchone()[0])
    assert seen == [1, 2, 3, 4, 5]
    assert threading.active_count() < 50
