"""toolrec replay --verify: a recorded run, explored anew with the real tools, must be what was recorded."""

from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from toolrec_cli.agent.builtin import NAME
from toolrec_cli.agent.comparing import Divergence, divergence
from toolrec_cli.agent.replay import TRAJECTORIES, recorded
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import CheckError, InputError, UsageError
from toolrec_cli.operations.evaluating import EvalPlan
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir, list_runs

_SHORT = 120


def verify(
    setting: Setting, dataset: Dataset, run: RunDir, users: list[str] | None = None, progress: Progress = silent
) -> int:
    """Explore again for everybody on record (or `users`) and compare; how many were the same, to the bit.

    Raises CheckError at the first divergence, naming user, step, field, both values and who did otherwise; UsageError for a
    run that the built-in surrogate did not make.
    """
    if (model := plan_of(run).model) is not None:
        raise UsageError(f"{run.path} was explored by {model.options.model}: only built-in runs can be verified.")
    agent = _agent_of(setting, dataset, run)
    n_users = len(users) if users else sum(1 for _ in (run.path / TRAJECTORIES).open("rb"))
    n_same = 0
    for then in recorded(setting.runs, str(run.path), users):
        if not then.surrogate.startswith(NAME):
            raise UsageError(f"{run.path} was explored by {then.surrogate}: only built-in runs can be verified.")
        index = dataset.user_index(then.user_id)
        agent.scorer.prepare(np.array([index]))
        found = divergence(then, agent.explorer.explore(agent.user(index)))
        if found:
            raise _failed(run, found, agent)
        n_same += 1
        progress("users", n_same, n_users)
    return n_same


def plan_of(run: RunDir) -> AgentPlan:
    """With what plan a run explored. Raises InputError when it does not say."""
    kind: Any = EvalPlan if run.manifest.verb == "eval" else AgentPlan
    try:
        plan: Any = TypeAdapter[Any](kind).validate_python(run.manifest.plan or None)
    except ValidationError as error:
        raise InputError(f"{run.path} does not say with what plan it explored: an older toolrec made it.") from error
    return plan.agent if isinstance(plan, EvalPlan) else plan


def _agent_of(setting: Setting, dataset: Dataset, run: RunDir) -> Agent:
    if run.manifest.dataset_digest != dataset.card.digest:
        raise InputError(
            f"{run.path} explored another {dataset.name!r} than is prepared now.", hint="Prepare the same data."
        )
    plan, digest = plan_of(run), run.manifest.inputs.get("backbone")
    for other in list_runs(setting.runs):
        if other.manifest.verb == "pretrain" and other.manifest.result.get("digest") == digest:
            plan = replace(plan, backbone=str(other.path))
    return assemble(replace(setting, seed=run.manifest.seed), dataset, plan)


def _failed(run: RunDir, found: Divergence, agent: Agent) -> CheckError:
    where = "the end" if found.step is None else f"step {found.step}" if found.step else "the beginning"
    changed = [name for name, digest in agent.inputs.items() if run.manifest.inputs.get(name) != digest]
    hint = f"Changed since: {', '.join(changed)}." if changed else "Models and data are those of the record."
    return CheckError(
        f"User {found.user_id}, {where}, {found.field}: recorded {_short(found.then)}, now {_short(found.now)}. "
        f"It is {found.whose} that did otherwise.",
        hint=hint,
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def against(
    setting: Setting, one: str | None, other: str, users: list[str] | None
) -> list[tuple[Trajectory, Trajectory]]:
    """The users that both runs explored (or those of `users`), each with both trajectories."""
    there = {each.user_id: each for each in recorded(setting.runs, other, users)}
    return [(here, there[here.user_id]) for here in recorded(setting.runs, one, users) if here.user_id in there]
