"""A language model's users on a cluster: they are explored for there, and every question is answered here.

So the budget, the pace, the paid answers and the record are kept as on this machine, the key goes nowhere, and here a user is a
thread of `operations/pool.py` as he is with `local`. Who is begun anew, as his process or machine was lost, is given the answers
that he was given before: none of them is paid for twice.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from toolrec_cli.errors import ToolRecError, WorkerLost
from toolrec_cli.llm.messages import ChatModel, Request
from toolrec_cli.llm.recorded import question_digest
from toolrec_cli.operations.modelling import Speaker
from toolrec_cli.operations.pool import each
from toolrec_cli.operations.runners.ray.cluster import RETRIES, Lost, processors, result
from toolrec_cli.operations.runners.ray.load import Load, load_of
from toolrec_cli.operations.runners.ray.station import Answer, Asks, Ends, Station
from toolrec_cli.operations.running import Done, IntArray, Job, chunks

T = TypeVar("T")

START = 60.0
"""Seconds that all processes get to come up; then those that are there begin."""

_LOOK = 1.0
"""Seconds after which somebody who waits for a process looks whether the work was stopped."""


@dataclass(frozen=True)
class _Errand:
    """One user: position among those asked, user_index, in which process if it lives, and with whom his history is read."""

    position: int
    user: int
    lane: int
    together: IntArray


class Spoken(Generic[T]):
    """The users of one job."""

    def __init__(self, ray: Any, job: Job[T], speaker: Speaker) -> None:
        self._ray, self._job, self._speaker = ray, job, speaker

    def explore(self, positions: IntArray) -> Iterator[Done[T]]:
        """Everybody's, as they end; as many at once as the model may be asked by."""
        n = min(self._job.pace.workers or processors(self._ray), self._job.threads, len(positions))
        with _crew(self._ray, load_of(self._job), n, self._job.threads) as crew:
            yield from each(self._errands(positions, n), lambda errand: self._one(crew, errand), self._job.threads)

    def _errands(self, positions: IntArray, n: int) -> Iterator[_Errand]:
        """Everybody, from one lane after the other, so that all processes have something to do."""
        parts = chunks(positions, n, smallest=1)
        lanes = [self._lane(lane, parts[lane::n]) for lane in range(n)]
        yield from (errand for row in zip_longest(*lanes) for errand in row if errand is not None)

    def _lane(self, lane: int, parts: Sequence[IntArray]) -> Iterator[_Errand]:
        for part in parts:
            users = self._job.users[part]
            for position, user in zip(part.tolist(), users.tolist(), strict=True):
                yield _Errand(position, user, lane, users)

    def _one(self, crew: "_Crew", errand: _Errand) -> Done[T]:
        """Raises what the exploration raises, WorkerLost where it was begun too often."""
        user_id = self._job.agent.dataset.user_id(errand.user)
        answers, why = _Answers(self._speaker.stack.model), ""
        with self._speaker.about(user_id):
            for _ in range(1 + RETRIES):
                try:
                    end = self._explored(crew, errand, answers)
                    return Done(errand.position, end.line, end.made)
                except Lost as lost:
                    answers.again()
                    why = str(lost)
            raise WorkerLost(
                f"What was done for user {user_id} was lost {1 + RETRIES} times ({why}).",
                hint="Look at memory and health of the cluster's machines.",
            )

    def _explored(self, crew: "_Crew", errand: _Errand, answers: "_Answers") -> Ends:
        with crew.at(errand.lane) as station:
            said = result(self._ray, station.begin.remote(errand.position, errand.user, errand.together))
            while isinstance(said, Asks):
                said = result(self._ray, station.go_on.remote(errand.user, answers.to(said.request)))
            return said


class _Answers:
    """What one user is answered. Begun `again`, he is given what he was given before, in its order."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._given: list[tuple[str, Answer]] = []
        self._before: dict[str, deque[Answer]] = {}

    def to(self, request: Request) -> Answer:
        """The answer, or the error that there was instead."""
        asked = question_digest(request)
        if before := self._before.get(asked):
            return before.popleft()
        answer = self._of_model(request)
        self._given.append((asked, answer))
        return answer

    def again(self) -> None:
        """He asks from the beginning."""
        self._before = defaultdict(deque)
        for asked, answer in self._given:
            self._before[asked].append(answer)

    def _of_model(self, request: Request) -> Answer:
        try:
            return self._model.reply(request)
        except ToolRecError as error:
            return error


@dataclass(frozen=True)
class _Member:
    """A process, and the reference that says when it is ready."""

    actor: Any
    ready: Any


class _Crew:
    """The processes that explore; one that is lost is put in place again, where there is room. Thread-safe."""

    def __init__(self, ray: Any, load: Load[Any], n: int, at_once: int) -> None:
        self._ray, self._load, self._ended = ray, ray.put(load), False
        # Whoever has lost his process may come to any other: each has room for all.
        options = {"num_cpus": 1, "max_concurrency": at_once + 1, "scheduling_strategy": "SPREAD"}
        self._station = ray.remote(**options)(Station)
        self._lock = threading.Lock()
        self._members = [self._new() for _ in range(n)]
        ray.wait([member.ready for member in self._members], num_returns=n, timeout=START)

    @contextmanager
    def at(self, lane: int) -> Generator[Any]:
        """The process of a lane, or while it is not there another one. Raises Lost when it goes while it is at work."""
        member = self._there(lane)
        try:
            result(self._ray, member.ready)
            yield member.actor
        except Lost:
            self._replace(member)
            raise

    def end(self) -> None:
        """Stop them all."""
        with self._lock:
            self._ended = True
            for member in self._members:
                self._ray.kill(member.actor)

    def _new(self) -> _Member:
        actor = self._station.remote([self._load])
        return _Member(actor, actor.ready.remote())

    def _there(self, lane: int) -> _Member:
        while not self._ended:
            with self._lock:
                members = list(self._members)
            own = members[lane]
            by_reference = {member.ready: member for member in members}
            if self._ray.wait([own.ready], timeout=0)[0]:
                return own
            if found := self._ray.wait(list(by_reference), num_returns=1, timeout=_LOOK)[0]:
                return by_reference[found[0]]
        raise WorkerLost("The work was stopped.")

    def _replace(self, member: _Member) -> None:
        with self._lock:
            if member in self._members and not self._ended:
                self._members[self._members.index(member)] = self._new()


@contextmanager
def _crew(ray: Any, load: Load[Any], n: int, at_once: int) -> Generator[_Crew]:
    crew = _Crew(ray, load, n, at_once)
    try:
        yield crew
    finally:
        crew.end()
