"""toolrec runs: what ran, how it ended, what it was made from, and what was made from it."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.agent.codec import superseded
from toolrec_cli.agent.replay import TRAJECTORIES
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, UsageError, unknown
from toolrec_cli.operations.kept_states import kept_states, of_backbone
from toolrec_cli.operations.resuming import ASKED_FILE, is_over
from toolrec_cli.operations.tried import FILE as TRIED
from toolrec_cli.storage.atomic import replacing, unhidden
from toolrec_cli.storage.lock import holder
from toolrec_cli.storage.log import has_lines
from toolrec_cli.storage.run_dir import RunDir, list_runs, resumed_by
from toolrec_cli.storage.tables import write_parquet

SCHEMA_VERSION = 1

KILLED = "killed"
"""The status of a run that says it is running, and nobody is at it."""

_METRICS = ("ndcg@10", "validation_ndcg@10")


@dataclass(frozen=True)
class RunLine:
    """A run in the list. `users` on record of `asked`; `metric` names `value`; `cost` in US dollars; None where there is none."""

    name: str
    path: str
    verb: str
    dataset: str
    status: str
    started: str
    reason: str = ""
    users: int | None = None
    asked: int | None = None
    metric: str | None = None
    value: float | None = None
    cost: float | None = None
    parents: tuple[str, ...] = ()
    resumable: bool = False


def lines(runs: Path) -> list[RunLine]:
    """All runs, newest first."""
    found = list_runs(runs)
    made_by = _makers(found)
    return [_line(run, made_by) for run in found]


def shown(runs: Path, run: RunDir) -> dict[str, Any]:
    """All that is known of one run: its line, its manifest, and the runs that were made from it."""
    return described(list_runs(runs), run)


def described(found: list[RunDir], run: RunDir) -> dict[str, Any]:
    """The same, beside the runs that were `found` already."""
    line = _line(run, _makers([*found, run]))
    children = [child.name for child in children_of(found, run)]
    manifest = asdict(run.manifest) | {"status": line.status}
    return {"schema_version": SCHEMA_VERSION, "run": asdict(line), "children": children, "manifest": manifest}


def children_of(found: list[RunDir], run: RunDir) -> list[RunDir]:
    """The runs that name what `run` made among their inputs."""
    made = _digests(run)
    return [each for each in found if not made.isdisjoint(each.manifest.inputs.values())]


def _digests(run: RunDir) -> set[str]:
    """By what others name the run as what they were made from: its model, or the trajectories that they replay."""
    manifest = run.manifest
    return {str(each) for each in (manifest.result.get("digest"), manifest.outputs.get(TRAJECTORIES)) if each}


def remove(runs: Path, run: RunDir, *, force: bool = False) -> None:
    """Delete a run, and what was kept of a backbone's states.

    Raises UsageError when others were made from it (unless `force`), or when somebody is at it.
    """
    found = holder(run.path)
    if found is not None and found.alive:
        raise UsageError(f"{run.path} is being written by process {found.pid}.", hint="Stop it first.")
    children = children_of(list_runs(runs), run)
    if children and not force:
        names = ", ".join(child.name for child in children[:5])
        raise UsageError(
            f"{len(children)} runs were made from {run.name}: {names}{' …' if len(children) > 5 else ''}.",
            hint="Remove those first, or add --force: they can then neither be verified nor resumed.",
        )
    shutil.rmtree(run.path)
    if run.manifest.verb == "pretrain" and (digest := run.manifest.result.get("digest")):
        kept_states(runs.parent).forget(of_backbone(str(digest)))


def export(workspace: Path, run: RunDir, kind: str, out: Path, row: str | None = None) -> int:
    """Write a run's lists, with titles, as csv, jsonl or parquet: row, user_id, rank, item_id, title. How many lines.

    Raises InputError when the run has no lists (yet), the data set has changed, UsageError when `out` is there and for an unknown
    `row`.
    """
    table = _lists(run, row)
    titles = _titles(workspace, run)
    table = table.join(titles, on="item_id", how="left", maintain_order="left")
    if out.exists():
        raise UsageError(f"{out} is there already.", hint="Choose another --out, or remove it.")
    with replacing(out) as temporary, unhidden(pl.exceptions.PolarsError):
        if kind in ("csv", "tsv"):
            table.write_csv(temporary, separator="\t" if kind == "tsv" else ",")
        elif kind == "jsonl":
            table.write_ndjson(temporary)
        else:
            write_parquet(table, temporary)
    return table.height


def _lists(run: RunDir, row: str | None) -> pl.DataFrame:
    path = run.path / "rankings.parquet"
    if not path.is_file():
        hint = f"Type: toolrec {resumed_by(run.manifest.verb)} --resume {run.typed}" if _is_resumable(run) else None
        raise InputError(f"{run.path} has no lists{' yet' if hint else ''}.", hint=hint)
    table = pl.read_parquet(path)
    if row is None:
        return table
    if row not in (rows := table["row"].unique(maintain_order=True).to_list()):
        raise UsageError(unknown("row", row, rows))
    return table.filter(pl.col("row") == row)


def _titles(workspace: Path, run: RunDir) -> pl.DataFrame:
    directory = workspace / "datasets" / run.manifest.dataset
    if not (directory / "dataset.json").is_file():
        raise InputError(f"The data set {run.manifest.dataset!r}, which has the titles, is not in {workspace}.")
    dataset = Dataset(directory)
    if dataset.card.digest != run.manifest.dataset_digest:
        raise InputError(
            f"The data set {dataset.name!r} is no longer the one of {run.name}.", hint="Prepare the same data."
        )
    return dataset.catalog.frame.select("item_id", "title")


def _makers(found: list[RunDir]) -> dict[str, str]:
    """Digest -> the name of the run that made it (the oldest of several)."""
    return {digest: run.name for run in found for digest in _digests(run)}


def _line(run: RunDir, made_by: dict[str, str]) -> RunLine:
    manifest = run.manifest
    users, asked = _counts(run)
    metric, value = _metric(run)
    parents = dict.fromkeys(made_by[digest] for digest in manifest.inputs.values() if digest in made_by)
    usage = manifest.result.get("usage")
    cost = usage.get("dollars") if isinstance(usage, dict) else manifest.result.get("cost")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return RunLine(
        name=run.name,
        path=str(run.path),
        verb=manifest.verb,
        dataset=manifest.dataset,
        status=status_of(run),
        started=manifest.started,
        reason=manifest.reason,
        users=users,
        asked=asked,
        metric=metric,
        value=value,
        cost=cost,  # pyright: ignore[reportUnknownArgumentType]
        parents=tuple(parents),
        resumable=_is_resumable(run),
    )


def status_of(run: RunDir) -> str:
    """As the manifest says, but for "running" where nobody is at it any more: that is "killed"."""
    if run.manifest.status != "running":
        return run.manifest.status
    found = holder(run.path)
    return "running" if found is not None and found.alive else KILLED


def _is_resumable(run: RunDir) -> bool:
    return (
        not is_over(run)
        and status_of(run) != "running"
        and (run.path / ASKED_FILE).is_file()
        and bool(run.manifest.plan)
    )


def _counts(run: RunDir) -> tuple[int | None, int | None]:
    """Users on record, and asked."""
    done = run.manifest.result.get("users", run.manifest.result.get("n_users"))
    if run.manifest.status == "done" or not (run.path / ASKED_FILE).is_file():
        return done, done
    if (run.path / TRIED).is_file():  # a line a user and variant, and nobody knows how many variants there will be
        return None, None
    log = run.path / TRAJECTORIES
    on_record = _n_lines(log) - len(superseded(log)) if has_lines(log) else 0
    return on_record, pl.scan_parquet(run.path / ASKED_FILE).select(pl.len()).collect().item()


def _n_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _metric(run: RunDir) -> tuple[str | None, float | None]:
    """The figure that a run is judged by: NDCG@10, or the first there is, of the surrogate; of a training, on validation."""
    for name in _METRICS:
        if name in run.manifest.result:
            return name, run.manifest.result[name]
    try:
        rows = json.loads((run.path / "report.json").read_bytes())["rows"]
        metrics = next(row["metrics"] for row in rows if row["name"] == "surrogate")
        name = "ndcg@10" if "ndcg@10" in metrics else next(iter(metrics))
        return name, metrics[name]["mean"]
    except (OSError, ValueError, KeyError, StopIteration, TypeError):
        return None, None
