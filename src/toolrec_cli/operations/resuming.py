"""A run begins, or goes on: whom it asks, what it may not have changed in between, and who is on record already."""

import gc
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from toolrec_cli.agent.replay import TRAJECTORIES
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.shards import take_in
from toolrec_cli.storage.run_dir import Manifest, RunDir, recording, resuming
from toolrec_cli.storage.tables import ASKED, write_table

ASKED_FILE = "asked.parquet"


@dataclass(frozen=True)
class Again:
    """The run that goes on; and whether it may although something has changed since (which is recorded)."""

    run: RunDir
    allow_drift: bool = False


@contextmanager
def going(
    setting: Setting, manifest: Manifest, user_ids: Sequence[str], log: str, again: Again | None = None
) -> Generator[RunDir]:
    """A new run, or `again` that goes on, whose record of users is the file `log`.

    Raises UsageError when something that matters has changed since the run began, InputError when another process is at it.
    """
    if again is None:
        with recording(setting.runs, manifest, setting.out, log) as run:
            write_table(run.path / ASKED_FILE, ASKED, {"user_id": user_ids})
            yield run
        return
    drift = drifted(again.run.manifest, manifest)
    if drift and not again.allow_drift:
        raise _refusal(again.run, drift)
    noted = {"argv": list(setting.call.argv), "versions": manifest.versions, "drift": drift}
    with resuming(again.run.path, log, **noted) as run:
        yield run


@contextmanager
def underway(
    setting: Setting, manifest: Manifest, user_ids: Sequence[str], again: Again | None = None
) -> Generator[tuple[RunDir, Record]]:
    """`going`, with the record of trajectories: whom the server failed to answer is still to be asked. Raises the same."""
    with (
        going(setting, manifest, user_ids, TRAJECTORIES, again) as run,
        Record(run.path / TRAJECTORIES, user_ids) as record,
        _loaded_is_left_alone(),
    ):
        take_in(run.path, record, user_ids)
        record.ask_again()
        yield run, record


@contextmanager
def _loaded_is_left_alone() -> Generator[None]:
    """Within, the collector of garbage looks at what is made from now on alone.

    To go through all that libraries and models hold takes it 0.2 s, in which no thread asks a server anything.
    """
    if gc.get_freeze_count():  # by whoever called, who will let go of it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def is_over(run: RunDir) -> bool:
    """Whether nothing is left to be asked: it is done, and the server failed to answer nobody."""
    return run.manifest.status == "done" and not run.manifest.result.get("unheard")


def asked(run: RunDir) -> list[str]:
    """Whom a run is to ask, in order. Raises InputError when it does not say."""
    path = run.path / ASKED_FILE
    try:
        return pl.read_parquet(path)["user_id"].to_list()
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{run.path} cannot go on: {path.name} is missing or cut off.", hint="Run it anew, with another --out."
        ) from error


def recorded(run: RunDir) -> Record:
    """Who is on record in a run, to be read."""
    return Record(run.path / TRAJECTORIES, asked(run))


def plain(plan: Any) -> dict[str, Any]:
    """A plan (a dataclass) as the manifest holds it."""
    return TypeAdapter[Any](plan.__class__).dump_python(plan, mode="json", warnings=False, fallback=str)


def drifted(then: Manifest, now: Manifest) -> dict[str, list[Any]]:
    """What has changed since a run began, [then, now] by name: data set, models and prompts (inputs), plan, seed."""
    before, after = _fingerprint(then), _fingerprint(now)
    names = [*before, *(name for name in after if name not in before)]
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _fingerprint(manifest: Manifest) -> dict[str, Any]:
    """All that must not change. Backbones are known by digest, not by the run that holds them."""
    named = {"verb": manifest.verb, "dataset": manifest.dataset, "dataset_digest": manifest.dataset_digest}
    inputs = {f"inputs.{name}": digest for name, digest in manifest.inputs.items()}
    found = {**named, "seed": manifest.seed, **inputs, **_flat("plan", manifest.plan)}
    return {name: value for name, value in found.items() if _matters(name) or name in inputs}


def _matters(name: str) -> bool:
    """How a language model is asked (pace, limits, prices) changes nothing; who is asked, and how told, is among the inputs."""
    return not name.endswith(".backbone") and "model.options" not in name


def _flat(name: str, value: Any) -> dict[str, Any]:
    """{"plan": {"limits": {"n": 10}}} -> {"plan.limits.n": 10}."""
    if not isinstance(value, Mapping):
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
        found |= _flat(f"{name}.{key}", inner)
    return found


def _refusal(run: RunDir, drift: Mapping[str, list[Any]]) -> UsageError:
    changes = "; ".join(f"{name} was {_short(then)}, now {_short(now)}" for name, (then, now) in drift.items())
    return UsageError(
        f"{run.path} cannot go on as it began: {changes}.",
        hint="Go back to what it began with, or add --allow-drift: the change is then recorded, and the lists are of two kinds.",
    )


def _short(value: Any) -> str:
    text = repr(value)
    return "absent" if value is None else text if len(text) <= 20 else f"{text[:13]}…"
