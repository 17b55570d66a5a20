"""The client of an OpenAI-compatible server: one question in, one reply or one ProviderError out."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.keys import Key
from toolrec_cli.llm.messages import Reply, Request
from toolrec_cli.llm.providers import chat, failures, responses
from toolrec_cli.llm.providers.loose import as_dict, as_dicts, parsed
from toolrec_cli.llm.providers.unsupported import refused_parameter, without

if TYPE_CHECKING:
    import httpx2
    from openai import APIStatusError

TIMEOUT = 120.0
"""Seconds that an answer may take, from the first byte sent to the last one read."""
CONNECT = 10.0
"""Seconds of them at most to get a connection, and then the question, in."""
MAX_RETRIES = 5
CONNECTIONS = 128
"""As many keep their connection open; more in flight open new ones."""

_INTERFACES = {"chat": chat, "responses": responses}


def _say_nothing(note: str) -> None:
    pass


class OpenAICompatible:
    """A server behind `ChatModel`. Thread-safe: one for a whole run, however many ask at once.

    The SDK retries connection errors, timeouts, 408, 409, 429 and 5xx (half a second doubling to eight, or what
    Retry-After says); nothing here retries on top. A parameter that the server refuses (400) is left out from then on,
    and `note` is told so once.
    """

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        key: Key | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
        transport: "httpx2.BaseTransport | None" = None,
        note: Callable[[str], None] = _say_nothing,
    ) -> None:
        self._model, self.endpoint, self._key = model, endpoint, key
        self._asked = failures.Asked(endpoint, model, key, timeout, max_retries + 1)
        self._client = _sdk_client(endpoint, key, timeout, max_retries, transport)
        self._root = str(self._client.base_url).removesuffix("/")
        self._note = note
        self._lock = threading.Lock()
        self._refused: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self._model

    @property
    def key_source(self) -> str | None:
        """Where the key was found; None: there is none."""
        return None if self._key is None else self._key.source

    @property
    def notes(self) -> tuple[str, ...]:
        """What this server was found not to take, a sentence each."""
        return tuple(f"{self.endpoint.base_url} does not take {name!r}: left out." for name in sorted(self._refused))

    def reply(self, request: Request) -> Reply:
        """The server's answer. Raises ProviderError when there is none, and before anything is sent when a key is missing."""
        if self._key is None and self.endpoint.vendor:
            raise failures.without_key(self.endpoint)
        begun = time.perf_counter()
        interface = _INTERFACES[self.endpoint.api]
        answer, retries = self._answer(interface.PATH, lambda endpoint: interface.body(request, endpoint, self._model))
        try:
            found = interface.reply(answer, request)
        except chat.BadShape as error:
            raise failures.of_body(self._asked, json.dumps(answer).encode(), str(error)) from None
        return replace(found, seconds=time.perf_counter() - begun, retries=retries)

    def raw(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's JSON for a body of one's own, sent as it is: for probing. Raises ProviderError."""
        from openai import APIStatusError

        try:
            return self._post(path, body)[0]
        except APIStatusError as error:
            raise failures.of_status(self._asked, error, path) from None

    def models(self) -> list[str]:
        """The names of the models that the server lists. Raises ProviderError."""
        import httpx2
        from openai import APIConnectionError, APIStatusError

        try:
            response = self._client.get("/models", cast_to=httpx2.Response)
        except APIStatusError as error:
            raise failures.of_status(self._asked, error, "/models") from None
        except APIConnectionError as error:
            raise failures.of_connection(self._asked, error) from None
        return [str(each["id"]) for each in as_dicts(self._json(response.content).get("data")) if "id" in each]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._model!r} at {self.endpoint.base_url})"

    def _answer(self, path: str, body: Callable[[Endpoint], dict[str, Any]]) -> tuple[dict[str, Any], int]:
        """The server's JSON and how often it was asked again; each parameter that it refuses is left out once."""
        from openai import APIStatusError

        while True:
            refused = self._refused
            sent = without(body(_adapted(self.endpoint, refused)), refused)
            try:
                return self._post(path, sent)
            except APIStatusError as error:
                found = self._refusal(error, sent)
                if found is None or found in refused:
                    raise failures.of_status(self._asked, error, path) from None
                self._remember(found)

    def _refusal(self, error: "APIStatusError", sent: dict[str, Any]) -> str | None:
        if error.status_code not in (400, 422):
            return None
        return refused_parameter(sent, error.body, failures.said_by(error.body))

    def _remember(self, parameter: str) -> None:
        with self._lock:
            if parameter in self._refused:
                return
            self._refused |= {parameter}
        self._note(f"{self.endpoint.base_url} does not take {parameter!r}: left out from now on.")

    def _post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """One exchange. Raises APIStatusError for a status of 400 and above, ProviderError for everything else.

        The body is written and read here and not by the SDK: building its models costs more processor time than the exchange.
        """
        import httpx2
        from openai import APIConnectionError

        try:
            response = self._client.post(self._root + path, cast_to=httpx2.Response, content=_written(body))
        except APIConnectionError as error:
            raise failures.of_connection(self._asked, error) from None
        retries = int(response.request.headers.get("x-stainless-retry-count", 0))
        return self._json(response.content), retries

    def _json(self, content: bytes) -> dict[str, Any]:
        content = self._key.hide_in_bytes(content) if self._key else content
        try:
            answer: Any = parsed(content)
        except ValueError:
            self._no_answer(content, "it is not JSON, or not all of it")
        if not isinstance(answer, dict):
            self._no_answer(content, "its JSON is no object")
        # A backslash is where an escaped key could hide; few answers are walked through for it.
        return as_dict(self._key.hide_in_json(answer) if self._key and b"\\u" in content else answer)

    def _no_answer(self, content: bytes, why: str) -> NoReturn:
        raise failures.of_body(self._asked, content, why) from None


def _adapted(endpoint: Endpoint, refused: frozenset[str]) -> Endpoint:
    """A schema that cannot be sent as one is told in words."""
    return replace(endpoint, response_format="none") if refused & {"response_format", "text"} else endpoint


def _sdk_client(
    endpoint: Endpoint, key: Key | None, timeout: float, max_retries: int, transport: "httpx2.BaseTransport | None"
) -> Any:
    import httpx2
    import openai

    waits = httpx2.Timeout(timeout, connect=min(timeout, CONNECT))
    client: Any = openai.OpenAI(
        api_key=key.reveal() if key else "none",
        base_url=endpoint.base_url,
        max_retries=max_retries,
        timeout=waits,
        http_client=_http_client(endpoint.base_url, waits, timeout, transport),
    )
    if not (endpoint.vendor and endpoint.preset == "openai"):
        _forget_openai(client)
    return client


def _http_client(
    url: str, waits: "httpx2.Timeout", timeout: float, transport: "httpx2.BaseTransport | None"
) -> "httpx2.Client":
    """Over `transport`; without one, by urllib3, or httpx2's own where a proxy is named."""
    import httpx2

    from toolrec_cli.llm.providers.deadline import hooks
    from toolrec_cli.llm.providers.pooled import Client, Pooled, proxied

    if transport is None and not proxied():
        return Client(timeout=waits, transport=Pooled(url, timeout, min(timeout, CONNECT), CONNECTIONS))
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=CONNECTIONS)
    return Client(limits=limits, timeout=waits, event_hooks=hooks(timeout), transport=transport)


def _written(body: dict[str, Any]) -> bytes:
    """A body as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _forget_openai(client: Any) -> None:
    """What the SDK has taken from OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS is for OpenAI's host alone."""
    client.organization = client.project = None
    client._custom_headers = {}
