"""What the SDK raises, as a ProviderError that says what happened, to what, and what to type next. No key is in it."""

import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.failures import Absent, Broken, Rejected, Unanswered, Unusable
from toolrec_cli.llm.keys import Key
from toolrec_cli.llm.providers.loose import as_dict

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError

SHOWN_OF_A_MESSAGE = 300
"""Characters of a server's own words that are quoted."""

_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_credits")
_UNWANTED = (
    "content_filter",
    "content_policy_violation",
    "invalid_prompt",
    "moderation_blocked",
    "content management policy",
)
_OTHER_INTERFACE = {
    "/responses": "A server without the Responses API is asked with --api chat.",
    "/chat/completions": "A server that has the Responses API alone is asked with --api responses.",
}
_TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context window",
    "exceeds the available context",
    "too many tokens",
)


@dataclass(frozen=True)
class Asked:
    """Who was asked, with what: all that a message may need."""

    endpoint: Endpoint
    model: str
    key: Key | None
    timeout: float
    tries: int
    """How often a failing request is sent, at most."""

    @property
    def times(self) -> str:
        """ "3 times"."""
        return "once" if self.tries == 1 else f"{self.tries} times"

    @property
    def where(self) -> str:
        return self.endpoint.base_url

    def quoted(self, text: str) -> str:
        """The server's own words on one line, short, and without the key."""
        text = " ".join((self.key.hide_in(text) if self.key else text).split())
        return text if len(text) <= SHOWN_OF_A_MESSAGE else text[:SHOWN_OF_A_MESSAGE] + "…"

    @property
    def doctor(self) -> str:
        return f"See what the server can do: toolrec doctor --base-url {self.where} --model {self.model}"


def said_by(body: Any) -> str:
    """The server's message in an error's body, whatever its shape."""
    if isinstance(body, str):
        return body
    error = as_dict(body).get("error")
    found = as_dict(error).get("message") or error or as_dict(body).get("message") or as_dict(body).get("detail")
    return found if isinstance(found, str) else json.dumps(found or body, ensure_ascii=False, default=str)


def of_status(asked: Asked, error: "APIStatusError", path: str) -> ProviderError:
    """For an answer from `path` with a status of 300 and above."""
    status, message = error.status_code, said_by(error.body)
    said = f"{status}: {asked.quoted(message)}" if message and not _is_page(message) else f"{status}"
    if status < 400:
        return ProviderError(
            f"{asked.where} sends requests elsewhere ({status}, to {asked.quoted(_target(error))}).",
            hint="Give that as --base-url.",
        )
    if status in (401, 403):
        return _refused_key(asked, said)
    if status == 402 or error.code in _NO_CREDIT or any(code in message for code in _NO_CREDIT):
        return ProviderError(
            f"The account at {asked.where} has no credit left ({said}).",
            hint="Add credit there. What is done is kept: the same command goes on from it.",
        )
    if status in (404, 405):
        return _not_there(asked, message, said, path)
    if status == 429:
        return _too_many(asked, error, said)
    if status >= 500:
        kind = Broken if status == 500 else ProviderError  # the others speak of the server, not of the question
        return kind(
            f"{asked.where} failed {asked.times} ({said}).",
            hint="Try again later: what is done is kept. A local server says more in its own log.",
        )
    if any(sign in message.lower() or sign == error.code for sign in _TOO_LONG):
        return Rejected(
            f"The question is too long for {asked.model} ({said}).",
            hint="Ask for fewer items (--k), or serve the model with a longer context.",
        )
    if any(sign in message.lower() or sign == error.code for sign in _UNWANTED):
        return Rejected(f"{asked.where} refuses the question for its content ({said}).", hint="Leave this user out.")
    return ProviderError(f"{asked.where} refuses the request ({said}).", hint=asked.doctor)


def _target(error: "APIStatusError") -> str:
    """Where a redirect goes, without the path of the call itself."""
    where = error.response.headers.get("location", "nowhere").partition("?")[0]
    return where.removesuffix("/chat/completions").removesuffix("/responses").removesuffix("/models")


