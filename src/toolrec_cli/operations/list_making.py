"""The lists that an evaluation compares, made user by user and kept as arrays; trajectories go on record and are not held."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.trajectory import Refused, Shown, Status, Trajectory
from toolrec_cli.evaluation.report import Failure
from toolrec_cli.evaluation.rows import FUSION, padded, row_name, tool_lists
from toolrec_cli.operations.asking import BLOCK, Pace, ask
from toolrec_cli.operations.filling import lengthened
from toolrec_cli.operations.record import Record
from toolrec_cli.progress import Progress

if TYPE_CHECKING:
    from toolrec_cli.operations.exploring import Agent

IntArray = npt.NDArray[np.int64]
SURROGATE = "surrogate"
BUILTIN = "surrogate:builtin"
"""The row of the surrogate that costs nothing, beside a language model's."""


@dataclass
class Made:
    """By user asked: the lists by row, [n_users, n], 0 where one is short; what was retrieved; and how it ended."""

    lists: dict[str, IntArray]
    retrieved: list[npt.NDArray[np.int32]]
    """item_index of everything a retrieval tool brought."""
    rounds: IntArray
    statuses: list[Status]
    failures: dict[int, Failure] = field(default_factory=dict[int, Failure])
    """By position: who did not finish by himself, with his last words."""

    def counted(self) -> dict[str, int]:
        """How many ended how."""
        words = [str(status) for status in self.statuses]
        return {status: words.count(status) for status in sorted(set(words))}

    def failed(self) -> tuple[Failure, ...]:
        """Who did not finish by himself, in the order asked."""
        return tuple(self.failures[position] for position in sorted(self.failures))


@dataclass(frozen=True)
class _One:
    """What is kept of one user."""

    position: int
    lists: Sequence[IntArray]
    retrieved: npt.NDArray[np.int32]
    status: Status
    rounds: int
    failure: Failure | None


def make_lists(
    agent: "Agent",
    users: IntArray,
    record: Record,
    progress: Progress,
    pace: Pace | None = None,
    depth: int | None = None,
) -> Made:
    """Every row's list for every one of `users` (user_index); who is on record already is not asked again.

    Lists are of length `depth` (None: the surrogate's own); below the surrogate's places follows what it was shown.
    """
    rows = [agent.backbone, *map(row_name, agent.scorer.attributes), FUSION, SURROGATE]
    n = depth or agent.explorer.limits.n
    made = Made(
        lists={row: np.zeros((len(users), n), np.int64) for row in rows},
        retrieved=[np.zeros(0, np.int32)] * len(users),
        rounds=np.zeros(len(users), np.int64),
        statuses=[Status.RUNNING] * len(users),
    )

    for one in ask(agent, users, record, partial(_of_one, n), again=True, progress=progress, pace=pace):
        for row, found in zip(rows, one.lists, strict=True):
            made.lists[row][one.position] = padded(found, n)
        made.retrieved[one.position] = one.retrieved
        made.statuses[one.position] = one.status
        made.rounds[one.position] = one.rounds
        if one.failure:
            made.failures[one.position] = one.failure
    return made


def _of_one(depth: int, agent: "Agent", position: int, user: int, trajectory: Trajectory) -> _One:
    attributes: list[str | None] = [None, *agent.scorer.attributes]
    alone, fused = tool_lists(agent.scorer, user, agent.histories.history(user), depth, attributes)
    own = _indices(agent, [entry.item_id for entry in trajectory.ranking])
    final = lengthened(own, trajectory, agent.dataset.catalog, fused, depth)
    shown = (step.observation for step in trajectory.steps if step.action.tool == "retrieve")
    ids = {item.item_id for found in shown if isinstance(found, Shown) for item in found.items}
    failure = _failure(trajectory)
    retrieved = _indices(agent, list(ids)).astype(np.int32)
    return _One(position, [*alone, fused, final], retrieved, trajectory.status, len(trajectory.steps), failure)


def _failure(trajectory: Trajectory) -> Failure | None:
    """Why a list is not the surrogate's own, or not alone: its last words, or how much memory has added."""
    if trajectory.status is Status.FINISHED:
        return None
    if trajectory.status is Status.PADDED:
        added = sum(entry.padded for entry in trajectory.ranking)
        return Failure(
            trajectory.user_id, str(trajectory.status), f"{added} of {len(trajectory.ranking)} added from memory"
        )
    last = trajectory.steps[-1] if trajectory.steps else None
    words = "" if last is None else last.thought
    if last is not None and not words and isinstance(last.observation, Refused):
        words = last.observation.reason
    return Failure(trajectory.user_id, str(trajectory.status), words)


def builtin_lists(agent: "Agent", users: IntArray, n: int, progress: Progress) -> IntArray:
    """The lists of the surrogate that costs nothing, [n_users, n], nobody of them on record."""
    found, done = np.zeros((len(users), n), np.int64), 0
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        agent.scorer.prepare(block)
        for user in block.tolist():
            one = _of_one(n, agent, done, user, agent.explore(user))
            found[done] = padded(one.lists[-1], n)
            done += 1
            progress("the built-in surrogate", done, len(users))
    return found


def _indices(agent: "Agent", item_ids: list[str]) -> IntArray:
    matches = (agent.dataset.catalog.resolve(item_id) for item_id in item_ids)
    return np.array([match.item_index for match in matches if match], dtype=np.int64)
