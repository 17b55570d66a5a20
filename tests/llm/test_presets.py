"""Which server a base URL points to, what it wants, and what can be said otherwise."""

import pytest

from toolrec_cli.errors import UsageError
from toolrec_cli.llm.endpoint import overridden
from toolrec_cli.llm.providers.presets import NAMES, endpoint_for
from toolrec_cli.llm.stack import ModelOptions, endpoint_of

WHERE = [
    (None, "openai", False),
    ("https://api.openai.com/v1", "openai", False),
    ("https://eu.api.openai.com/v1/", "openai", False),
    ("http://localhost:11434/v1", "ollama", True),
    ("http://127.0.0.1:8000/v1", "vllm", True),
    ("http://192.168.1.20:8080/v1", "llamacpp", True),
    ("http://gpu-box:1234/v1", "lmstudio", True),
    ("http://[::1]:11434/v1", "ollama", True),
    ("https://openrouter.ai/api/v1", "openrouter", False),
    ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini", False),
    ("https://api.anthropic.com/v1", "anthropic", False),
    ("https://llm.example:8000/v1", "generic", False),
    ("https://notapi.openai.com.example/v1", "generic", False),
    ("http://localhost:9999/v1", "generic", True),
]


@pytest.mark.parametrize(("url", "preset", "local"), WHERE)
def test_a_url_points_to_a_preset(url: str | None, preset: str, local: bool) -> None:
    endpoint = endpoint_for(url, "m")
    assert (endpoint.preset, endpoint.local) == (preset, local)
    assert not endpoint.base_url.endswith("/")


def test_the_facts_that_the_presets_stand_for() -> None:
    assert endpoint_for(preset="ollama").tool_choice == "none"
    assert endpoint_for(preset="ollama").max_tokens_field == "max_tokens"
    assert endpoint_for(preset="openai", model="gpt-4.1").max_tokens_field == "max_completion_tokens"
    assert not endpoint_for(preset="gemini").send_seed
    anthropic = endpoint_for(preset="anthropic")
    assert (anthropic.protocol, anthropic.response_format, anthropic.send_seed) == ("tools", "none", False)
    assert endpoint_for(preset="openrouter").key_names[-1] == "OPENROUTER_API_KEY"
    assert all(
        endpoint_for(preset=name).local == (name in ("ollama", "vllm", "llamacpp", "lmstudio")) for name in NAMES[:-1]
    )


@pytest.mark.parametrize("model", ["gpt-5-mini", "gpt-5.1", "o3", "o4-mini"])
def test_openais_reasoning_models_are_asked_through_the_responses_api(model: str) -> None:
    endpoint = endpoint_for(None, model)
    assert (endpoint.api, endpoint.send_temperature, endpoint.send_stop) == ("responses", False, False)
    assert endpoint.headroom > 1000


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-4o", "gpt-5-chat-latest"])
def test_its_other_models_are_not(model: str) -> None:
    assert (endpoint_for(None, model).api, endpoint_for(None, model).headroom) == ("chat", 0)


def test_the_address_of_a_named_preset_is_its_own_unless_one_is_given() -> None:
    assert endpoint_for(preset="vllm").base_url == "http://localhost:8000/v1"
    far = endpoint_for("https://vllm.example/v1", preset="vllm")
    assert (far.base_url, far.local) == ("https://vllm.example/v1", False)
    with pytest.raises(UsageError, match="has no address of its own"):
        endpoint_for(preset="generic")


WRONG = [
    ("localhost:11434", "is no address of a server"),
    ("ftp://host/v1", "is no address of a server"),
    ("http://host:port/v1", "is no address of a server"),
    ("https://me:hunter22@host/v1", "holds a secret"),
    ("https://host/v1?api_key=hunter22", "holds a secret"),
    ("mailto://me:hunter22@host", "is no address of a server"),
]


@pytest.mark.parametrize(("url", "message"), WRONG)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_without_repeating_the_secret(
    url: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        endpoint_for(url)
    assert "hunter22" not in f"{raised.value.message} {raised.value.hint}"


def test_a_query_that_is_no_secret_is_left_alone() -> None:
    assert endpoint_for("https://host/v1?api-version=2026-01-01").base_url.endswith("?api-version=2026-01-01")


def test_an_unknown_preset_gets_the_near_miss() -> None:
    with pytest.raises(UsageError, match="Did you mean 'ollama'"):
        endpoint_for(preset="olama")


def test_settings_are_overridden_by_name() -> None:
    changed = overridden(
        endpoint_for(preset="openai"),
        ["send_seed=no", "headroom=4096", "tool-choice=auto", 'extra_body={"top_p": 0.9}', "api=responses"],
    )
    assert (changed.send_seed, changed.headroom, changed.tool_choice) == (False, 4096, "auto")
    assert (changed.extra_body, changed.api) == ({"top_p": 0.9}, "responses")


BAD_SETTINGS = [
    ("send_sede=no", "There is no server setting 'send_sede'. Did you mean 'send_seed'"),
    ("base_url=x", "There is no server setting 'base_url'"),
    ("send_seed", "says no value"),
    ("send_seed=perhaps", "is yes or no"),
    ("headroom=-1", "is a whole number"),
    ("api=completions", "api is one of chat, responses"),
    ("extra_body=[1]", "is a JSON object"),
    ("extra_body={", "is a JSON object"),
    ('extra_body={"api_key": "x"}', "holds a secret"),
    ('extra_body={"metadata": {"api_key": "x"}}', "holds a secret"),
    ('extra_body={"headers": [{"access_token": "x"}]}', "holds a secret"),
    ('extra_body={"user": "sk-proj-123456789012"}', "holds a secret"),
]


@pytest.mark.parametrize(("setting", "message"), BAD_SETTINGS)
def test_a_setting_that_is_none_is_refused(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", "[?]")):
        overridden(endpoint_for(preset="openai"), [setting])


def test_the_environment_says_the_address_where_nobody_typed_one() -> None:
    there = {"OPENAI_BASE_URL": "http://localhost:8080/v1"}
    assert endpoint_of(ModelOptions("m"), there).preset == "llamacpp"
    assert endpoint_of(ModelOptions("m", base_url="http://localhost:11434/v1"), there).preset == "ollama"
    assert endpoint_of(ModelOptions("m", server="ollama"), there).base_url == "http://localhost:11434/v1"
    assert endpoint_of(ModelOptions("m"), {"OPENAI_BASE_URL": ""}).preset == "openai"
    assert endpoint_of(ModelOptions("gpt-5", api="chat"), {}).api == "chat"


def test_what_is_no_secret_may_be_in_the_body() -> None:
    body = '{"top_p": 0.9, "max_tokens": 5, "reasoning": {"effort": "low", "tokens": 3}, "user": "skipper"}'
    assert overridden(endpoint_for(preset="openai"), [f"extra_body={body}"]).extra_body["max_tokens"] == 5
