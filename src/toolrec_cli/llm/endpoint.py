"""How one server wants to be asked: every way in which OpenAI-compatible servers differ, as a setting."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args, get_type_hints

from toolrec_cli.errors import UsageError, unknown

ProtocolName = Literal["json", "tools", "react"]
Api = Literal["chat", "responses"]


@dataclass(frozen=True)
class Endpoint:
    """One server. Presets fill it in (`providers.presets`); every setting can be overridden by name."""

    preset: str
    base_url: str
    protocol: ProtocolName = "json"
    """What the surrogate speaks unless --protocol says otherwise."""
    api: Api = "chat"
    """Chat Completions or the Responses API."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    headroom: int = 0
    """Output tokens granted on top of what is asked for, because hidden reasoning counts against the limit."""
    send_seed: bool = True
    send_temperature: bool = True
    send_stop: bool = True
    """Where stop sequences are not sent, the text is cut at them after it has come."""
    response_format: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How a schema is asked for. Unless it is "json_schema", the schema is also told in words."""
    tool_choice: Literal["required", "auto", "none"] = "required"
    """What is sent with tools; "none" sends no tool_choice."""
    strict_tools: bool = False
    """Say "strict": true with each tool."""
    one_call: bool = False
    """Send parallel_tool_calls: false."""
    dynamic_schema: bool = False
    """Whether a schema may change from turn to turn without losing the server's prompt cache (local servers)."""
    local: bool = False
    """On this machine or its network: nothing is paid."""
    vendor: bool = False
    """The address is the provider's own: it wants a key, and gets the provider's."""
    key_names: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first one found counts."""
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Sent with every request as it is."""

    def identity(self) -> dict[str, Any]:
        """What makes an answer another one: goes into the response cache's key. No secret is in it."""
        beside = ("preset", "protocol", "key_names", "local", "vendor", "dynamic_schema")
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in beside}


_FIXED = ("preset", "base_url", "key_names", "local", "vendor")


def overridden(endpoint: Endpoint, settings: Iterable[str]) -> Endpoint:
    """`endpoint` with "send_seed=no", "headroom=4096", "extra_body={…}" applied. Raises UsageError with the near miss."""
    hints = get_type_hints(Endpoint)
    known = [each.name for each in fields(Endpoint) if each.name not in _FIXED]
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip().replace("-", "_")
        if name not in known:
            raise UsageError(unknown("server setting", name, known))
        if not equals:
            raise UsageError(f"{setting!r:.80} says no value.", hint=f"Write {name}=VALUE.")
        changes[name] = _read(name, value.strip(), hints[name])
    return replace(endpoint, **changes)


def _read(name: str, value: str, kind: Any) -> Any:
    if choices := get_args(kind):
        return _choice(name, value, choices) if name != "extra_body" else _body(value)
    if kind is bool:
        said = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(value.lower())
        if said is None:
            raise UsageError(f"{name} is yes or no, not {value!r:.40}.")
        return said
    if not value.isdecimal():
        raise UsageError(f"{name} is a whole number, not {value!r:.40}.")
    return int(value)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise UsageError(f"{name} is one of {', '.join(choices)}; not {value!r:.40}.")
    return value


def _body(value: str) -> dict[str, Any]:
    try:
        body: Any = json.loads(value)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UsageError("extra_body is a JSON object.", hint="""Write extra_body='{"top_p": 0.9}'.""")
    named = cast("dict[str, Any]", body)
    if _holds_secret(named):
        raise UsageError(
            "extra_body holds a secret, and settings are written down.",
            hint="A key goes into the environment, or a --key-file.",
        )
    return named


_SECRET_NAME = re.compile(
    r"api.?key|secret|password|authorization|token$|bearer|credential|(^|[_-])key$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"^(sk|pk|gsk|xai|hf|ghp|AIza)[-_A-Za-z0-9]{12,}$|^Bearer ", re.IGNORECASE)


def _holds_secret(value: Any) -> bool:
    """Whether anything in a JSON value is called as secrets are, or looks like one, however deep it lies."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return any(_SECRET_NAME.search(name) or _holds_secret(inner) for name, inner in found.items())
    if isinstance(value, list):
        return any(_holds_secret(inner) for inner in cast("list[Any]", value))
    return isinstance(value, str) and bool(_SECRET_VALUE.search(value))
