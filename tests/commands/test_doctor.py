"""toolrec doctor: a workspace, and servers good and bad."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from toolrec_cli.testing import Call, Fault, LoopbackServer, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate

Run = Callable[..., CompletedProcess[str]]
SECRET = "sk-test-4f9a8c77d21e4b0f"


pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def obedient(asked: dict[str, Any]) -> Scripted:
    """A server that does everything as told."""
    said = asked["messages"][-1]["content"]
    if "response_format" in asked:
        return Scripted('{"word": "zyx-31"}')
    if "Rome" in said:
        return Scripted(calls=(Call.of("weather", city="Rome"), Call.of("weather", city="Oslo")))
    if "tools" in asked:
        return Scripted(calls=(Call.of("weather", city="?"),))
    if "Count" in said:
        return Scripted("1\n2\n3\n", finish_reason="length")
    return Scripted("1 2 3 4 " if "stop" in asked else "Hello.")


def stubborn(asked: dict[str, Any]) -> Scripted:
    """One that only ever chats, at length."""
    return Scripted("Hello! 1 2 3 4 5 6 7 8 9. " * 20)


def found(said: CompletedProcess[str]) -> dict[str, Any]:
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_an_obedient_server(toolrec: Run, tmp_path: Path) -> None:
    with LoopbackServer(obedient, models=["tiny-1", "tiny-2"]) as server:
        document = found(toolrec("doctor", "--base-url", server.base_url, "--json", "-w", tmp_path))
        assert server.count == document["facts"]["calls"] == 7
    facts = document["facts"]
    verdicts = {name: value for name, value in facts.items() if value in ("yes", "ignored", "refused", "unclear")}
    assert set(verdicts.values()) == {"yes"}
    assert len(verdicts) == 9
    assert (facts["truncation"], facts["calls_at_once"], facts["said"]) == ("finish_reason 'length'", 2, {})
    assert (document["model"], document["models"]) == ("tiny-1", ["tiny-1", "tiny-2"])
    assert (document["schema_version"], document["preset"], document["protocol"]) == (1, "generic", "json")
    assert document["flags"] == [
        *("--model", "tiny-1", "--base-url", server.base_url),
        *("--server", "generic", "--protocol", "json"),
    ]
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


OF_BOTH = {"json_schema": "yes", "tools": "yes", "tool_choice": "yes", "temperature": "yes", "calls_at_once": 2}


@pytest.mark.parametrize("apis", [["chat"], ["responses"], ["chat", "responses"]])
@pytest.mark.parametrize("words", [[], ["--api", "responses"], ["--server", "openai"], ["--api", "chat"]])
def test_the_played_model_is_found_to_do_all_through_whatever_interface_there_is(
    toolrec: Run, tmp_path: Path, apis: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor's facts, its advice and what the server has do not contradict one another; its flags work."""
    monkeypatch.setenv("TOOLREC_API_KEY", SECRET)
    wanted = "responses" if words != ["--api", "chat"] and words else "chat"
    through = wanted if wanted in apis else apis[0]
    with LoopbackServer(PlayedSurrogate(), apis=apis) as server:
        base = ["--base-url", server.base_url, "--model", "gpt-5-mini"]
        document = found(toolrec("doctor", *base, *words, "--json", "-w", tmp_path))
        assert document["facts"]["calls"] == server.count + (len(apis) == 1)
        shown = toolrec("doctor", *base, *words, "-w", tmp_path)
    facts = document["facts"]
    assert {name: facts[name] for name in OF_BOTH} == OF_BOTH
    assert (facts["api"], facts["truncation"]) == (through, "finish_reason 'length'")
    has = {"chat": facts["chat_api"], "responses": facts["responses_api"]} | (
        {"chat": "yes"} if through == "chat" else {}
    )
    assert [name for name, verdict in has.items() if verdict == "yes"] == apis
    assert document["protocol"] == "json"
    preset_api = "responses" if words == ["--server", "openai"] else "chat"
    differs = [f"api={through}"] if through != preset_api else []
    assert [setting for setting in document["settings"] if setting.startswith("api=")] == differs
    assert ("Asked through the Responses API." in shown.stdout) == (through == "responses")
    assert ("max_output_tokens" in shown.stdout) == (through == "responses")


