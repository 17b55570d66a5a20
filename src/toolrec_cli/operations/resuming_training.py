"""toolrec pretrain --resume: an interrupted training goes on, and ends as if it had never stopped."""

import shlex

from pydantic import TypeAdapter, ValidationError

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.training_state import KeptState, load_state
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import (
    RESUME,
    BackbonePlan,
    fit_and_record,
    fresh_backbone,
    saying_how_to_go_on,
)
from toolrec_cli.operations.training_log import METRICS, OnEpoch, forget_after
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir, find_run, resuming


def find_interrupted(setting: Setting, name: str) -> RunDir:
    """The pretrain run called `name`, which is not finished. Raises UsageError for another verb's, InputError for one that is."""
    run = find_run(setting.runs, name)
    if run.manifest.verb != "pretrain":
        raise UsageError(f"{run.path} is a run of {run.manifest.verb}, not of pretrain.")
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
    """Go on from the last whole epoch: on the same machine, to the same weights and metrics, to the bit.

    Raises InputError when there is no whole epoch yet, or the data set is another; UsageError for another number of processes.
    """
    ranks = ranks or Ranks()
    if run.manifest.dataset_digest != dataset.card.digest:
        raise InputError(
            f"{run.path} was trained on another {dataset.name!r} than is prepared now.", hint="Train anew."
        )
    _check_kept(run)
    _check_processes(run, plan_of(run, load_state(run.path / RESUME)), ranks)
    with saying_how_to_go_on(ranks.launch), resuming(run.path, METRICS) as run:
        kept = load_state(run.path / RESUME)
        plan = plan_of(run, kept)
        forget_after(run, kept.state.epochs[-1].epoch)
        fit_and_record(run, plan, fresh_backbone(plan, dataset), dataset, on_epoch, progress, kept, ranks)
    return run


def _check_kept(run: RunDir) -> None:
    if not (run.path / RESUME).is_dir():
        typed = shlex.join(["toolrec", *run.manifest.argv[1:]])
        raise InputError(f"{run.path} was stopped before its first epoch was over.", hint=f"Begin anew: {typed}")


def _check_processes(run: RunDir, plan: BackbonePlan, ranks: Ranks) -> None:
    if plan.processes != ranks.size:
        many = f"torchrun --nproc-per-node {plan.processes} -m toolrec_cli" if plan.processes > 1 else "toolrec"
        raise UsageError(
            f"{run.path} was begun in {plan.processes} process{'es' if plan.processes > 1 else ''}, not in {ranks.size}.",
            hint=f"Type: {many} pretrain --resume {shlex.quote(str(run.path))}",
        )


def plan_of(run: RunDir, kept: KeptState) -> BackbonePlan:
    """How the run trains. Raises InputError where that makes no sense."""
    try:
        return TypeAdapter(BackbonePlan).validate_python(kept.about["plan"])
    except (KeyError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{run.path / RESUME} makes no sense ({reason}).", hint="Train again.") from error
