"""What is read off trajectories.jsonl once everybody is on record: steps.parquet, rankings.parquet, and how it ended."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from toolrec_cli.agent.trajectory import UNHEARD
from toolrec_cli.operations.processes import each_in_processes
from toolrec_cli.operations.record import IntArray, Record
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.storage.tables import RANKINGS, STEPS, TableWriter

Row = tuple[Any, ...]

_AT_ONCE = 256
"""Users whose lines are read before what they come to is handed on."""


@dataclass
class Outcome:
    """How the explorations of a run ended."""

    users: int = 0
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    rounds: int = 0
    surrogate: str = ""
    unheard: int = 0
    """Whom the server failed to answer: --resume asks them again."""
    asked: int = 0
    """How many were asked in this call; the others were on record."""
    seconds: float = 0.0
    """How long that took."""

    @property
    def rate(self) -> float:
        """Users a second."""
        return self.asked / self.seconds if self.seconds else 0.0

    @property
    def mean_rounds(self) -> float:
        return self.rounds / self.users if self.users else 0.0

    def as_result(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {"users": self.users, "statuses": self.statuses, "mean_rounds": self.mean_rounds}

    @classmethod
    def of(cls, record: Record) -> "Outcome":
        """Of those who are on record."""
        outcome = cls()
        for line in record.lines():
            outcome.count(from_json(line))
        return outcome

    def add(self, other: "Outcome") -> None:
        """What became of others, too."""
        self.users += other.users
        self.rounds += other.rounds
        for status, n in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + n
        self.surrogate = self.surrogate or other.surrogate
        self.unheard += other.unheard

    def count(self, found: dict[str, Any]) -> None:
        """One more trajectory, as JSON has it."""
        self.users += 1
        self.rounds += len(found["steps"])
        self.statuses[found["status"]] = self.statuses.get(found["status"], 0) + 1
        self.surrogate = self.surrogate or found["surrogate"]
        self.unheard += _unheard(found)


@dataclass
class _Read:
    """What some users' lines come to: how they ended, and the lines of both tables."""

    outcome: Outcome = field(default_factory=Outcome)
    steps: list[Row] = field(default_factory=list[Row])
    lists: list[Row] = field(default_factory=list[Row])


def derive(run: RunDir, record: Record, row: str | None, workers: int = 1) -> Outcome:
    """Write steps.parquet and, where `row` names the method, rankings.parquet; users in the order asked, some at a time.

    By so many processes, since reading JSON is most of it.
    """
    outcome = Outcome()
    with ExitStack() as open_tables:
        steps = open_tables.enter_context(TableWriter(run.path / "steps.parquet", STEPS))
        lists = open_tables.enter_context(TableWriter(run.path / "rankings.parquet", RANKINGS)) if row else None
        for read in _all_read(record, row, workers):
            outcome.add(read.outcome)
            steps.add(read.steps)
            if lists:
                lists.add(read.lists)
    return outcome


def _all_read(record: Record, row: str | None, workers: int) -> Iterator[_Read]:
    """Some users after the other, in the order asked; what a process has read before its turn waits for it."""
    there = record.there
    parts = [there[start : start + _AT_ONCE] for start in range(0, len(there), _AT_ONCE)]
    if workers == 1 or len(parts) < 2:
        yield from (_read(record, part, row) for part in parts)
        return
    waiting: dict[int, _Read] = {}
    turn = 0
    for number, read in each_in_processes(range(len(parts)), lambda n: [(n, _read(record, parts[n], row))], workers):
        waiting[number] = read
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1


def _read(record: Record, positions: IntArray, row: str | None) -> _Read:
    read = _Read()
    for line in record.lines(positions):
        found: dict[str, Any] = from_json(line)
        read.outcome.count(found)
        read.steps += step_rows(found)
        if row:
            read.lists += [(row, found["user_id"], entry["rank"], entry["item_id"]) for entry in found["ranking"]]
    return read


def _unheard(found: dict[str, Any]) -> bool:
    """As `Trajectory.unheard`, of a trajectory as JSON has it."""
    last: dict[str, Any] = found["steps"][-1] if found["steps"] else {}
    return bool(last) and not last["action"]["tool"] and last["observation"].get("instead") == UNHEARD


def step_rows(found: dict[str, Any]) -> Iterator[Row]:
    """The lines of steps.parquet of one trajectory, as JSON has it."""
    for number, step in enumerate(found["steps"], start=1):
        seen = step["observation"]
        yield (
            found["user_id"],
            number,
            step["thought"],
            step["action"]["tool"],
            json.dumps(step["action"]["arguments"], ensure_ascii=False),
            seen["kind"],
            len(seen.get("items", ())),
            len(seen.get("rejected", ())),
            seen.get("reason"),
        )
