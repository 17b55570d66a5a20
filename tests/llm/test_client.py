"""What goes over the wire and what comes back, through both interfaces, against a real server."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from doubles import question

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.messages import Message, Request, ToolCall, ToolSpec, Usage
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.llm.providers.presets import endpoint_for
from toolrec_cli.testing import Call, LoopbackServer, Scripted, cut_off, half_a_call

Serve = Callable[..., LoopbackServer]
Ask = Callable[..., OpenAICompatible]

APIS = ["chat", "responses"]
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}
TOOL = ToolSpec("retrieve", "Ask for items.", SCHEMA)


def test_a_chat_completion_says_everything_in_one_order(serve: Serve, ask: Ask) -> None:
    server = serve(Scripted('{"x": "y"}'))
    model = ask(server, extra_body={"top_p": 0.5})
    model.reply(question(schema=SCHEMA, seed=7, max_tokens=64))
    assert json.dumps(server.received[0].body) == json.dumps(
        {
            "model": "m",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
            "max_tokens": 64,
            "temperature": 0.0,
            "seed": 7,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
            },
            "top_p": 0.5,
        }
    )


def test_a_response_says_the_same_in_its_own_words(serve: Serve, ask: Ask) -> None:
    server = serve(Scripted('{"x": "y"}'))
    ask(server, api="responses", headroom=100).reply(question(schema=SCHEMA, seed=7, max_tokens=64))
    assert server.received[0].api == "responses"
    assert server.received[0].body == {
        "model": "m",
        "input": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "max_output_tokens": 164,
        "store": False,
        "temperature": 0.0,
        "text": {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}},
    }


@pytest.mark.parametrize("api", APIS)
def test_text_usage_and_model_come_back(serve: Serve, ask: Ask, api: str) -> None:
    server = serve(Scripted("Grüße, 世界", cached_tokens=3, reasoning_tokens=2))
    reply = ask(server, api=api).reply(question())
    assert (reply.text, reply.calls, reply.finish_reason, reply.refusal) == ("Grüße, 世界", (), "stop", None)
    assert reply.usage == Usage(11, 5, cached_tokens=3, reasoning_tokens=2)
    assert (reply.model, reply.retries, reply.from_cache) == ("m", 0, False)
    assert 0 < reply.seconds < 5


def test_what_the_server_says_it_costs_is_kept(serve: Serve, ask: Ask) -> None:
    assert ask(serve(Scripted("x", cost=0.0123))).reply(question()).usage.cost == 0.0123


@pytest.mark.parametrize("api", APIS)
def test_native_calls_go_there_and_back(serve: Serve, ask: Ask, api: str) -> None:
    server = serve(Scripted(calls=(Call.of("retrieve", x="Drama"),)))
    model = ask(server, api=api, strict_tools=True, one_call=True)
    reply = model.reply(question(tools=(TOOL,)))
    assert reply.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in reply.calls] == [("retrieve", '{"x": "Drama"}')]
    first = server.received[0].body
    assert (first["tool_choice"], first["parallel_tool_calls"]) == ("required", False)
    told = first["tools"][0] if api == "responses" else first["tools"][0]["function"]
    assert (told["name"], told["strict"], told["parameters"]) == ("retrieve", True, SCHEMA)

    answer = Message("tool", "1. A film", call_id=reply.calls[0].call_id)
    again = (*question().messages, Message("assistant", reply.text, raw=reply.raw), answer)
    model.reply(Request(again, tools=(TOOL,)))
    sent = server.received[1].body["messages" if api == "chat" else "input"]
    ids = {str(item.get("tool_call_id") or item.get("call_id")) for item in sent} - {"None"}
    assert ids == {reply.calls[0].call_id}


def test_an_assistants_message_goes_back_verbatim(serve: Serve, ask: Ask) -> None:
    signed = {"role": "assistant", "content": "x", "extra_content": {"google": {"thought_signature": "AbC="}}}
    server = serve(Scripted("y"))
    ask(server).reply(Request((Message("user", "u"), Message("assistant", "x", raw=signed), Message("user", "v"))))
    assert server.received[0].body["messages"][1] == signed


def test_hidden_reasoning_goes_back_verbatim(serve: Serve, ask: Ask) -> None:
    server = serve(Scripted("x", reasoning_tokens=9))
    model = ask(server, api="responses")
    reply = model.reply(question())
    model.reply(Request((*question().messages, Message("assistant", "x", raw=reply.raw), Message("user", "v"))))
    kinds = [item.get("type", item.get("role")) for item in server.received[1].body["input"]]
    assert kinds == ["system", "user", "reasoning", "message", "user"]
    assert server.received[1].body["input"][2]["encrypted_content"] == "gAAA"


@pytest.mark.parametrize("api", APIS)
def test_a_cut_off_answer_says_so(serve: Serve, ask: Ask, api: str) -> None:
    assert ask(serve(cut_off(Scripted("0123456789"), 4)), api=api).reply(question()).finish_reason == "length"
    broken = ask(serve(half_a_call("retrieve", {"x": "Drama"})), api=api).reply(question(tools=(TOOL,)))
    assert (broken.finish_reason, broken.calls[0].arguments) == ("length", '{"x": "')


@pytest.mark.parametrize("api", APIS)
def test_five_calls_and_none_and_a_refusal_are_told_as_they_are(serve: Serve, ask: Ask, api: str) -> None:
    five = Scripted(calls=tuple(Call.of("retrieve", x=str(number)) for number in range(5)))
    assert len(ask(serve(five), api=api).reply(question(tools=(TOOL,))).calls) == 5
    assert ask(serve(Scripted("I would rather not.")), api=api).reply(question(tools=(TOOL,))).calls == ()
    assert ask(serve(Scripted(refusal="I cannot.")), api=api).reply(question()).refusal == "I cannot."


@pytest.mark.parametrize("settings", [{}, {"send_stop": False}, {"api": "responses"}])
def test_text_ends_at_a_stop_sequence_whether_the_server_knows_it_or_not(
    serve: Serve, ask: Ask, settings: dict[str, Any]
) -> None:
    server = serve(Scripted("Thought: a\nObservation: made up", finish_reason="length"))
    reply = ask(server, **settings).reply(question(stop=("\nObservation:",)))
    assert (reply.text, reply.finish_reason) == ("Thought: a", "stop")
    assert ("stop" in server.received[0].body) == (not settings)


@pytest.mark.parametrize("way", ["json_object", "none"])
def test_a_schema_that_cannot_be_sent_is_told_in_words(serve: Serve, ask: Ask, way: str) -> None:
    server = serve(Scripted("{}"))
    ask(server, response_format=way).reply(question(schema=SCHEMA))
    body = server.received[0].body
    assert body.get("response_format", {}).get("type") == (None if way == "none" else "json_object")
    assert json.dumps(SCHEMA, sort_keys=True) in body["messages"][0]["content"]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


ODD = [
    ({"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}, "ab", ()),
    ({"message": {"content": None, "tool_calls": None}, "finish_reason": None}, "", ()),
    (
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"k": 1}}}, "nonsense"]}},
        "",
        (ToolCall("call_0", "f", '{"k": 1}'),),
    ),
    ({"message": {"content": "x", "tool_calls": [{"id": "c"}]}}, "x", (ToolCall("c", "", "{}"),)),
]


@pytest.mark.parametrize(("choice", "text", "calls"), ODD)
def test_odd_answers_are_read_as_far_as_they_go(choice: dict[str, Any], text: str, calls: tuple[ToolCall, ...]) -> None:
    from toolrec_cli.llm.providers import chat

    reply = chat.reply({"choices": [choice], "usage": {"prompt_tokens": "many", "completion_tokens": -3}}, question())
    assert (reply.text, reply.calls, reply.usage) == (text, calls, Usage())


def test_half_a_surrogate_pair_in_a_cut_off_answer_does_no_harm(serve: Serve, ask: Ask) -> None:
    reply = ask(serve(Scripted("whole \U0001f600, half \ud83d"))).reply(question())
    assert reply.text == "whole \U0001f600, half \ufffd"
    assert reply.raw["content"].encode()


def test_many_threads_share_one_client(serve: Serve, ask: Ask) -> None:
    server = serve(lambda asked: Scripted(asked["messages"][-1]["content"]), latency=0.05)
    model = ask(server)
    said: dict[int, str] = {}

    def run(number: int) -> None:
        for turn in range(3):
            said[number * 10 + turn] = model.reply(question(f"{number}-{turn}")).text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number * 10 + turn: f"{number}-{turn}" for number in range(32) for turn in range(3)}
    assert server.count == 96


def test_a_server_lists_its_models(serve: Serve, ask: Ask) -> None:
    assert ask(serve(Scripted(), models=["a", "b"])).models() == ["a", "b"]


def test_without_a_key_a_provider_is_not_asked() -> None:
    """Its refusal, or a network that is not there, would say less."""
    sent: list[Any] = []
    transport = httpx2.MockTransport(lambda request: sent.append(request) or httpx2.Response(200, json={}))
    model = OpenAICompatible("m", endpoint_for(preset="openai"), None, transport=transport)
    with pytest.raises(ProviderError, match=r"There is no key for https://api\.openai\.com/v1") as raised:
        model.reply(question())
    assert "OPENAI_API_KEY" in str(raised.value.hint)
    assert sent == []
