"""--resume: a run goes on with the settings it began with, without their being typed again."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

OF_THE_CALL = {
    "resume",
    "allow_drift",
    "workspace",
    "as_json",
    "trace",
    "rows",
    "workers",
    "runner",
    "ray_address",
    "plain",
    "dry_run",
}
"""Settings that change no list: they may differ from call to call."""

NOT_AGAIN = {"user": "--user", "users": "--users", "out": "--out"}
"""Settings that a run has once and for all."""


def resumable(command: Callable[..., None]) -> Callable[..., None]:
    """A command with `resume` and `workspace` among its parameters: resumed, the others are those of the run's record.

    What is typed all the same counts as typed; whether it may differ is for the operation to say.
    """

    @wraps(command)
    def with_record(ctx: typer.Context, **given: Any) -> None:
        if given["resume"] is not None:
            given |= _recorded(ctx, given)
            ctx.params.update(given)
        command(ctx, **given)

    return with_record


def _recorded(ctx: typer.Context, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of the run's record that were not typed."""
    from toolrec_cli.errors import UsageError
    from toolrec_cli.storage.run_dir import find_run, resumed_by

    run = find_run(given["workspace"] / "runs", given["resume"])
    if resumed_by(run.manifest.verb) != ctx.info_name:
        hint = f"Type: toolrec {resumed_by(run.manifest.verb)} --resume {run.typed}"
        resumes = run.manifest.verb in ("recommend", "eval", "ablate", "stress", "what-if")
        raise UsageError(
            f"{run.path} is a {run.manifest.verb} run, not one of {ctx.info_name}.", hint=hint if resumes else None
        )
    for name, flag in NOT_AGAIN.items():
        if name in given and _is_typed(ctx, name):
            raise UsageError(
                f"{flag} cannot be given with --resume: it is settled when a run begins.",
                hint=f"Type: toolrec {ctx.info_name} --resume {run.typed}",
            )
    settings = {name: setting.get("value") for name, setting in run.manifest.settings.items()}
    settings |= {"dataset": run.manifest.dataset, "seed": run.manifest.seed}
    then = settings.get("workspace")
    if then and not _is_typed(ctx, "workspace") and Path(then).is_dir():
        given["workspace"] = Path(then)
    free = (name for name in given if name in settings and name not in OF_THE_CALL and not _is_typed(ctx, name))
    found = {name: _like(given[name], settings[name]) for name in free}
    found |= {"out": None, "workspace": given["workspace"]}
    if found.get("backbone", "") is None:
        found["backbone"] = _backbone(given["workspace"], run.manifest.inputs.get("backbone"))
    return found


def _backbone(workspace: Path, digest: str | None) -> str | None:
    """The run that holds the backbone of a digest, also when there is a newer one by now."""
    from toolrec_cli.storage.run_dir import list_runs

    for run in list_runs(workspace / "runs"):
        if run.manifest.verb == "pretrain" and run.manifest.result.get("digest") == digest:
            return str(run.path)
    return None


def _is_typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


def _like(given: Any, recorded: Any) -> Any:
    """A recorded value as what the command line gives: paths and choices are recorded as text."""
    if given is None and recorded == []:  # a list that was not typed
        return None
    if recorded is None or type(given) is str or not isinstance(given, str | Path):
        return recorded
    of: Any = type(given)
    return of(recorded)
