"""From what a server was found to do to what is to be typed: the preset that fits best, the protocol, the differences."""

from dataclasses import dataclass
from typing import Any

from toolrec_cli.llm.endpoint import Endpoint, ProtocolName
from toolrec_cli.llm.providers.presets import endpoint_for
from toolrec_cli.llm.providers.probing import Facts

_OWN_SERVERS = ("generic", "ollama", "vllm", "llamacpp", "lmstudio")
"""Presets of programs that may run anywhere; the others belong to one host."""


@dataclass(frozen=True)
class Advice:
    """The preset, the protocol (None: no protocol works), and settings that the preset has otherwise ("send_seed=no")."""

    preset: str
    protocol: ProtocolName | None
    settings: tuple[str, ...]


def advise(facts: Facts, endpoint: Endpoint, model: str) -> Advice:
    """What fits. `endpoint` is what the address alone points to; among equally fitting presets that one goes first."""
    names = [endpoint.preset]
    if endpoint.preset in _OWN_SERVERS:
        names += [name for name in _OWN_SERVERS if name != endpoint.preset]
    found = [(name, _differences(facts, endpoint_for(endpoint.base_url, model, name))) for name in names]
    preset, settings = min(found, key=lambda each: len(each[1]))
    return Advice(preset, _protocol(facts), settings)


def _protocol(facts: Facts) -> ProtocolName | None:
    if facts.json_schema == "yes":
        return "json"
    if facts.tools == "yes":
        return "tools"
    return "react" if facts.answered else None


def _differences(facts: Facts, endpoint: Endpoint) -> tuple[str, ...]:
    """The settings of `endpoint` that the server does not go with, as they are typed."""
    wanted: dict[str, Any] = {"api": facts.api}
    limited = facts.api == "chat" and "yes" in (facts.max_tokens, facts.max_completion_tokens)
    if limited and getattr(facts, endpoint.max_tokens_field) != "yes":
        wanted["max_tokens_field"] = facts.limit_field
    for setting, verdict in (("seed", facts.seed), ("temperature", facts.temperature), ("stop", facts.stop)):
        if verdict in ("refused", "failed"):
            wanted[f"send_{setting}"] = False
    if facts.json_schema == "yes" and endpoint.response_format != "json_schema":
        wanted["response_format"] = "json_schema"
    if facts.tool_choice in ("refused", "failed") and endpoint.tool_choice != "none":
        wanted["tool_choice"] = "none"
    if facts.tool_choice == "yes" and endpoint.tool_choice != "required":
        wanted["tool_choice"] = "required"
    differing = {name: value for name, value in wanted.items() if getattr(endpoint, name) != value}
    return tuple(f"{name}={_typed(value)}" for name, value in differing.items())


def _typed(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
