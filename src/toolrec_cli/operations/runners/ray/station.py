"""A process of the cluster in which several users are explored for at once, each stopping at every question to the model.

The model is not there: a question comes back from `begin` or `go_on`, and the next `go_on` brings its answer.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolrec_cli.agent.codec import encode
from toolrec_cli.errors import ToolRecError
from toolrec_cli.llm.elsewhere import asked_through
from toolrec_cli.llm.messages import Reply, Request
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.operations.runners.ray.load import Load, sent
from toolrec_cli.operations.running import IntArray

RECENT = 4
"""Chunks of users whose histories are at hand, besides those of the users under way."""

Answer = Reply | ToolRecError
"""What became of a question; an error is raised where it was asked."""


@dataclass(frozen=True)
class Asks:
    """An exploration has a question, and waits."""

    request: Request


@dataclass(frozen=True)
class Ends:
    """An exploration is over: the line to put on record, and what was made of the trajectory."""

    line: bytes
    made: Any


class Station:
    """An actor. Its methods are called from several threads at once, for each user one after the other."""

    def __init__(self, load: list[Any]) -> None:
        self._reference = load[0]
        self._lock = threading.Lock()
        self._under_way: dict[int, _Exploration] = {}
        self._histories = _Histories()

    def ready(self) -> None:
        """Fetch what there is to work with. Raises InputError where another toolrec is installed."""
        import torch

        torch.set_num_threads(1)
        sent(self._reference)

    def begin(self, position: int, user: int, together: IntArray) -> Asks | Ends:
        """Explore for `user` (user_index), one of the chunk `together`, up to the first question."""
        found: Load[Any] = sent(self._reference)
        with self._lock:
            agent = self._histories.agent(found.agent, user, together, list(self._under_way))
            exploration = _Exploration(lambda: _explored(agent, found, position, user))
            self._under_way[user] = exploration
        return self._next(user, exploration)

    def go_on(self, user: int, answer: Answer) -> Asks | Ends:
        """Explore for `user` up to the next question, or the end. Raises what the exploration raises."""
        exploration = self._under_way[user]
        exploration.tell(answer)
        return self._next(user, exploration)

    def _next(self, user: int, exploration: "_Exploration") -> Asks | Ends:
        said = exploration.said()
        if not isinstance(said, Asks):
            with self._lock:
                self._under_way.pop(user, None)
        if isinstance(said, BaseException):
            raise said
        return said


def _explored(agent: Agent, load: Load[Any], position: int, user: int) -> Ends:
    trajectory = agent.explore(user)
    return Ends(encode(trajectory), load.then(agent, position, user, trajectory))


class _Histories:
    """The agent over the histories that are needed now; read a chunk at a time, encoded in one go."""

    def __init__(self) -> None:
        self._agent: Agent | None = None
        self._recent: deque[IntArray] = deque(maxlen=RECENT)
        self._read: set[int] = set()

    def agent(self, sent: Agent, user: int, together: IntArray, under_way: list[int]) -> Agent:
        """One that knows `user`; those under way stay known to it, as they go on asking its tools."""
        if self._agent is None or user not in self._read:
            self._recent.append(together)
            users = np.unique(np.concatenate([np.array(under_way, dtype=np.int64), *self._recent]))
            self._agent = sent.reading(users)
            self._agent.scorer.prepare(together)
            self._read = set(users.tolist())
        return self._agent


class _Exploration:
    """One user's, on a thread of its own."""

    def __init__(self, explore: Callable[[], Ends]) -> None:
        self._said: queue.SimpleQueue[Asks | Ends | BaseException] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(explore,), daemon=True).start()

    def said(self) -> Asks | Ends | BaseException:
        """What comes of it next."""
        return self._said.get()

    def tell(self, answer: Answer) -> None:
        """Let it go on."""
        self._answers.put(answer)

    def _run(self, explore: Callable[[], Ends]) -> None:
        try:
            with asked_through(self._ask):
                self._said.put(explore())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the result is taken
            self._said.put(error)

    def _ask(self, request: Request) -> Reply:
        self._said.put(Asks(request))
        answer = self._answers.get()
        if isinstance(answer, ToolRecError):
            raise answer
        return answer
