"""Tiny questions to a server through either interface, counted, with what it says when it refuses."""

from collections.abc import Callable
from typing import Any, Literal

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.endpoint import Api
from toolrec_cli.llm.messages import Message, Reply, Request
from toolrec_cli.llm.providers import chat, responses
from toolrec_cli.llm.providers.client import OpenAICompatible

Verdict = Literal["yes", "ignored", "refused", "failed", "unclear"]
"""Does as told; takes the setting but does not obey it; says no; breaks down over it; the answer does not tell."""


class Asker:
    """Sends bodies of our own, counts them, and keeps what the server says when it refuses."""

    def __init__(self, server: OpenAICompatible, api: Api) -> None:
        self._server = server
        self._api: Api = api
        self.calls = 0
        self.said: dict[str, str] = {}
        self.why: Verdict = "unclear"
        """What it is when there was no reply: "refused" or "failed"."""
        self.seen: dict[str, Any] = {}
        """The last answer, as it came."""

    def reply(self, about: str, text: str, **settings: Any) -> Reply | None:
        """The reply to one short text; None if there is none, and then `why` and `said` tell why.

        `settings` as chat completions have them. Raises ProviderError when not even the first question is answered.
        """
        return self.other(about, text, self._api, **settings)

    def other(self, about: str, text: str, api: Api, **settings: Any) -> Reply | None:
        """The same through an interface that is named."""
        asked = Request((Message("user", text),))
        messages = [{"role": "system", "content": "You are being tested."}, {"role": "user", "content": text}]
        if api == "responses":
            body = {"model": self._server.name, "input": messages, "store": False, **_as_responses(settings)}
            return self._ask(about, responses.PATH, body, lambda answer: responses.reply(answer, asked))
        body = {"model": self._server.name, "messages": messages, **settings}
        return self._ask(about, chat.PATH, body, lambda answer: chat.reply(answer, asked))

    def _ask(
        self, about: str, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], Reply]
    ) -> Reply | None:
        self.calls += 1
        try:
            self.seen = self._server.raw(path, body)
            return read(self.seen)
        except (ProviderError, chat.BadShape) as error:
            if self.calls == 1 and isinstance(error, ProviderError) and not is_refusal(error):
                raise
            self.said[about] = str(error)
            self.why = "refused" if isinstance(error, ProviderError) and is_no(error) else "failed"
            return None


def _as_responses(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a chat completion as the Responses API has them."""
    told = dict(settings)
    if form := told.pop("response_format", None):
        told["text"] = {"format": {"type": "json_schema", **form["json_schema"]}}
    if tools := told.pop("tools", None):
        told["tools"] = [{"type": "function", **tool["function"]} for tool in tools]
    return told


def is_refusal(error: ProviderError) -> bool:
    """Whether the server answered, and did not like the question: only its words can tell."""
    return "refuses the request" in error.message


def is_no(error: ProviderError) -> bool:
    """Whether the server said that it does not do this, or has no such interface."""
    return is_refusal(error) or " has no " in error.message
