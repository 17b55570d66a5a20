"""Where variants of the surrogate are tried on the same users, everybody once by each, however often it is stopped."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
from torch import Tensor

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.agent.trajectory import Status, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.asking import BLOCK
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.tried import Tried, TriedLog
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.atomic import make_folder, replacing
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.tools.retrieve import masked, top_k

IntArray = npt.NDArray[np.int64]
Try = Callable[[int, Sequence[str]], Iterable[tuple[str, Tried]]]
"""What some variants (by name) make of one user (user_index)."""
Count = Callable[[str, Trajectory, int], Mapping[str, float]]
"""What else is counted of a variant's trajectory for a user (user_index)."""

MADE = "made"
"""Where in a run lies what its variants are made of, while it is under way."""


@dataclass(frozen=True)
class Bench:
    """A data set, the surrogate's plan, the users every variant is tried on, and the run in which that is put on record."""

    setting: Setting
    dataset: Dataset
    plan: AgentPlan
    users: IntArray
    part: Part
    run: RunDir
    log: TriedLog
    progress: Progress = silent
    allow_drift: bool = False
    """Whether a run that goes on may, although something has changed."""

    def agent(self, histories: Interactions | None = None, **changes: Any) -> Agent:
        """The surrogate with its tools, the plan changed so."""
        return assemble(self.setting, self.dataset, replace(self.plan, **changes), self.users, histories)

    def explored(self, agent: Agent, explorers: Mapping[str, Explorer], count: Count | None = None) -> list[Variant]:
        """Every explorer for every user, with its mean rounds, CPU milliseconds a user, and users without a list of their own.

        Among the counts are `seconds` of exploring, and `encoding`, of what all variants share.
        """

        def explore(index: int, names: Sequence[str]) -> Iterable[tuple[str, Tried]]:
            for name in names:
                user = agent.user(index)  # afresh: what is counted of him stays with him
                begun = time.process_time()
                trajectory = explorers[name].explore(user)
                seconds = time.process_time() - begun
                more = dict(count(name, trajectory, index)) if count else dict[str, float]()
                yield name, _listed(explorers[name], trajectory, {"seconds": seconds, **more})

        def warm_up() -> None:
            for name, explorer in explorers.items():  # what is made on first use is nobody's cost
                first = int(self.users[0])
                trajectory = explorer.explore(agent.user(first))
                if count:
                    count(name, trajectory, first)

        found = self.tried(agent, list(explorers), explore, warm_up)
        return [replace(each, measured=usual(each.counts, len(self.users))) for each in found]

    def retrieved(self, agent: Agent, attribute: str | None, name: str) -> Variant:
        """One tool's best, without any exploring."""
        n = agent.explorer.limits.n

        def best(index: int, names: Sequence[str]) -> Iterable[tuple[str, Tried]]:
            scores = masked(agent.scorer.scores(attribute, index), agent.histories.history(index))
            yield name, Tried(top_k(scores, n))

        return self.tried(agent, [name], best)[0]

    def tried(
        self, agent: Agent, names: Sequence[str], make: Try, warm_up: Callable[[], object] | None = None
    ) -> list[Variant]:
        """The variants `names` of every user: who is on record is not tried again."""
        trials = [self.log.trial(name) for name in names]
        left = np.flatnonzero(~np.all([trial.done for trial in trials], axis=0))
        if len(left) and warm_up:
            warm_up()
        for start in range(0, len(left), BLOCK):
            block = left[start : start + BLOCK]
            begun = time.process_time()
            agent.scorer.prepare(self.users[block])
            shared = {"encoding": (time.process_time() - begun) / len(block)}
            for done, place in enumerate(block.tolist(), start=len(self.users) - len(left) + start + 1):
                missing = [name for name, trial in zip(names, trials, strict=True) if not trial.done[place]]
                for name, tried in make(int(self.users[place]), missing):
                    self.log.add(name, place, replace(tried, counts={**tried.counts, **shared}))
                self.progress("users", done, len(self.users))
        return [Variant(name, each.lists, counts=dict(each.counts)) for name, each in zip(names, trials, strict=True)]

    def once(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Tensors that take their time to be made: kept in the run while it is under way, and not made again when it goes on."""
        path = self.run.path / MADE / f"{name}.safetensors"
        if not path.exists():
            make_folder(path.parent)
            with replacing(path) as temporary:
                safetensors.torch.save_file({key: each.contiguous() for key, each in make().items()}, temporary)
        return safetensors.torch.load_file(path)


def _listed(explorer: Explorer, trajectory: Trajectory, counts: Mapping[str, float]) -> Tried:
    named = [explorer.catalog.resolve(entry.item_id) for entry in trajectory.ranking]
    items = np.array([match.item_index for match in named if match], dtype=np.int64)
    own = trajectory.status is Status.FINISHED
    return Tried(items, {"rounds": len(trajectory.steps), "unfinished": int(not own), **counts})


def usual(counts: Mapping[str, float], n_users: int) -> dict[str, float]:
    """What is told of any exploring, from its counts over all users."""
    return {
        "rounds": counts["rounds"] / n_users,
        "CPU ms": 1000 * counts["seconds"] / n_users,
        "unfinished": counts["unfinished"],
    }
