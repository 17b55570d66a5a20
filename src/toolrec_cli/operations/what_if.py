"""toolrec replay --what-if: a recorded run explored again with something changed, and what that changed in lists and metrics.

Where a language model explored, it answers from the record as long as it is asked the same; nobody is asked more unless it is
agreed to. Lists are made and written first; held-out items are read after.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from toolrec_cli.agent.replay import TRAJECTORIES
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import PARTLY, ToolRecError
from toolrec_cli.evaluation.what_if import Departure, WhatIf
from toolrec_cli.llm.estimates import DryRun
from toolrec_cli.llm.index import ExchangeIndex
from toolrec_cli.llm.replayed import FromRecord
from toolrec_cli.operations.accounting import EXCHANGES, accounted
from toolrec_cli.operations.asking import Pace, ask
from toolrec_cli.operations.departing import UponRecord, stay
from toolrec_cli.operations.earlier import Before
from toolrec_cli.operations.estimating import dry_run
from toolrec_cli.operations.evaluating import EvalPlan
from toolrec_cli.operations.exploring import Agent, assemble, nothing
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.planned import WHAT_IF, WhatIfPlan, check_data, pinned, plan_of, whole_plan
from toolrec_cli.operations.resuming import Again, asked, plain, underway
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.supposing import supposed
from toolrec_cli.operations.what_changed import FILE, Work, reported
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.atomic import write_json
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import RunDir, open_run

IntArray = npt.NDArray[np.int64]

Consent = Callable[[Sequence[Departure], DryRun], bool]
"""Whether the model may be asked for those who left the record, at most at this price."""


class Unasked(ToolRecError):
    """Some left the record, and the model was not to be asked for them: the run can go on."""

    exit_code = PARTLY


def what_if(
    setting: Setting,
    dataset: Dataset,
    parent: RunDir,
    said: Sequence[str],
    users: Sequence[str] | None = None,
    *,
    model: Callable[[ModelPlan], ModelPlan] = lambda recorded: recorded,
    consent: Consent = lambda left, bill: False,
    again: Again | None = None,
    progress: Progress = silent,
    pace: Pace | None = None,
) -> tuple[RunDir, WhatIf]:
    """Explore for `users` (None: all on record of `parent`) with what is `said` ("memory=off") supposed.

    `model`: what is to be otherwise about how the recorded model is asked. With `again` that run goes on. Raises UsageError for
    what cannot be supposed and for users who are not on record, InputError for other data or a missing model.
    """
    if again and again.run.manifest.status == "done":
        return again.run, TypeAdapter(WhatIf).validate_json((again.run.path / FILE).read_bytes())
    check_data(parent, dataset)
    setting = replace(setting, seed=parent.manifest.seed)
    before, plan = Before(parent), _plan(setting, parent, said, model)
    user_ids = asked(again.run) if again else _chosen(before, users)
    indices = dataset.user_indices(user_ids)
    agent = _agent(setting, dataset, parent, plan, before, indices, again)
    inputs = {**agent.inputs, "run": file_digest(parent.path / TRAJECTORIES)}
    subject = f"{dataset.name}-{'-'.join(said)}"
    manifest = setting.manifest(WHAT_IF, subject, dataset, inputs, plain(plan))
    path = again.run.path if again else None
    try:
        with underway(setting, manifest, user_ids, again) as (run, record), accounted(run, agent.speaker):
            path = run.path
            work = Work(setting, dataset, parent, plan, before, agent, user_ids, indices, run, record)
            _explore(work, consent, progress, pace)
            report = reported(work)
            write_json(run.path / FILE, asdict(report))
            if report.told and (n := report.told.n_unasked):
                raise Unasked(f"{n:,} of {len(user_ids):,} users left the record, and nobody was asked.")
    except Unasked:
        pass
    assert path is not None
    run = open_run(path)
    return run, TypeAdapter(WhatIf).validate_json((path / FILE).read_bytes())


def _plan(setting: Setting, parent: RunDir, said: Sequence[str], model: Callable[[ModelPlan], ModelPlan]) -> WhatIfPlan:
    then = whole_plan(parent)
    agent = pinned(setting, parent, plan_of(parent))
    if agent.model is not None:
        options = agent.model.options
        where = options.base_url or parent.manifest.inputs.get("model:endpoint")
        agent = replace(agent, model=model(replace(agent.model, options=replace(options, base_url=where))))
    ks = (10,) if not isinstance(then, EvalPlan | WhatIfPlan) else then.ks
    n = agent.limits.n
    return WhatIfPlan(
        supposed(agent, said), str(parent.path.resolve()), tuple(said), tuple(k for k in ks if k <= n) or (n,)
    )


def _chosen(before: Before, users: Sequence[str] | None) -> list[str]:
    """Whom to explore for, in the order of the record."""
    before.check(users or ())
    return [user_id for user_id in before.user_ids if users is None or user_id in users]


def _agent(
    setting: Setting,
    dataset: Dataset,
    parent: RunDir,
    plan: WhatIfPlan,
    before: Before,
    users: IntArray,
    again: Again | None,
) -> Agent:
    if plan.agent.model is None:
        return assemble(setting, dataset, plan.agent, users)
    upon = FromRecord(ExchangeIndex(parent.path / EXCHANGES), plan.agent.model.options.model)
    return UponRecord.of(assemble(setting, dataset, plan.agent, users, again=again, upon=upon), upon, before)


def _explore(work: Work, consent: Consent, progress: Progress, pace: Pace | None) -> None:
    """Put everybody on record who can be; of those who leave the parent's record, those for whom `consent` is given."""
    agent = work.agent
    if isinstance(agent, UponRecord):
        left = stay(agent, work.users, work.record, work.run, progress)
        if not left:
            return
        who = [each.user_id for each in left]
        bill = dry_run(work.setting, work.dataset, who, work.plan.agent, len(who))
        if not consent(left, bill):
            return
        agent.answers.may_ask = True
        changes = work.plan.agent.changed
        pace = pace if changes is None or changes.memory else Pace()  # a memory that believes all serves one thread
    for _ in ask(agent, work.users, work.record, nothing, progress=progress, pace=pace):
        pass
