"""A language model's explorations upon the record of another run: who stays on it, and where the others leave it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.codec import encode
from toolrec_cli.agent.questions import question_changed, refusal_of
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import ToolRecError
from toolrec_cli.evaluation.what_if import Departure
from toolrec_cli.llm.failures import NotOnRecord
from toolrec_cli.llm.replayed import FromRecord
from toolrec_cli.operations.asking import OnStep
from toolrec_cli.operations.earlier import Before
from toolrec_cli.operations.exploring import Agent, blocks
from toolrec_cli.operations.record import Record
from toolrec_cli.progress import Progress
from toolrec_cli.storage.run_dir import RunDir

IntArray = npt.NDArray[np.int64]
DEPARTURES = "departures.jsonl"


class LeftRecord(ToolRecError):
    """Somebody's exploration asks what is not on record."""

    def __init__(self, departure: Departure) -> None:
        super().__init__(f"User {departure.user_id} leaves the record in step {departure.step}: {departure.part}.")
        self.departure = departure


@dataclass(frozen=True)
class UponRecord(Agent):
    """An agent whose language model is asked what is not on record of `before`, and that only where it may be."""

    answers: FromRecord = field(kw_only=True)
    before: Before = field(kw_only=True)

    @classmethod
    def of(cls, agent: Agent, answers: FromRecord, before: Before) -> "UponRecord":
        """The same agent, upon the record."""
        same = {each.name: getattr(agent, each.name) for each in fields(Agent)}
        return cls(**same, answers=answers, before=before)

    def explore(self, user_index: int, on_step: OnStep | None = None) -> Trajectory:
        """One user's exploration. Raises LeftRecord where nobody may be asked."""
        then = self.before.trajectory(self.dataset.user_id(user_index))
        seen = [self.explorer.begin(self.user(user_index))]
        with self.answers.serving(then.user_id, refusal_of(then)) as sitting:

            def note(so_far: Trajectory) -> None:
                seen[0], sitting.rounds = so_far, len(so_far.steps)
                if on_step:
                    on_step(so_far)

            try:
                return super().explore(user_index, note)
            except NotOnRecord as missing:
                part, _, _ = question_changed(then, seen[0], missing.request, sitting.exchanges)
                raise LeftRecord(Departure(then.user_id, len(seen[0].steps) + 1, part)) from None


def stay(agent: UponRecord, users: IntArray, record: Record, run: RunDir, progress: Progress) -> list[Departure]:
    """Explore for those of `users` who are not on record of `run`, asking nobody; who had to leave, and is not recorded."""
    left: list[Departure] = []
    missing = record.missing
    done = 0
    for block in blocks(agent, users[missing]):
        for index in block.tolist():
            try:
                record.add(int(missing[done]), encode(agent.explore(index)))
            except LeftRecord as leaving:
                left.append(leaving.departure)
                run.append_json(DEPARTURES, vars(leaving.departure))
            done += 1
            progress("from the record", done, len(missing), f"{len(left):,} left it")
    return left


def departures(run: RunDir) -> Sequence[Departure]:
    """Who left the record, also in earlier sittings, each once, in the order in which they did."""
    path = run.path / DEPARTURES
    if not path.exists():
        return ()
    lines = [line for line in path.read_bytes().split(b"\n")[:-1] if line]
    found = [Departure(**json.loads(line)) for line in lines]
    return tuple({each.user_id: each for each in found}.values())
