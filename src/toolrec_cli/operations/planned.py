"""With what plan a run explored, read from its record, and held to the models it had."""

from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.operations.evaluating import EvalPlan
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.indexing import EXACT, INDEX
from toolrec_cli.operations.modelling import prompt_version
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir, list_runs

WHAT_IF = "what-if"
"""The verb of a run that `replay --what-if` made."""


@dataclass(frozen=True)
class WhatIfPlan:
    """A replay with something supposed: how it explores, of which run (its path), what was said, and at which cut-offs."""

    agent: AgentPlan
    parent: str
    supposed: tuple[str, ...]
    ks: tuple[int, ...] = (10,)


_KINDS: dict[str, Any] = {"eval": EvalPlan, WHAT_IF: WhatIfPlan}


def whole_plan(run: RunDir) -> AgentPlan | EvalPlan | WhatIfPlan:
    """The plan of a run's own verb. Raises InputError when the record does not say."""
    kind = _KINDS.get(run.manifest.verb, AgentPlan)
    try:
        return TypeAdapter[Any](kind).validate_python(run.manifest.plan or None)
    except ValidationError as error:
        raise InputError(f"{run.path} does not say with what plan it explored: an older toolrec made it.") from error


def plan_of(run: RunDir) -> AgentPlan:
    """With what plan a run explored. Raises InputError when it does not say."""
    plan = whole_plan(run)
    return plan if isinstance(plan, AgentPlan) else plan.agent


def pinned(setting: Setting, run: RunDir, plan: AgentPlan) -> AgentPlan:
    """The plan with the run's backbone, attributes, indexes, tuning (or none) and prompts' version, whatever was made since."""
    inputs = run.manifest.inputs
    names = [name.removeprefix("encoder:") for name in inputs if name.startswith("encoder:")]
    retrieval = INDEX if any(name.startswith("index:") for name in inputs) else EXACT
    plan = replace(plan, attributes=names, tuned="ranker" in inputs, retrieval=retrieval)
    if plan.model is not None:
        plan = replace(plan, model=replace(plan.model, version=plan.model.version or prompt_version(run)))
    for other in list_runs(setting.runs):
        if other.manifest.verb == "pretrain" and other.manifest.result.get("digest") == inputs.get("backbone"):
            return replace(plan, backbone=str(other.path))
    return plan


def check_data(run: RunDir, dataset: Dataset) -> None:
    """Raises InputError when the run explored other data than is prepared now."""
    if run.manifest.dataset_digest != dataset.card.digest:
        raise InputError(
            f"{run.path} explored another {dataset.name!r} than is prepared now.", hint="Prepare the same data."
        )
