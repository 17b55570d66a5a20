"""The way to a server in few steps: HTTP/1.1 by the standard library, under the SDK's client.

httpx2's own transport takes three times the processor time, and a run with many questions in flight waits for nothing else.
Through a proxy, that one goes.
"""

import http.client
import io
import select
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.request import getproxies

import httpx2

IDLE = 5.0
"""Seconds after which an unused connection is not used again: servers close theirs, and it may cross a question."""


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


class Direct(httpx2.BaseTransport):
    """Connections to one server, kept open; an answer is read to its end within `seconds`, headers and all. Thread-safe."""

    def __init__(self, seconds: float, connect: float, keep: int) -> None:
        """`connect`: seconds to get a connection in. `keep`: so many stay open unused."""
        self._seconds, self._connect, self._keep = seconds, connect, keep
        self._idle: deque[_Connection] = deque()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole answer. Raises what httpx2 raises: ConnectError, ReadTimeout, …"""
        end = time.monotonic() + self._seconds
        connection = self._kept() or self._opened(request.url)
        try:
            answer, body = connection.exchange(request, end)
        except BaseException:  # Ctrl-C too: half an exchange is no place for the next
            connection.close()
            raise
        self._give_back(connection, stays=not answer.will_close)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
        return httpx2.Response(answer.status, headers=headers, content=body, request=request)

    def close(self) -> None:
        """Close what is not in use; what is closes when it is given back."""
        self._keep = 0
        while (connection := self._kept()) is not None:
            connection.close()

    def _kept(self) -> "_Connection | None":
        """The connection that was used last, if it is still good."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.good:
                return connection
            connection.close()

    def _give_back(self, connection: "_Connection", *, stays: bool) -> None:
        if stays and len(self._idle) < self._keep:
            connection.since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def _opened(self, url: httpx2.URL) -> "_Connection":
        secure = url.scheme == "https"
        address = url.host, url.port or (443 if secure else 80)
        try:
            there = socket.create_connection(address, self._connect)
            there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Connection(self._encrypted(there, url.host) if secure else there)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error

    def _encrypted(self, there: socket.socket, host: str) -> socket.socket:
        try:
            return self._tls.wrap_socket(there, server_hostname=host)
        except BaseException:
            there.close()
            raise

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = httpx2.create_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass
class _Connection:
    """One connection, used by one thread at a time."""

    there: socket.socket
    since: float = 0.0
    """When it was last given back."""

    @property
    def good(self) -> bool:
        """Whether it may be used again: not for long unused, and the server has said nothing meanwhile, not even goodbye."""
        return time.monotonic() - self.since < IDLE and not _readable(self.there)

    def exchange(self, request: httpx2.Request, end: float) -> tuple[http.client.HTTPResponse, bytes]:
        """Send it, and read the answer to its end, before `end` (monotonic)."""
        try:
            self._send(_head(request) + request.read(), end)
            answer = http.client.HTTPResponse(cast("socket.socket", _Until(self.there, end)), method=request.method)
            answer.begin()
            return answer, answer.read()
        except TimeoutError as error:
            raise httpx2.ReadTimeout("the answer took too long", request=request) from error
        except http.client.HTTPException as error:
            raise httpx2.RemoteProtocolError(f"{type(error).__name__}: {error}", request=request) from error
        except OSError as error:
            raise httpx2.ReadError(str(error), request=request) from error

    def _send(self, content: bytes, end: float) -> None:
        self.there.settimeout(_left(end))
        with suppress(BrokenPipeError, ConnectionResetError):  # who takes no more may have said why: reading tells
            self.there.sendall(content)

    def close(self) -> None:
        self.there.close()


class _Until(io.RawIOBase):
    """What a socket says until a moment; as much of a socket as an HTTPResponse wants."""

    def __init__(self, there: socket.socket, end: float) -> None:
        self._there, self._end = there, end

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._there.settimeout(_left(self._end))
        return self._there.recv_into(buffer)


def _left(end: float) -> float:
    """Seconds until then. Raises TimeoutError when there are none."""
    if (seconds := end - time.monotonic()) <= 0:
        raise TimeoutError
    return seconds


def _readable(there: socket.socket) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([there], [], [], 0)[0])
    poll = select.poll()
    poll.register(there, select.POLLIN)
    return bool(poll.poll(0))


def _head(request: httpx2.Request) -> bytes:
    """Request line and headers. Raises LocalProtocolError for a line break in one of them."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % pair for pair in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx2.LocalProtocolError("a header of several lines", request=request)
    return b"\r\n".join((*lines, b"", b""))
