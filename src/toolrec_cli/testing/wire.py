"""HTTP/1.1 as far as a test server needs it: keep-alive, Content-Length, and the ways in which an exchange goes wrong."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from toolrec_cli.testing.replies import Fault

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class HttpRequest:
    """One request as it came. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpAnswer:
    """What is sent back after `after` seconds; `fault` says how the sending itself goes wrong."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    after: float = 0.0
    fault: Fault | None = None

    def head(self) -> bytes:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines += [f"content-type: {self.content_type}", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


class Connection(asyncio.Protocol):
    """One client's connection: requests are read whole, each handed to `answer`, and its answer sent when it is due."""

    def __init__(self, answer: Callable[[HttpRequest], HttpAnswer], drip: float) -> None:
        self._answer = answer
        self._drip = drip
        """Seconds between the bytes of a slow body."""
        self._read = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (request := self._take()) is not None:
            answer = self._answer(request)
            if answer.fault is Fault.TIMEOUT:
                continue
            asyncio.get_running_loop().call_later(answer.after, self._send, answer)

    def _take(self) -> HttpRequest | None:
        """The next whole request, or None until more has come."""
        head, found, rest = bytes(self._read).partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        del self._read[: len(head) + 4 + length]
        method, path, _ = first.split(" ", 2)
        return HttpRequest(method, path, headers, rest[:length])

    def _send(self, answer: HttpAnswer) -> None:
        transport = self._transport
        if transport is None:
            return
        if answer.fault is Fault.RESET:
            _reset(transport)
        elif answer.fault is Fault.CUT_BODY:
            transport.write(answer.head() + answer.body[: len(answer.body) // 2])
            transport.close()
        elif answer.fault is Fault.SLOW_BODY:
            transport.write(answer.head())
            self._trickle(answer.body)
        else:
            transport.write(answer.head() + answer.body)

    def _trickle(self, body: bytes) -> None:
        if self._transport is None or not body:
            return
        self._transport.write(body[:1])
        asyncio.get_running_loop().call_later(self._drip, self._trickle, body[1:])


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the other side is told "connection reset by peer"."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