def test_the_doctors_flags_are_what_such_a_server_is_asked_with(toolrec: Run, workspace: Path) -> None:
    with LoopbackServer(PlayedSurrogate(), apis=["responses"]) as server:
        flags = found(toolrec("doctor", "--base-url", server.base_url, "--model", "m", "--json", "-w", workspace))[
            "flags"
        ]
        assert toolrec("recommend", "--user", "42", "-w", workspace, *flags).returncode == 0
        wrong = toolrec("recommend", "--user", "42", "-w", workspace, *flags[:4])
    assert wrong.returncode == 4
    assert "has no /chat/completions" in wrong.stderr
    assert "asked with --api responses" in wrong.stderr


def test_a_stubborn_server_is_told_apart(toolrec: Run, tmp_path: Path) -> None:
    with LoopbackServer(stubborn, refuses={"seed", "tools", "max_completion_tokens"}, apis=["chat"]) as server:
        document = found(toolrec("doctor", "--base-url", server.base_url, "--model", "m", "--json", "-w", tmp_path))
    facts = document["facts"]
    assert {name: facts[name] for name in ("json_schema", "tools", "tool_choice", "seed", "temperature", "stop")} == {
        "json_schema": "ignored",
        "tools": "refused",
        "tool_choice": "refused",
        "seed": "refused",
        "temperature": "yes",
        "stop": "ignored",
    }
    assert (facts["max_tokens"], facts["max_completion_tokens"]) == ("ignored", "refused")
    assert "Unsupported parameter: 'seed'" in facts["said"]["seed"]
    assert "has no /responses" in facts["said"]["responses_api"]
    assert (document["preset"], document["protocol"], document["settings"]) == ("ollama", "react", ["send_seed=no"])


def test_a_server_that_breaks_down_over_a_schema_still_gets_advice(toolrec: Run, tmp_path: Path) -> None:
    def fragile(asked: dict[str, Any]) -> Scripted:
        return Scripted(fault=Fault.SERVER_ERROR) if "response_format" in asked else obedient(asked)

    with LoopbackServer(fragile) as server:
        document = found(toolrec("doctor", "--base-url", server.base_url, "--model", "m", "--json", "-w", tmp_path))
    assert (document["facts"]["json_schema"], document["protocol"], document["settings"]) == ("failed", "tools", [])
    assert "failed 2 times (500" in document["facts"]["said"]["json_schema"]


@pytest.mark.parametrize(
    ("refuses", "settings"),
    [
        ({"max_tokens"}, ["max_tokens_field=max_completion_tokens"]),
        ({"temperature", "stop"}, ["send_temperature=no", "send_stop=no"]),
    ],
)
def test_what_no_preset_says_becomes_a_setting(
    toolrec: Run, tmp_path: Path, refuses: set[str], settings: list[str]
) -> None:
    with LoopbackServer(obedient, refuses=refuses) as server:
        document = found(toolrec("doctor", "--base-url", server.base_url, "--model", "m", "--json", "-w", tmp_path))
    assert document["settings"] == settings
    assert document["flags"][-2:] == ["--server-setting", settings[-1]]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_server_that_counts_no_tokens_and_cuts_off_without_a_word(toolrec: Run, tmp_path: Path, api: str) -> None:
    def silent(asked: dict[str, Any]) -> Scripted:
        reply = obedient(asked)
        ended = "stop" if reply.ended == "length" else reply.finish_reason
        return replace(reply, finish_reason=ended, counted=False)

    with LoopbackServer(silent, apis=[api]) as server:
        words = ["--base-url", server.base_url, "--model", "m", "-w", tmp_path]
        facts = found(toolrec("doctor", *words, "--json"))["facts"]
        shown = toolrec("doctor", *words).stdout
    assert (facts["usage"], facts["cached_tokens"], facts["truncation"]) == (False, False, "finish_reason 'stop'")
    assert "It counts no tokens. A cut-off answer: finish_reason 'stop'." in shown


