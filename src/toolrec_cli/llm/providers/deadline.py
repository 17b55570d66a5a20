"""A time limit on the whole of an answer: HTTP clients limit only the wait for the next bytes, and a trickle never ends."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

_END = "toolrec_end"


def hooks(seconds: float) -> dict[str, list[Callable[..., Any]]]:
    """A client's `event_hooks`: an answer that is not read to its end within `seconds` raises ReadTimeout."""

    def begin(request: httpx2.Request) -> None:
        request.extensions[_END] = time.monotonic() + seconds

    def limit(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Limited(response.stream, response.request)

    return {"request": [begin], "response": [limit]}


class _Limited(httpx2.SyncByteStream):
    def __init__(self, below: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._below, self._request = below, request

    def __iter__(self) -> Iterator[bytes]:
        for part in self._below:
            yield part
            if time.monotonic() > self._request.extensions[_END]:
                raise httpx2.ReadTimeout("the answer took too long", request=self._request)

    def close(self) -> None:
        self._below.close()
