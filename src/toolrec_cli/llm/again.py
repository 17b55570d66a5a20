"""An answer that is none is asked for again: the SDK, which repeats what fails, takes every status of 200 for an answer."""

import time
from collections.abc import Callable
from dataclasses import replace

from toolrec_cli.llm.failures import Unusable
from toolrec_cli.llm.messages import ChatModel, Reply, Request

MOST = 2
"""How often a question is asked again, at most."""

PAUSE = 0.5
"""Seconds before the first time; the second waits for twice as long."""


class Again:
    """`inner`, asked again up to `times` times where its answer is none; each time may be billed, and is budgeted."""

    def __init__(self, inner: ChatModel, times: int = MOST, sleep: Callable[[float], None] | None = None) -> None:
        self._inner, self._times, self._sleep = inner, times, sleep or time.sleep

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer; its `retries` count these too. Raises Unusable after the last time, else what the inner model raises."""
        for time_ in range(self._times):
            try:
                return self._counted(request, time_)
            except Unusable:
                self._sleep(PAUSE * (time_ + 1))
        return self._counted(request, self._times)

    def _counted(self, request: Request, before: int) -> Reply:
        reply = self._inner.reply(request)
        return replace(reply, retries=reply.retries + before)
