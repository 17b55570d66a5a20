"""Every way in which a server fails ends in one sentence, one hint and no key; what passes is got over."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from doubles import SECRET, question

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.failures import Unanswered
from toolrec_cli.llm.keys import Key
from toolrec_cli.llm.messages import ToolSpec
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.llm.providers.presets import endpoint_for
from toolrec_cli.testing import Fault, LoopbackServer, Scripted, in_turn
from toolrec_cli.testing.replies import PASSING

Serve = Callable[..., LoopbackServer]
Ask = Callable[..., OpenAICompatible]

LASTING = [
    (Fault.UNAUTHORIZED, "URL refuses the key from OPENAI_API_KEY (401: Incorrect API key provided.).", "may use m"),
    (Fault.NO_MODEL, "URL has no model 'm' (404: The model 'm' does not exist.).", "toolrec doctor --base-url URL"),
    (
        Fault.BAD_REQUEST,
        "URL refuses the request (400: This request makes no sense.).",
        "doctor --base-url URL --model m",
    ),
    (
        Fault.CONTENT,
        "URL refuses the question for its content (400: The prompt was flagged by the content policy.).",
        "Leave this user out.",
    ),
    (Fault.RATE_LIMIT, "URL still turns requests away, asked 3 times (429: Rate limit reached.).", "--concurrency"),
    (Fault.RATE_LIMIT_AFTER, "URL still turns requests away, asked 3 times (429: Rate limit reached.).", "--rpm"),
    (Fault.SERVER_ERROR, "URL failed 3 times (500: The server had an error.).", "Try again later"),
    (Fault.UNAVAILABLE, "URL failed 3 times (503: The server is overloaded.).", "Try again later"),
    (Fault.RESET, "URL broke the connection off, 3 times.", "its own log"),
    (Fault.CUT_BODY, "URL broke the connection off, 3 times.", "its own log"),
    (Fault.SLOW_BODY, "URL did not answer within 0.2 seconds, asked 3 times.", "--timeout"),
    (Fault.TIMEOUT, "URL did not answer within 0.2 seconds, asked 3 times.", "--timeout"),
    (Fault.EMPTY_BODY, "URL sent an empty answer.", "toolrec doctor"),
    (Fault.HTML, "URL answers with a web page instead of JSON.", "Check --base-url"),
    (Fault.HALF_JSON, "URL sent what is no answer: it is not JSON, or not all of it.", "toolrec doctor"),
]


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(("fault", "message", "hint"), LASTING, ids=[fault for fault, _, _ in LASTING])
def test_a_lasting_fault_is_one_exact_sentence(
    serve: Serve, ask: Ask, api: str, fault: Fault, message: str, hint: str
) -> None:
    server = serve(Scripted("x", fault=fault), drip=0.01)
    slow = fault in (Fault.SLOW_BODY, Fault.TIMEOUT)
    with pytest.raises(ProviderError) as raised:
        ask(server, api=api, timeout=0.2 if slow else 5.0).reply(question())
    assert raised.value.message.replace(server.base_url, "URL") == message
    assert hint in str(raised.value.hint).replace(server.base_url, "URL")
    assert raised.value.exit_code == 4


def test_every_fault_is_in_the_table() -> None:
    assert {fault for fault, _, _ in LASTING} | {Fault.UNKNOWN_PARAMETER} == set(Fault)


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_got_over(serve: Serve, ask: Ask, fault: Fault) -> None:
    server = serve(in_turn([Scripted("x", fault=fault), Scripted("there")]))
    reply = ask(server).reply(question())
    assert (reply.text, reply.retries, server.count) == ("there", 1, 2)


def test_a_server_that_says_when_to_come_again_is_waited_for(serve: Serve, ask: Ask) -> None:
    """Without its word the tests' pause is a thousandth of a second."""
    server = serve(in_turn([Scripted("x", fault=Fault.RATE_LIMIT_AFTER), Scripted("there")]), retry_after=0.3)
    begun = time.monotonic()
    assert ask(server).reply(question()).text == "there"
    assert time.monotonic() - begun >= 0.3


def test_what_may_have_been_billed_is_told_apart(serve: Serve, ask: Ask) -> None:
    billed = (
        Fault.RESET,
        Fault.CUT_BODY,
        Fault.SLOW_BODY,
        Fault.TIMEOUT,
        Fault.EMPTY_BODY,
        Fault.HTML,
        Fault.HALF_JSON,
    )
    for fault, _, _ in LASTING:
        timeout = 0.2 if fault in (Fault.SLOW_BODY, Fault.TIMEOUT) else 5.0
        with pytest.raises(ProviderError) as raised:
            ask(serve(Scripted("x", fault=fault)), timeout=timeout, max_retries=0).reply(question())
        assert isinstance(raised.value, Unanswered) == (fault in billed), fault


def test_a_server_that_is_not_there(ask: Ask) -> None:
    with pytest.raises(ProviderError, match=r"^http://127.0.0.1:9/v1 cannot be reached \(connection refused\)\.$"):
        ask("http://127.0.0.1:9/v1", max_retries=0).reply(question())


def test_a_key_that_is_wanted_and_missing_is_asked_for(serve: Serve, ask: Ask) -> None:
    with pytest.raises(ProviderError, match="wants a key, and none was found") as raised:
        ask(serve(Scripted(), key=SECRET), key=None).reply(question())
    assert "chmod 600 .env" in str(raised.value.hint)


