"""--resume of pretrain and train-encoder: an interrupted training goes on, and ends as if it had never stopped."""

import shlex
from dataclasses import replace
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.company import RANDOM
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.training_state import KeptState, load_state
from toolrec_cli.operations.ground import prepare_ground
from toolrec_cli.operations.keeping import saying_how_to_go_on
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import (
    BackbonePlan,
    EncoderPlan,
    fit_and_record,
    fit_and_record_encoder,
    fresh_backbone,
    fresh_encoder,
)
from toolrec_cli.operations.training_log import METRICS, OnEpoch, forget_after
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RESUME, RunDir, find_run, resuming

Plan = TypeVar("Plan", BackbonePlan, EncoderPlan)


def find_interrupted(setting: Setting, name: str, verb: str = "pretrain") -> RunDir:
    """The run of `verb` called `name`, not finished. Raises UsageError for another verb's, InputError for one that is."""
    run = find_run(setting.runs, name)
    if run.manifest.verb != verb:
        raise UsageError(f"{run.path} is a run of {run.manifest.verb}, not of {verb}.")
    if run.manifest.status == "done":
        raise InputError(f"{run.path} is finished.", hint="There is nothing to go on with.")
    return run


def resume_pretrain(
    run: RunDir,
    dataset: Dataset,
    on_epoch: OnEpoch = lambda _: None,
    progress: Progress = silent,
    ranks: Ranks | None = None,
) -> RunDir:
    """Go on from the last state that was kept: on the same machine, to the same weights and metrics, to the bit.

    Raises InputError when there is none yet, or the data set is another; UsageError for another number of processes.
    """
    ranks = ranks or Ranks()
    _check(run, dataset)
    _check_processes(run, plan_of(run, load_state(run.path / RESUME)), ranks)
    with saying_how_to_go_on("pretrain", ranks.launch), resuming(run.path, METRICS) as run:
        kept = _taken_up(run)
        plan = plan_of(run, kept)
        fit_and_record(run, plan, fresh_backbone(plan, dataset), dataset, on_epoch, progress, kept, ranks)
    return run


def resume_encoder(
    setting: Setting,
    run: RunDir,
    dataset: Dataset,
    on_epoch: OnEpoch = lambda _: None,
    progress: Progress = silent,
) -> RunDir:
    """The same with an encoder; `setting` says where its backbone lies.

    Raises InputError when no state was kept yet, or the data set or the backbone is another.
    """
    _check(run, dataset)
    plan = _plan_of(EncoderPlan, run, load_state(run.path / RESUME))
    ground = prepare_ground(setting, dataset, plan.backbone, plan.training, plan.device)
    if ground.card.digest != run.manifest.inputs["backbone"]:
        raise InputError(f"{run.path} was begun on another backbone than {plan.backbone} is now.", hint="Train anew.")
    with saying_how_to_go_on("train-encoder"), resuming(run.path, METRICS) as run:
        kept = _taken_up(run)
        fit_and_record_encoder(run, plan, fresh_encoder(plan, ground), ground, on_epoch, progress, kept)
    return run


def _taken_up(run: RunDir) -> KeptState:
    """The state that was kept; lines of epochs that ended later are dropped: these are learnt again."""
    kept = load_state(run.path / RESUME)
    forget_after(run, kept.state.epochs[-1].epoch if kept.state.epochs else -1)
    return kept


def _check(run: RunDir, dataset: Dataset) -> None:
    if run.manifest.dataset_digest != dataset.card.digest:
        raise InputError(
            f"{run.path} was trained on another {dataset.name!r} than is prepared now.", hint="Train anew."
        )
    if not (run.path / RESUME).is_dir():
        typed = shlex.join(["toolrec", *run.manifest.argv[1:]])
        raise InputError(
            f"{run.path} was stopped before its first epoch was over, or a state kept.", hint=f"Begin anew: {typed}"
        )


def _check_processes(run: RunDir, plan: BackbonePlan, ranks: Ranks) -> None:
    if plan.processes != ranks.size:
        many = f"torchrun --nproc-per-node {plan.processes} -m toolrec_cli" if plan.processes > 1 else "toolrec"
        raise UsageError(
            f"{run.path} was begun in {plan.processes} process{'es' if plan.processes > 1 else ''}, not in {ranks.size}.",
            hint=f"Type: {many} pretrain --resume {run.typed}",
        )


def plan_of(run: RunDir, kept: KeptState) -> BackbonePlan:
    """How a pretrain run trains. Raises InputError where that makes no sense."""
    plan = _plan_of(BackbonePlan, run, kept)
    if "item_vectors" not in kept.about["plan"]["training"]:  # begun before there was a choice
        plan = replace(plan, training=replace(plan.training, item_vectors=RANDOM))
    return plan


def _plan_of(kind: type[Plan], run: RunDir, kept: KeptState) -> Plan:
    try:
        return TypeAdapter(kind).validate_python(kept.about["plan"])
    except (KeyError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{run.path / RESUME} makes no sense ({reason}).", hint="Train again.") from error
