"""With what plan a run explored, read from its record, and held to the models it had."""

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.errors import InputError
from toolrec_cli.operations.evaluating import EvalPlan
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir, list_runs


def plan_of(run: RunDir) -> AgentPlan:
    """With what plan a run explored. Raises InputError when it does not say."""
    kind: Any = EvalPlan if run.manifest.verb == "eval" else AgentPlan
    try:
        plan: Any = TypeAdapter[Any](kind).validate_python(run.manifest.plan or None)
    except ValidationError as error:
        raise InputError(f"{run.path} does not say with what plan it explored: an older toolrec made it.") from error
    return plan.agent if isinstance(plan, EvalPlan) else plan


def pinned(setting: Setting, run: RunDir, plan: AgentPlan) -> AgentPlan:
    """The plan with the backbone that the run had, also when there is a newer one by now."""
    digest = run.manifest.inputs.get("backbone")
    for other in list_runs(setting.runs):
        if other.manifest.verb == "pretrain" and other.manifest.result.get("digest") == digest:
            return replace(plan, backbone=str(other.path))
    return plan
