"""Servers on loopback and models that ask them; no test waits for the SDK's pauses between tries."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from doubles import SECRET

from toolrec_cli.llm.keys import Key
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.llm.providers.presets import endpoint_for
from toolrec_cli.testing import LoopbackServer, Script, Scripted


@pytest.fixture(autouse=True)
def _at_once(no_pauses: None) -> None:
    """Nobody here waits between two tries."""


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, address or proxy of whoever runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOOLREC_API_KEY", "HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Generator[Callable[..., LoopbackServer]]:
    """Starts servers that live as long as the test."""
    with ExitStack() as running:

        def start(script: Script | Scripted, **options: Any) -> LoopbackServer:
            said = (lambda asked: script) if isinstance(script, Scripted) else script
            return running.enter_context(LoopbackServer(said, **options))

        yield start


@pytest.fixture
def ask() -> Generator[Callable[..., OpenAICompatible]]:
    """Makes clients of a server: settings of the endpoint by name, and `timeout`, `max_retries`, `key`, `note`."""
    made: list[OpenAICompatible] = []

    def client(server: LoopbackServer | str, model: str = "m", **settings: Any) -> OpenAICompatible:
        own = {name: settings.pop(name) for name in ("timeout", "max_retries", "note") if name in settings}
        key = settings.pop("key", Key(SECRET, "OPENAI_API_KEY"))
        url = server if isinstance(server, str) else server.base_url
        endpoint = replace(endpoint_for(url, model), **settings)
        made.append(OpenAICompatible(model, endpoint, key, **{"timeout": 5.0, "max_retries": 2, **own}))
        return made[-1]

    yield client
    for each in made:
        each.close()
