"""The way to a server: urllib3's connections under the SDK's client.

httpx2's own transport takes more processor time (docs/experiments.md), and a run with many questions in flight waits for nothing
else. Through a proxy, that one goes.
"""

import http.client
import io
import socket
import ssl
import time
from typing import Any
from urllib.request import getproxies

import httpx2
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

IDLE = 5.0
"""Seconds after which an unused connection is not used again: servers close theirs, and it may cross a question."""

_MEANS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (NewConnectionError, httpx2.ConnectError),
    (ConnectTimeoutError, httpx2.ConnectTimeout),
    (SSLError, httpx2.ConnectError),
    (LocationValueError, httpx2.ConnectError),
    (ReadTimeoutError, httpx2.ReadTimeout),
    (HTTPError, httpx2.RemoteProtocolError),
    (TimeoutError, httpx2.WriteTimeout),
    (OSError, httpx2.WriteError),
    (ValueError, httpx2.LocalProtocolError),
)
"""What urllib3 raises, as httpx2 says it; the first that fits."""


def proxied() -> bool:
    """Whether the environment, or the system, names a proxy."""
    return any(scheme in getproxies() for scheme in ("http", "https", "all"))


class Client(httpx2.Client):
    """httpx2's client, which takes an address apart once: the SDK has it done for every question."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._known: dict[str, httpx2.URL] = {}

    def build_request(self, method: str, url: httpx2.URL | str, **told: Any) -> httpx2.Request:
        """As httpx2 does."""
        text = str(url)
        if (known := self._known.get(text)) is None:
            known = self._known[text] = httpx2.URL(text)
        return super().build_request(method, known, **told)


class Pooled(httpx2.BaseTransport):
    """Connections to one server, kept open; an answer is read to its end within `seconds`, headers and all. Thread-safe."""

    def __init__(self, url: str, seconds: float, connect: float, keep: int) -> None:
        """`connect`: seconds to get a connection, and the question, in. `keep`: so many stay open unused."""
        secure = url.startswith("https:")
        self._pools = urllib3.PoolManager(
            maxsize=keep,
            retries=False,
            timeout=urllib3.Timeout(connect=connect, total=seconds),
            ssl_context=httpx2.create_ssl_context() if secure else None,
        )
        self._pool = self._pools.connection_from_url(url)
        kind: Any = _Secure if secure else _Plain  # urllib3's own connections do not fit its protocol to the letter
        self._pool.ConnectionCls = kind

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole answer. Raises what httpx2 raises: ConnectError, ReadTimeout, …"""
        try:
            answer = self._pool.urlopen(
                request.method,
                request.url.raw_path.decode(),
                body=request.read(),
                headers={name.decode(): value.decode("latin-1") for name, value in request.headers.raw},
                redirect=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            means = next(means for kind, means in _MEANS if isinstance(error, kind))
            raise means(str(error), request=request) from error
        return httpx2.Response(answer.status, headers=[*answer.headers.items()], content=answer.data, request=request)

    def close(self) -> None:
        """Close what is not in use; what is closes when it is given back."""
        self._pool.close()
        self._pools.clear()


class _Answer(http.client.HTTPResponse):
    """The time that the socket would wait for the next bytes is that for all of them."""

    def __init__(self, there: socket.socket, *told: Any, **named: Any) -> None:
        super().__init__(there, *told, **named)
        self.fp = io.BufferedReader(_Until(there, self.fp.detach()))


class _Until(io.RawIOBase):
    """What a socket says until a moment."""

    def __init__(self, there: socket.socket, said: io.RawIOBase) -> None:
        self._there, self._said = there, said
        self._end = time.monotonic() + (there.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError
        self._there.settimeout(left)
        try:
            return self._said.readinto(buffer)
        except ssl.SSLError as error:  # no mistake of the handshake: the question was heard
            raise ConnectionResetError(str(error)) from error

    def close(self) -> None:
        self._said.close()
        super().close()


class _Plain(HTTPConnection):
    """A connection that is not used again when it was long unused."""

    response_class = _Answer
    _since = 0.0
    """When its last answer was read."""

    def getresponse(self) -> urllib3.HTTPResponse:
        answer = super().getresponse()
        self._since = time.monotonic()
        return answer

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._since < IDLE


class _Secure(_Plain, HTTPSConnection):
    """The same, encrypted."""

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:  # urllib3 takes the handshake for an answer that is late
            raise ConnectTimeoutError(self, "no handshake") from error
