"""The server itself: an event loop on a thread of its own, answering on 127.0.0.1 what a script says."""

import asyncio
import json
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from toolrec_cli.testing import shapes
from toolrec_cli.testing.replies import Fault, Script, Scripted
from toolrec_cli.testing.wire import Connection, HttpAnswer, HttpRequest

_PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}


@dataclass(frozen=True)
class Received:
    """One request: "chat" or "responses", its headers (names in lower case) and its body as it came."""

    api: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class LoopbackServer:
    """Chat completions and Responses on loopback, for several hundred requests a second. Use it in a `with`.

    latency: seconds before each answer. key: what the client must bear; None takes anything. models: what there is; None
    means any. refuses: parameters that are answered with a 400. apis: which interfaces there are. retry_after: what a 429
    with Retry-After says, in seconds. drip: seconds between the bytes of a slow body. keep: remember requests (`received`).
    """

    def __init__(
        self,
        script: Script,
        *,
        latency: float = 0.0,
        key: str | None = None,
        models: Collection[str] | None = None,
        refuses: Collection[str] = (),
        apis: Collection[str] = ("chat", "responses"),
        retry_after: float = 0.01,
        drip: float = 0.02,
        keep: bool = True,
        port: int = 0,
    ) -> None:
        self._script = script
        self._latency, self._key, self._models = latency, key, models
        self._refuses, self._apis = set(refuses), set(apis)
        self._retry_after, self._drip, self._keep, self._port = retry_after, drip, keep, port
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loopback server", daemon=True)
        self.received: list[Received] = []
        """Every question, in the order of coming."""
        self.count = 0
        """How many questions came, refused ones too."""

    @property
    def base_url(self) -> str:
        """What to give as --base-url."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = self._loop.create_server(
            lambda: Connection(self._answer, self._drip), "127.0.0.1", self._port, backlog=512
        )
        server = self._loop.run_until_complete(serving)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._loop.close()

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        if request.method == "GET" and request.path.rstrip("/") == "/v1/models":
            listed = [{"id": name, "object": "model"} for name in self._models or ["scripted"]]
            return HttpAnswer(json.dumps({"object": "list", "data": listed}).encode())
        api = _PATHS.get(request.path)
        if api not in self._apis:
            return HttpAnswer(shapes.error(f"Unknown path {request.path}"), 404)
        body = json.loads(request.body)
        self.count += 1
        if self._keep:
            self.received.append(Received(str(api), request.headers, body))
        return self._refusal(request, body) or self._served(str(api), body)

    def _refusal(self, request: HttpRequest, body: dict[str, Any]) -> HttpAnswer | None:
        if self._key is not None and request.headers.get("authorization") != f"Bearer {self._key}":
            return _faulty(Scripted(fault=Fault.UNAUTHORIZED), body)
        if self._models is not None and body.get("model") not in self._models:
            return _faulty(Scripted(fault=Fault.NO_MODEL), body)
        for name in body:
            if name in self._refuses:
                return _faulty(Scripted(fault=Fault.UNKNOWN_PARAMETER, parameter=name), body)
        return None

    def _served(self, api: str, body: dict[str, Any]) -> HttpAnswer:
        asked = body if api == "chat" else shapes.as_chat(body)
        try:
            reply = self._script(asked)
        except Exception as error:  # noqa: BLE001  a script is a stranger's code: what it raises is shown to the client
            return HttpAnswer(shapes.error(f"The script failed: {error!r}"), 400)
        if reply.fault is not None and (answer := _faulty(reply, body, self._retry_after)) is not None:
            return replace(answer, after=self._latency + reply.delay)
        shaped = shapes.chat_completion if api == "chat" else shapes.response
        body_out = json.dumps(shaped(asked, reply)).encode()
        if reply.fault is Fault.HALF_JSON:
            body_out = body_out[: len(body_out) // 2]
        return HttpAnswer(body_out, after=self._latency + reply.delay, fault=reply.fault)


def _faulty(reply: Scripted, body: dict[str, Any], retry_after: float = 0.0) -> HttpAnswer | None:
    """The answer whose content is the fault; None where the fault is in how a good answer is sent."""
    name, parameter = body.get("model"), reply.parameter
    if reply.fault is Fault.UNKNOWN_PARAMETER and parameter not in body:
        return None
    said: dict[Fault, HttpAnswer] = {
        Fault.UNAUTHORIZED: HttpAnswer(shapes.error("Incorrect API key provided.", "invalid_api_key"), 401),
        Fault.NO_MODEL: HttpAnswer(shapes.error(f"The model '{name}' does not exist.", "model_not_found"), 404),
        Fault.UNKNOWN_PARAMETER: HttpAnswer(
            shapes.error(f"Unsupported parameter: '{parameter}'.", "unsupported_parameter", parameter), 400
        ),
        Fault.BAD_REQUEST: HttpAnswer(shapes.error("This request makes no sense."), 400),
        Fault.CONTENT: HttpAnswer(
            shapes.error("The prompt was flagged by the content policy.", "content_policy_violation"), 400
        ),
        Fault.RATE_LIMIT: HttpAnswer(shapes.error("Rate limit reached.", "rate_limit_exceeded"), 429),
        Fault.RATE_LIMIT_AFTER: HttpAnswer(
            shapes.error("Rate limit reached.", "rate_limit_exceeded"), 429, headers={"retry-after": f"{retry_after}"}
        ),
        Fault.SERVER_ERROR: HttpAnswer(shapes.error("The server had an error."), 500),
        Fault.UNAVAILABLE: HttpAnswer(shapes.error("The server is overloaded."), 503),
        Fault.EMPTY_BODY: HttpAnswer(b""),
        Fault.HTML: HttpAnswer(b"<!DOCTYPE html><html><body>Log in to the Wi-Fi</body></html>", 200, "text/html"),
    }
    return None if reply.fault is None else said.get(reply.fault)
