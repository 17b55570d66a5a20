"""What the known servers want, and which of them a base URL points to."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import SplitResult, parse_qsl, urlsplit

from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.llm.endpoint import Endpoint

OPENAI_URL = "https://api.openai.com/v1"
OWN_KEY = "TOOLREC_API_KEY"
"""Goes before every vendor's own variable, whatever the server. Those go to the vendor's own host, and nowhere else."""

_REASONING = re.compile(r"^(o\d|gpt-5)(?!.*chat)")
"""OpenAI's models that think before they answer."""

_LOCAL_SERVER = Endpoint("", "", dynamic_schema=True, local=True, key_names=(OWN_KEY,))

_PRESETS: dict[str, Endpoint] = {
    "openai": Endpoint(
        "",
        OPENAI_URL,
        max_tokens_field="max_completion_tokens",
        strict_tools=True,
        one_call=True,
        key_names=(OWN_KEY, "OPENAI_API_KEY"),
    ),
    "ollama": replace(_LOCAL_SERVER, base_url="http://localhost:11434/v1", tool_choice="none"),
    "vllm": replace(_LOCAL_SERVER, base_url="http://localhost:8000/v1", key_names=(OWN_KEY, "VLLM_API_KEY")),
    "llamacpp": replace(_LOCAL_SERVER, base_url="http://localhost:8080/v1"),
    "lmstudio": replace(_LOCAL_SERVER, base_url="http://localhost:1234/v1"),
    "openrouter": Endpoint(
        "",
        "https://openrouter.ai/api/v1",
        key_names=(OWN_KEY, "OPENROUTER_API_KEY"),
        extra_body={"usage": {"include": True}},
    ),
    "gemini": Endpoint(
        "",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        headroom=8192,
        send_seed=False,
        key_names=(OWN_KEY, "GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    "anthropic": Endpoint(
        "",
        "https://api.anthropic.com/v1",
        protocol="tools",
        send_seed=False,
        response_format="none",
        one_call=True,
        key_names=(OWN_KEY, "ANTHROPIC_API_KEY"),
    ),
    "generic": Endpoint("", "", key_names=(OWN_KEY,)),
}
NAMES = tuple(_PRESETS)

_HOSTS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "generativelanguage.googleapis.com": "gemini",
    "api.anthropic.com": "anthropic",
}
_PORTS = {11434: "ollama", 8000: "vllm", 8080: "llamacpp", 1234: "lmstudio"}
"""What usually listens there, on the own machine or network."""


def endpoint_for(base_url: str | None = None, model: str = "", preset: str | None = None) -> Endpoint:
    """The settings for a server: those of `preset`, else of what the URL points to; no URL means the preset's own, or OpenAI.

    Raises UsageError for an unknown preset, a URL that is none, and one that holds a secret.
    """
    if preset is not None and preset not in _PRESETS:
        raise UsageError(unknown("server preset", preset, NAMES))
    if base_url is None:
        base_url = _PRESETS[preset or "openai"].base_url
        if not base_url:
            raise UsageError("A generic server has no address of its own.", hint="Say which server: --base-url URL.")
    url = _checked(base_url)
    name = preset or _preset_at(url)
    endpoint = replace(_PRESETS[name], preset=name, base_url=base_url.strip().rstrip("/"))
    endpoint = _with_its_own_key(replace(endpoint, local=_is_local(url)), url)
    return _FOR_MODEL.get(name, _as_it_is)(endpoint, model)


def _with_its_own_key(endpoint: Endpoint, url: SplitResult) -> Endpoint:
    """A provider's key goes to that provider's host alone, encrypted; whoever else poses as it gets none."""
    if endpoint.preset not in _HOSTS.values():
        return endpoint
    its_own = url.scheme == "https" and _provider_at(url) == endpoint.preset
    return replace(endpoint, vendor=its_own, key_names=endpoint.key_names if its_own else (OWN_KEY,))


def _as_it_is(endpoint: Endpoint, model: str) -> Endpoint:
    return endpoint


def _openai(endpoint: Endpoint, model: str) -> Endpoint:
    """Reasoning models: no temperature, no stop, and tools only through the Responses API, which knows no seed."""
    if not _REASONING.match(model):
        return endpoint
    return replace(
        endpoint,
        api="responses",
        send_temperature=False,
        send_seed=False,
        send_stop=False,
        headroom=8192,
        extra_body={"include": ["reasoning.encrypted_content"]},
    )


def _openrouter(endpoint: Endpoint, model: str) -> Endpoint:
    return replace(endpoint, headroom=8192) if _REASONING.match(model.removeprefix("openai/")) else endpoint


_FOR_MODEL: dict[str, Callable[[Endpoint, str], Endpoint]] = {"openai": _openai, "openrouter": _openrouter}


def _checked(base_url: str) -> SplitResult:
    try:
        url = urlsplit(base_url.strip())
        port_is_one = url.port is None or url.port > 0
    except ValueError:
        url, port_is_one = urlsplit(""), False
    if url.scheme not in ("http", "https") or not url.hostname or not port_is_one:
        raise UsageError(
            f"{_without_secrets(base_url)!r:.100} is no address of a server.",
            hint="Write it as http://localhost:11434/v1 or https://host/v1.",
        )
    secret = any(re.search(r"key|token|secret|sig|auth", name, re.IGNORECASE) for name, _ in parse_qsl(url.query))
    if url.username or url.password or secret:
        raise UsageError(
            "The base URL holds a secret, and addresses are written down.",
            hint=f"Take it out, and put the key into the environment variable {OWN_KEY}.",
        )
    return url


def _without_secrets(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", text).partition("?")[0]


def _provider_at(url: SplitResult) -> str | None:
    host = url.hostname or ""
    found = (name for known, name in _HOSTS.items() if host == known or host.endswith(f".{known}"))
    return next(found, None)


def _preset_at(url: SplitResult) -> str:
    if (provider := _provider_at(url)) is not None:
        return provider
    return _PORTS.get(url.port or 0, "generic") if _is_local(url) else "generic"


def _is_local(url: SplitResult) -> bool:
    host = url.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))
    return address.is_loopback or address.is_private