def test_as_a_table(toolrec: Run, tmp_path: Path) -> None:
    with LoopbackServer(obedient) as server:
        said = toolrec("doctor", "--base-url", server.base_url, "--model", "[red]m[/red]", "-w", tmp_path)
    assert said.returncode == 0
    assert f"[red]m[/red] at {server.base_url}, 7 calls" in said.stdout
    assert "It counts tokens, cached ones apart. A cut-off answer: finish_reason 'length'." in said.stdout
    assert f"--base-url {server.base_url} --server generic --protocol json\n" in said.stdout
    assert "Price: n/a: a local server" in said.stdout


def test_a_server_that_is_not_there_is_exit_4(toolrec: Run, tmp_path: Path) -> None:
    for words in (["--model", "m"], []):
        said = toolrec("doctor", "--base-url", "http://127.0.0.1:9/v1", *words, "-w", tmp_path)
        assert (said.returncode, said.stdout) == (4, "")
        assert "cannot be reached (connection refused)" in said.stderr


@pytest.mark.parametrize("fault", [Fault.UNAUTHORIZED, Fault.HTML, Fault.EMPTY_BODY, Fault.SERVER_ERROR])
def test_a_server_that_does_not_answer_is_exit_4(toolrec: Run, tmp_path: Path, fault: Fault) -> None:
    with LoopbackServer(lambda asked: Scripted("x", fault=fault)) as server:
        said = toolrec("doctor", "--base-url", server.base_url, "--model", "m", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (4, "")
    assert "Hint: " in said.stderr


def test_the_key_is_found_in_the_workspace_and_not_shown(toolrec: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"TOOLREC_API_KEY={SECRET}\n")
    (tmp_path / ".env").chmod(0o600)
    with LoopbackServer(obedient, key=SECRET) as server:
        said = toolrec("doctor", "--base-url", server.base_url, "--model", "m", "-w", tmp_path)
    assert said.returncode == 0
    assert "Key: .env." in said.stdout
    assert SECRET not in said.stdout + said.stderr


def test_a_healthy_workspace(toolrec: Run, workspace: Path) -> None:
    said = toolrec("doctor", "-w", workspace)
    assert said.returncode == 0
    assert "Data sets: sample (80 users)" in said.stdout
    assert "Runs: 3 done" in said.stdout
    assert "torch " in said.stdout
    assert said.stderr == "Nothing is wrong.\n"


def test_a_sick_workspace(toolrec: Run, workspace: Path) -> None:
    (workspace / "datasets" / "sample" / "dataset.json").write_text("{")
    next((workspace / "runs").glob("*/run.json")).write_text("{}")
    (workspace / ".env").write_text("OPENAI_API_KEY=x")
    (workspace / ".env").chmod(0o644)
    said = toolrec("doctor", "-w", workspace, "--json")
    assert said.returncode == 6
    document = json.loads(said.stdout)
    problems = " ".join(f"{each['what']} {each['hint']}" for each in document["problems"])
    assert len(document["problems"]) == 3
    for part in ("sample cannot be used", "toolrec prep sample --force", "run.json cannot be read", "chmod 600"):
        assert part in problems
    assert document["runs"] == {"done": 2}


def test_an_empty_folder_is_left_empty(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("doctor", "-w", tmp_path / "nothing" / "here")
    assert said.returncode == 0
    assert "Data sets: none" in said.stdout
    assert list(tmp_path.iterdir()) == []
