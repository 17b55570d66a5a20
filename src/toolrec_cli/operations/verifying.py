"""toolrec replay --verify: a recorded run, explored anew with the real tools, must be what was recorded.

Where a language model explored, its answers are those on record: nobody is asked anything, and no key is needed.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from toolrec_cli.agent.builtin import NAME
from toolrec_cli.agent.comparing import Divergence, divergence, n_alike
from toolrec_cli.agent.questions import question_changed, refusal_of
from toolrec_cli.agent.replay import TRAJECTORIES, recorded, run_with_trajectories
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import CheckError, InputError, UsageError
from toolrec_cli.llm.failures import NotOnRecord
from toolrec_cli.llm.index import ExchangeIndex
from toolrec_cli.llm.replayed import FromRecord, Sitting
from toolrec_cli.operations.accounting import EXCHANGES
from toolrec_cli.operations.changing import changed
from toolrec_cli.operations.earlier import Before
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.modelling import ModelPlan, brief_of, habits_of, spoken_explorer
from toolrec_cli.operations.planned import check_data, pinned, plan_of
from toolrec_cli.operations.running import BLOCK
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir

_SHORT = 120
_BEFORE = 20
"""Characters shown of how a long text begins, and before the first that differs."""


@dataclass(frozen=True)
class _Again:
    """The agent that explores anew, and, for a language model's part, the answers on record."""

    agent: Agent
    answers: FromRecord | None = None

    @contextmanager
    def serving(self, then: Trajectory) -> Generator[Sitting | None]:
        """Within, questions are answered as this user's were."""
        refusal = refusal_of(then, exactly=False)
        with self.answers.serving(then.user_id, refusal) if self.answers else nullcontext() as sitting:
            yield sitting


def verify(
    setting: Setting, dataset: Dataset, run: RunDir, users: list[str] | None = None, progress: Progress = silent
) -> int:
    """Explore again for everybody on record (or `users`) and compare; how many were the same, to the bit.

    Raises CheckError at the first divergence, naming user, step, field, both values and who did otherwise; InputError when
    data, models or exchanges of the run are missing.
    """
    again: _Again | None = None
    n_users = len(users) if users else sum(1 for _ in (run.path / TRAJECTORIES).open("rb"))
    n_same = 0
    on_record = recorded(setting.runs, str(run.path), users)
    while block := list(islice(on_record, BLOCK)):
        again = again or _again(setting, dataset, run, block[0])
        again.agent.scorer.prepare(np.array([dataset.user_index(then.user_id) for then in block]))
        for then in block:
            if found := _divergence(then, again):
                raise _failed(run, found, again.agent)
            n_same += 1
            progress("users", n_same, n_users)
    return n_same


def _divergence(then: Trajectory, again: _Again) -> Divergence | None:
    """Where one user's exploration parts from the record. The surrogate is asked nothing where all was given otherwise."""
    agent = again.agent
    index = agent.dataset.user_index(then.user_id)
    user = agent.user(index)
    now = agent.explorer.begin(user)
    if found := divergence(then, now, so_far=True):
        return found
    seen, on_record = [now], None
    try:
        with again.serving(then) as on_record:
            return divergence(then, agent.explorer.explore(user, lambda so_far: seen.__setitem__(0, so_far)))
    except NotOnRecord as missing:
        now = seen[0]
        part, before, after = question_changed(then, now, missing.request, on_record.exchanges if on_record else ())
        other = Divergence(then.user_id, len(now.steps) + 1, part, before, after, "the prompt")
        return divergence(then, now, so_far=True) or other


def _again(setting: Setting, dataset: Dataset, run: RunDir, first: Trajectory) -> _Again:
    check_data(run, dataset)
    plan, setting = pinned(setting, run, plan_of(run)), replace(setting, seed=run.manifest.seed)
    if plan.model is not None:
        return _speaking(setting, dataset, run, plan, plan.model, first)
    if not first.surrogate.startswith(NAME):
        raise UsageError(f"{run.path} was explored by {first.surrogate}, and does not say how it was asked.")
    return _Again(assemble(setting, dataset, plan))


def _speaking(
    setting: Setting, dataset: Dataset, run: RunDir, plan: AgentPlan, model: ModelPlan, first: Trajectory
) -> _Again:
    """The model's part by its recorded answers. What the endpoint settled is as recorded; the texts are those of its version."""
    told = first.brief
    if told is None:
        raise InputError(f"{run.path} does not say what {first.surrogate} was told.")
    answers = FromRecord(ExchangeIndex(run.path / EXCHANGES), model.options.model)
    agent = assemble(setting, dataset, replace(plan, model=None, tuned=False, changed=None))
    facets, scorer = agent.explorer.facets, agent.scorer
    brief = brief_of(model, dataset, facets, scorer.attributes, plan.limits, told.protocol, legal_only=told.legal_only)
    brief = replace(brief, max_tokens=told.max_tokens, temperature=told.temperature, seed=told.seed)
    explorer = spoken_explorer(answers, brief, habits_of(model, setting), dataset, facets, scorer, plan.limits)
    prompt = {"model:prompt": f"{brief.prompt} {brief.digest}"}
    agent = replace(agent, explorer=explorer, inputs={**agent.inputs, **prompt})
    return _Again(changed(agent, plan.changed) if plan.changed else agent, answers)


def _failed(run: RunDir, found: Divergence, agent: Agent) -> CheckError:
    where = "the end" if found.step is None else f"step {found.step}" if found.step else "the beginning"
    since = [name for name, digest in agent.inputs.items() if run.manifest.inputs.get(name) != digest]
    hint = f"Changed since: {', '.join(since)}." if since else "Models and data are those of the record."
    then, now = _shortened(found.then, found.now)
    return CheckError(
        f"User {found.user_id}, {where}, {found.field}: recorded {then}, now {now}. "
        f"It is {found.whose} that did otherwise.",
        hint=hint,
    )


def _shortened(then: Any, now: Any) -> tuple[str, str]:
    """Both values; of long texts how they begin, and what is about the first difference."""
    if isinstance(then, str) and isinstance(now, str):
        start = n_alike(then, now) - _BEFORE
        if start > _SHORT - 2 * _BEFORE:
            then, now = (f"{text[:_BEFORE]} … {text[start:]}" for text in (then, now))
    one, other = (text if len(text) <= _SHORT else f"{text[:_SHORT]}…" for text in (repr(then), repr(now)))
    return one, other


def against(
    setting: Setting, one: str | None, other: str, users: list[str] | None
) -> Iterator[tuple[Trajectory, Trajectory]]:
    """The users that both runs explored (or those of `users`), each with both trajectories, one at a time.

    Raises UsageError for one of `users` who is not in both.
    """
    there = Before(run_with_trajectories(setting.runs, other))
    if users is not None:
        there.check(users)
    for here in recorded(setting.runs, one, users):
        if here.user_id in there:
            yield here, there.trajectory(here.user_id)