def test_the_right_key_is_sent(serve: Serve, ask: Ask) -> None:
    assert ask(serve(Scripted("in"), key=SECRET)).reply(question()).text == "in"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_refused_parameter_is_left_out_from_then_on_and_noted_once(serve: Serve, ask: Ask, api: str) -> None:
    server, notes = serve(Scripted("x"), refuses={"temperature", "seed"}), list[str]()
    model = ask(server, api=api, note=notes.append)
    for _ in range(3):
        assert model.reply(question(seed=1)).text == "x"
    refused = 2 if api == "chat" else 1
    assert server.count == 3 + refused
    assert sorted(note.split("'")[1] for note in notes) == ["seed", "temperature"][-refused:]
    assert len(model.notes) == refused


def test_a_token_limit_goes_under_its_other_name(serve: Serve, ask: Ask) -> None:
    server = serve(Scripted("x"), refuses={"max_tokens"})
    ask(server).reply(question(max_tokens=9))
    assert server.received[1].body["max_completion_tokens"] == 9
    both = serve(Scripted("x"), refuses={"max_tokens", "max_completion_tokens"})
    ask(both).reply(question(max_tokens=9))
    assert "max_completion_tokens" not in both.received[-1].body


def test_a_schema_that_is_refused_is_told_in_words(serve: Serve, ask: Ask) -> None:
    server = serve(Scripted("{}"), refuses={"response_format"})
    ask(server).reply(question(schema={"type": "object"}))
    assert '{"type": "object"}' in server.received[1].body["messages"][0]["content"]


def answering(status: int, body: Any, **headers: str) -> OpenAICompatible:
    """A client whose server says the same always."""
    said = {"text": body} if isinstance(body, str) else {"json": body}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, headers=headers, **said))
    endpoint = endpoint_for("https://llm.example/v1", "m")
    return OpenAICompatible("m", endpoint, Key(SECRET, "OPENAI_API_KEY"), max_retries=0, transport=transport)


COMPLAINTS = [
    ("seed", {"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}),
    (
        "seed",
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
    ),
    ("seed", {"error": {"message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}}),
    ("temperature", {"error": {"message": "`temperature` is not supported with this model.", "param": None}}),
    ("seed", [{"error": {"message": "property 'seed' is unsupported"}}]),
    ("strict", {"error": {"message": "tools.0.function.strict: Extra inputs are not permitted"}}),
    ("tool_choice", "unexpected field tool_choice"),
]


@pytest.mark.parametrize(("parameter", "complaint"), COMPLAINTS)
def test_servers_complain_in_many_words(parameter: str, complaint: Any) -> None:
    from toolrec_cli.llm.providers.failures import said_by
    from toolrec_cli.llm.providers.unsupported import refused_parameter, without

    sent = {"model": "m", "messages": [], "seed": 1, "temperature": 0.0, "tool_choice": "required"}
    sent |= {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}
    assert refused_parameter(sent, complaint, said_by(complaint)) == parameter
    left = without(sent, frozenset({parameter}))
    assert parameter not in left
    assert ("strict" in left["tools"][0]["function"]) == (parameter != "strict")


def test_a_complaint_about_the_content_is_no_complaint_about_a_parameter() -> None:
    with pytest.raises(ProviderError, match="refuses the request"):
        answering(400, {"error": {"message": "messages: roles must alternate"}}).reply(question(seed=1))


SPECIAL = [
    (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, {}, "The question is too long for m"),
    (402, {"error": {"message": "Insufficient credits"}}, {}, "has no credit left (402: Insufficient credits)"),
    (429, {"error": {"message": "quota", "code": "insufficient_quota"}}, {}, "has no credit left (429: quota)"),
    (429, {"error": {"message": "slow down"}}, {"retry-after": "3600"}, "asks to wait 3,600 seconds (429: slow down)"),
    (301, "", {"location": "https://new.example/v1/chat/completions"}, "elsewhere (301, to https://new.example/v1)"),
    (404, "404 page not found", {}, "has no /chat/completions (404: 404 page not found)"),
    (403, "<html>Forbidden</html>", {}, "refuses the key from OPENAI_API_KEY (403)."),
    (
        200,
        {"error": {"message": "Provider returned error", "code": 502}},
        {},
        "the server says: Provider returned error",
    ),
    (200, {"choices": []}, {}, "it has no choices"),
    (200, {"choices": [{"message": None}]}, {}, "its choice has no message"),
    (200, "[1, 2]", {}, "its JSON is no object"),
    (503, "x" * 5000, {}, "x…)."),
]


@pytest.mark.parametrize(("status", "body", "headers", "message"), SPECIAL)
def test_what_servers_say_besides(status: int, body: Any, headers: dict[str, str], message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        answering(status, body, **headers).reply(question())
    assert message in raised.value.message
    assert raised.value.hint
    assert len(raised.value.message) < 500


def test_tools_are_never_left_out() -> None:
    model = answering(400, {"error": {"message": "tools is not supported", "param": "tools"}})
    with pytest.raises(ProviderError, match="tools is not supported"):
        model.reply(question(tools=(ToolSpec("f", "", {"type": "object"}),)))
