"""What is read off trajectories.jsonl once everybody is on record: steps.parquet, rankings.parquet, and how it ended."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from toolrec_cli.agent.trajectory import UNHEARD
from toolrec_cli.operations.record import Record
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.storage.tables import RANKINGS, STEPS, TableWriter

Row = tuple[Any, ...]


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

    def count(self, found: dict[str, Any]) -> None:
        """One more trajectory, as JSON has it."""
        self.users += 1
        self.rounds += len(found["steps"])
        self.statuses[found["status"]] = self.statuses.get(found["status"], 0) + 1
        self.surrogate = self.surrogate or found["surrogate"]
        self.unheard += _unheard(found)


def derive(run: RunDir, record: Record, row: str | None) -> Outcome:
    """Write steps.parquet and, where `row` names the method, rankings.parquet; users in the order asked, one at a time."""
    outcome = Outcome()
    with ExitStack() as open_tables:
        steps = open_tables.enter_context(TableWriter(run.path / "steps.parquet", STEPS))
        lists = open_tables.enter_context(TableWriter(run.path / "rankings.parquet", RANKINGS)) if row else None
        for line in record.lines():
            found: dict[str, Any] = from_json(line)
            outcome.count(found)
            steps.add(list(step_rows(found)))
            if lists:
                lists.add([(row, found["user_id"], entry["rank"], entry["item_id"]) for entry in found["ranking"]])
    return outcome


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