def _refused_key(asked: Asked, said: str) -> ProviderError:
    name = asked.endpoint.key_names[-1] if asked.endpoint.key_names else "TOOLREC_API_KEY"
    if asked.key is None:
        elsewhere = (
            "" if asked.endpoint.vendor else " A provider's own key (OPENAI_API_KEY) goes to that provider alone."
        )
        return ProviderError(
            f"{asked.where} wants a key, and none was found ({said}).",
            hint=f"Set {name} in the environment, write {name}=… into .env in the workspace and: chmod 600 .env, or say "
            f"--key-file FILE.{elsewhere}",
        )
    return ProviderError(
        f"{asked.where} refuses the key from {asked.key.source} ({said}).",
        hint=f"Check that the key belongs to this server, and may use {asked.model}.",
    )


def _not_there(asked: Asked, message: str, said: str, path: str) -> ProviderError:
    if "model" in message.lower():
        return ProviderError(
            f"{asked.where} has no model {asked.model!r} ({said}).",
            hint=f"See which models there are: toolrec doctor --base-url {asked.where}",
        )
    other = _OTHER_INTERFACE.get(path)
    return Absent(
        f"{asked.where} has no {path} ({said}).",
        hint=f"Most base URLs end in /v1.{f' {other}' if other else ''}",
    )


def _too_many(asked: Asked, error: "APIStatusError", said: str) -> ProviderError:
    wait = error.response.headers.get("retry-after", "")
    if wait.isdecimal() and int(wait) > 120:
        return ProviderError(
            f"{asked.where} asks to wait {int(wait):,} seconds ({said}).",
            hint="Try again after that: what is done is kept.",
        )
    return ProviderError(
        f"{asked.where} still turns requests away, asked {asked.times} ({said}).",
        hint="Ask less at once: a lower --concurrency, or --rpm with what your account allows.",
    )


def without_key(endpoint: Endpoint) -> ProviderError:
    """Nothing was sent: a provider's own address, and no key for it."""
    names = " or ".join(reversed(endpoint.key_names))
    return ProviderError(
        f"There is no key for {endpoint.base_url}.",
        hint=f"Put it into {names} or a --key-file; for a server of your own, say --base-url URL.",
    )


def of_connection(asked: Asked, error: "APIConnectionError") -> ProviderError:
    """For an answer that never came, or broke off."""
    import httpx2
    from openai import APITimeoutError

    cause = error.__cause__
    if isinstance(error, APITimeoutError) and not isinstance(cause, httpx2.ConnectTimeout):
        return Unanswered(
            f"{asked.where} did not answer within {asked.timeout:g} seconds, asked {asked.times}.",
            hint="Give it longer (--timeout), ask less at once (--concurrency), or use a smaller model.",
        )
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ProviderError(
            f"{asked.where} cannot be reached ({_why(cause)}).",
            hint="Start the server, or check --base-url. OPENAI_BASE_URL counts where --base-url is not given.",
        )
    return Unanswered(
        f"{asked.where} broke the connection off, {asked.times}.",
        hint="Try again: what is done is kept. A local server says more in its own log (was there enough memory?).",
    )


def _why(error: BaseException) -> str:
    """ "connection refused", "no such host", "the certificate does not hold": from the innermost cause."""
    innermost: BaseException = error
    while (inner := innermost.__cause__ or innermost.__context__) is not None:
        innermost = inner
    if isinstance(innermost, socket.gaierror):
        return "there is no such host"
    if isinstance(innermost, ssl.SSLError):
        return f"its certificate or TLS does not hold: {innermost.reason or 'unknown reason'}"
    if isinstance(innermost, ConnectionRefusedError):
        return "connection refused"
    return "no connection within the time limit" if isinstance(innermost, TimeoutError) else "no connection"


def of_body(asked: Asked, body: bytes, why: str) -> ProviderError:
    """For an answer with status 200 that is none."""
    text = body.decode("utf-8", errors="replace").strip()
    if not text:
        what = "an empty answer"
    elif _is_page(text):
        return Unusable(
            f"{asked.where} answers with a web page instead of JSON.",
            hint="Check --base-url (most end in /v1), and that no proxy or log-in page stands between.",
        )
    else:
        what = f"what is no answer: {why}"
    return Unusable(f"{asked.where} sent {asked.quoted(what)}.", hint=asked.doctor)


def _is_page(text: str) -> bool:
    start = text.lstrip()[:200].lower()
    return start.startswith(("<!doctype", "<html", "<?xml")) or "<html" in start
