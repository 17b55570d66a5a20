"""The server that tests and benchmarks rely on: quick, deterministic, and as bad as it is told to be."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from doubles import question

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.testing import Fault, LoopbackServer, Scripted, in_turn, seeded

Serve = Callable[..., LoopbackServer]
Ask = Callable[..., OpenAICompatible]


def test_many_at_once_wait_together(serve: Serve, ask: Ask) -> None:
    model = ask(serve(Scripted("x"), latency=0.2))
    threads = [threading.Thread(target=model.reply, args=(question(str(n)),)) for n in range(64)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.2 <= time.perf_counter() - begun < 2.0, "one after the other they would take 13 seconds"


def test_both_interfaces_show_a_script_the_same_request(serve: Serve, ask: Ask) -> None:
    shown: list[dict[str, object]] = []
    server = serve(lambda asked: shown.append(asked) or Scripted("x"))
    asked = question("hello", schema={"type": "object"})
    ask(server, api="chat").reply(asked)
    ask(server, api="responses").reply(asked)
    assert shown[0]["messages"] == shown[1]["messages"]
    assert shown[0]["response_format"] == shown[1]["response_format"]
    assert [each.api for each in server.received] == ["chat", "responses"]


def test_seeded_faults_do_not_depend_on_the_order(serve: Serve, ask: Ask) -> None:
    def outcomes(order: list[int]) -> dict[int, bool]:
        server = serve(seeded(lambda asked: Scripted("x"), {Fault.BAD_REQUEST: 0.3, Fault.HTML: 0.2}, seed=3))
        model, failed = ask(server), dict[int, bool]()
        for number in order:
            try:
                model.reply(question(str(number)))
                failed[number] = False
            except ProviderError:
                failed[number] = True
        return failed

    forward, backward = outcomes(list(range(60))), outcomes(list(range(59, -1, -1)))
    assert forward == backward
    assert 15 < Counter(forward.values())[True] < 45


def test_a_repeated_question_draws_anew() -> None:
    script = seeded(lambda asked: Scripted("x"), {Fault.RESET: 0.5})
    assert {script({"messages": []}).fault for _ in range(30)} == {Fault.RESET, None}


def test_a_script_at_its_end_is_an_error_and_one_that_raises_is_shown(serve: Serve, ask: Ask) -> None:
    model = ask(serve(in_turn([Scripted("only")])), max_retries=0)
    assert model.reply(question()).text == "only"
    with pytest.raises(ProviderError, match="failed once"):
        model.reply(question())
    with pytest.raises(ProviderError, match="ZeroDivisionError"):
        ask(serve(lambda asked: Scripted(str(1 / 0)))).reply(question())


def test_a_slow_reply_may_be_scripted(serve: Serve, ask: Ask) -> None:
    assert ask(serve(Scripted("x", delay=0.1))).reply(question()).seconds >= 0.1
