"""Where a key is found, when it is refused, and that it shows nowhere."""

import json
import logging
import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest
from doubles import SECRET, question

from toolrec_cli.errors import InputError, ProviderError, ToolRecError
from toolrec_cli.llm.keys import Key, find_key
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.llm.providers.presets import endpoint_for
from toolrec_cli.llm.recorded import Exchange
from toolrec_cli.llm.stack import ModelOptions, build, cache_path
from toolrec_cli.testing import Fault, LoopbackServer, Scripted

NAMES = ("TOOLREC_API_KEY", "OPENAI_API_KEY")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_goes_before_the_dotenv_file_and_a_named_file_before_both(tmp_path: Path) -> None:
    write(tmp_path / ".env", "OPENAI_API_KEY=from-dotenv\n")
    named = write(tmp_path / "key", "from-file\n")
    both = {"OPENAI_API_KEY": " from-environment "}
    found = [find_key(NAMES, both, tmp_path, named), find_key(NAMES, both, tmp_path), find_key(NAMES, {}, tmp_path)]
    assert [key and (key.reveal(), key.source) for key in found] == [
        ("from-file", "key"),
        ("from-environment", "OPENAI_API_KEY"),
        ("from-dotenv", ".env"),
    ]
    first = find_key(NAMES, both | {"TOOLREC_API_KEY": "own"}, tmp_path)
    assert first is not None
    assert first.reveal() == "own"


def test_no_key_is_no_error(tmp_path: Path) -> None:
    assert find_key(NAMES, {}, tmp_path) is None
    assert find_key(NAMES, {"OPENAI_API_KEY": ""}) is None
    assert find_key((), {"OPENAI_API_KEY": "x"}, tmp_path) is None


@pytest.mark.parametrize(
    "line",
    [
        "OPENAI_API_KEY=k-1",
        "export OPENAI_API_KEY = 'k-1'",
        '# first\nOTHER=2\nOPENAI_API_KEY="k-1"',
        "OPENAI_API_KEY=k-1 # mine",
    ],
)
def test_a_dotenv_file_as_people_write_it(tmp_path: Path, line: str) -> None:
    write(tmp_path / ".env", line + "\n")
    found = find_key(NAMES, {}, tmp_path)
    assert found is not None
    assert found.reveal() == "k-1"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "key", SECRET, mode)
    with pytest.raises(InputError, match="can be read by others") as raised:
        find_key(NAMES, {}, None, path)
    assert raised.value.hint == f"Type: chmod 600 {path}"
    write(tmp_path / ".env", f"OPENAI_API_KEY={SECRET}", mode)
    with pytest.raises(InputError, match="can be read by others"):
        find_key(NAMES, {}, tmp_path)
    assert find_key(NAMES, {"OPENAI_API_KEY": "there"}, tmp_path) is not None, (
        "a file that is not needed is not looked at"
    )


@pytest.mark.parametrize(("text", "message"), [("", "does not hold one key"), ("two keys", "does not hold one key")])
def test_a_file_without_one_key_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_key(NAMES, {}, None, write(tmp_path / "key", text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_key(NAMES, {}, None, tmp_path / "nowhere")


@pytest.mark.parametrize("secret", ["sk-naïve-secret", "sk two", "sk\nX-Evil: 1", "sk-\x1b[31m"])
def test_what_cannot_stand_in_a_header_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(InputError, match="characters that no key has") as raised:
        find_key(NAMES, {"OPENAI_API_KEY": secret})
    assert secret not in f"{raised.value.message} {raised.value.hint}"


def test_a_key_shows_itself_to_nobody() -> None:
    key = Key(SECRET, "OPENAI_API_KEY")
    shown = [repr(key), str(key), f"{key}", f"{key!r:>40}", repr([key]), repr({"key": key})]
    assert not any(SECRET in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError):
        asdict(key)  # type: ignore[call-overload]


def test_a_placeholder_is_not_hidden_everywhere() -> None:
    assert Key("none", "x").hide_in("none of them") == "none of them"
    assert Key(SECRET, "x").hide_in(f"a {SECRET} b") == "a [key] b"


class Everything:
    """What a run writes, says, logs and raises."""

    def __init__(self, workspace: Path) -> None:
        self.workspace, self.said = workspace, list[str]()

    def sink(self, exchange: Exchange) -> None:
        with (self.workspace / "exchanges.jsonl").open("a") as log:
            log.write(json.dumps(exchange.as_json()) + "\n")

    def run(self, url: str, key: dict[str, str]) -> None:
        options = ModelOptions("m", url, timeout=0.2, max_retries=1, cache=cache_path(self.workspace))
        stack = build(options, key, self.workspace, sink=self.sink, note=self.said.append)
        try:
            stack.model.reply(question(seed=1))
        except ToolRecError as error:
            self.said += [str(error), repr(error), str(error.hint), *traceback.format_exception(error)]
        self.said += [repr(vars(each)) for each in (stack, stack.server, stack.ledger, stack.budget)]
        self.said += [json.dumps(stack.ledger.total.as_json()), repr(stack.endpoint.identity()), *stack.notes]
        stack.close()

    def texts(self) -> list[bytes]:
        files = [path.read_bytes() for path in self.workspace.rglob("*") if path.is_file() and path.name != ".env"]
        return [*files, *(text.encode() for text in self.said)]


@pytest.mark.parametrize("fault", [None, *Fault])
def test_the_key_is_in_no_file_message_log_or_traceback(
    serve: Callable[..., LoopbackServer], tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault | None
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(Scripted(f"Your key is {SECRET}.", fault=fault))
    write(tmp_path / ".env", f"TOOLREC_API_KEY={SECRET}\n")
    everything = Everything(tmp_path)
    everything.run(server.base_url, {})
    assert server.received[0].headers["authorization"] == f"Bearer {SECRET}", "else the test proves nothing"
    assert len(everything.texts()) > 5
    assert not any(SECRET.encode() in text for text in everything.texts())
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_server_that_repeats_the_key_in_its_error_is_not_quoted_with_it(status: int) -> None:
    import httpx2

    from toolrec_cli.llm.providers.client import OpenAICompatible
    from toolrec_cli.llm.providers.presets import endpoint_for

    said = {"error": {"message": f"Incorrect API key provided: {SECRET}."}}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, json=said))
    model = OpenAICompatible(
        "m", endpoint_for("https://h.example/v1"), Key(SECRET, "X"), max_retries=0, transport=transport
    )
    with pytest.raises(ToolRecError) as raised:
        model.reply(question())
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert "Incorrect API key provided: [key]." in raised.value.message


def test_a_key_that_is_repeated_in_escapes_is_hidden_too() -> None:
    import httpx2

    from toolrec_cli.llm.providers.client import OpenAICompatible
    from toolrec_cli.llm.providers.presets import endpoint_for

    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    message = '{"role": "assistant", "content": "It is ' + escaped + '."}'
    body = '{"choices": [{"message": ' + message + ', "finish_reason": "stop"}]}'
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=body.encode()))
    model = OpenAICompatible("m", endpoint_for("https://h.example/v1"), Key(SECRET, "X"), transport=transport)
    reply = model.reply(question())
    assert reply.text == "It is [key]."
    assert SECRET not in json.dumps(dict(reply.raw))


VENDORS = {
    "OPENAI_API_KEY": "https://api.openai.com/v1",
    "OPENROUTER_API_KEY": "https://openrouter.ai/api/v1",
    "GEMINI_API_KEY": "https://generativelanguage.googleapis.com/v1beta/openai",
    "ANTHROPIC_API_KEY": "https://api.anthropic.com/v1",
}
PRESETS = (None, "openai", "openrouter", "gemini", "anthropic", "ollama", "vllm", "llamacpp", "lmstudio", "generic")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "url",
    [
        *VENDORS.values(),
        "http://api.openai.com/v1",  # would go out unencrypted
        "https://api.openai.com.example/v1",
        "https://notapi.openai.com.example/v1",
        "https://llm.example/v1",
        "http://localhost:11434/v1",
        "http://192.168.1.20:9999/v1",
    ],
)
def test_a_providers_key_is_for_its_own_host_alone_whatever_the_preset(url: str, preset: str | None) -> None:
    environment = {name: f"key-of-{name}" for name in VENDORS}
    found = find_key(endpoint_for(url, "m", preset).key_names, environment)
    owner = {where: name for name, where in VENDORS.items()}.get(url)
    named = {"openai": "OPENAI_API_KEY", "openrouter": "OPENROUTER_API_KEY", "gemini": "GEMINI_API_KEY"}
    named |= {"anthropic": "ANTHROPIC_API_KEY", None: owner or ""}
    expected = owner if named.get(preset) == owner else None
    assert (found.source if found else None) == expected
    own = find_key(endpoint_for(url, "m", preset).key_names, {**environment, "TOOLREC_API_KEY": "mine"})
    assert own is not None
    assert own.source == "TOOLREC_API_KEY"


@pytest.mark.parametrize("words", [(), ("openai",), ("generic",), ("ollama",)])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_nothing_of_openais_leaves_for_a_server_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], api: str
) -> None:
    """Whatever the SDK finds in the environment by itself: key, organisation, project, headers."""
    names = ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET")
    for name in names:
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Gateway: {SECRET}")
    with LoopbackServer(lambda asked: Scripted("Hello."), key="another") as server:
        options = ModelOptions("m", server.base_url, *words, api=api, max_retries=0)  # type: ignore[arg-type]
        stack = build(options, os.environ, Path())
        with pytest.raises(ProviderError, match="wants a key, and none was found") as raised:
            stack.model.reply(question())
        stack.close()
        (received,) = server.received
    assert SECRET not in json.dumps([dict(received.headers), received.body])
    assert received.headers["authorization"] == "Bearer none"
    assert "TOOLREC_API_KEY" in str(raised.value.hint)
    assert "OPENAI_API_KEY) goes to that provider alone" in str(raised.value.hint)


def test_what_the_sdk_finds_for_openai_goes_to_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    sent: list[httpx2.Request] = []
    body = {"choices": [{"message": {"role": "assistant", "content": "Hello."}}]}
    transport = httpx2.MockTransport(lambda request: sent.append(request) or httpx2.Response(200, json=body))
    for url, organisation in ((None, "org-1"), ("https://llm.example/v1", None)):
        model = OpenAICompatible("m", endpoint_for(url, "m"), Key(SECRET, "k"), transport=transport)
        assert model.reply(question()).text == "Hello."
        assert sent[-1].headers.get("openai-organization") == organisation
