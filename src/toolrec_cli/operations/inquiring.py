"""A question that variants on the same users answer: asked, put on record as it goes, scored at the end, and written down."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import TypeAdapter

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.figure import svg
from toolrec_cli.evaluation.significance import Paired
from toolrec_cli.evaluation.variants import Comparison, Reading, Variant, VariantRow, reading, rows_of
from toolrec_cli.operations.bench import MADE, Bench
from toolrec_cli.operations.exploring import AgentPlan, assemble
from toolrec_cli.operations.resuming import ASKED_FILE, Again, asked, going, plain
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.tried import FILE, TriedLog
from toolrec_cli.operations.whom import drawn, scored
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.atomic import write_json, write_text
from toolrec_cli.storage.run_dir import RunDir, resuming
from toolrec_cli.storage.tables import RANKINGS, VARIANTS, write_table

IntArray = npt.NDArray[np.int64]
REPORT = "report.json"


class InquiryPlan(Protocol):
    """What is to be known of any plan: the surrogate's, and how many users (None: all)."""

    @property
    def agent(self) -> AgentPlan: ...

    @property
    def n_users(self) -> int | None: ...


Conclusion = Callable[[Sequence[VariantRow], str, int], tuple[VariantRow, ...]]
"""The rows with what is measured by help of their scores, given the reference and the cut-off."""


def as_they_are(rows: Sequence[VariantRow], reference: str, n: int) -> tuple[VariantRow, ...]:
    """Nothing more is measured."""
    return tuple(rows)


@dataclass(frozen=True)
class Inquiry:
    """What is asked, and how the variants are made; `make` also names the reference. `read` says in two lines what came out."""

    verb: str
    kind: str
    question: str
    make: Callable[[Bench], tuple[list[Variant], str]]
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the lists come from besides the built-in surrogate's models."""
    conclude: Conclusion = as_they_are
    read: Reading = reading


def inquire(
    setting: Setting,
    dataset: Dataset,
    inquiry: Inquiry,
    plan: InquiryPlan,
    progress: Progress = silent,
    again: Again | None = None,
) -> tuple[RunDir, Comparison]:
    """Make every variant's lists and write them down; only then read what was held out. With `again` that run goes on.

    Raises UsageError where nothing is held out, or what matters has changed since the run began; InputError where nobody can
    be asked.
    """
    if again and (found := _answered(again.run, inquiry)):
        return found
    part = scored(plan.agent.before)
    possible = dataset.users_with(part)
    users = dataset.user_indices(asked(again.run)) if again else drawn(dataset, part, plan.n_users, setting.seed)
    inputs = assemble(setting, dataset, replace(plan.agent, model=None), users).inputs | dict(inquiry.inputs)
    manifest = setting.manifest(
        inquiry.verb, f"{dataset.name}-{inquiry.kind}", dataset, inputs, {"kind": inquiry.kind, **plain(plan)}
    )
    with (
        going(setting, manifest, dataset.user_ids(users), FILE, again) as run,
        TriedLog(run.path / FILE, len(users), plan.agent.limits.n) as log,
    ):
        allow_drift = again is not None and again.allow_drift
        bench = Bench(setting, dataset, plan.agent, users, part, run, log, progress, allow_drift)
        variants, reference = inquiry.make(bench)
        n = variants[0].lists.shape[1]
        _write_lists(run, dataset, users, variants)
        targets = dataset.held_out(part)[users].astype(np.int64)
        rows = inquiry.conclude(rows_of(variants, targets, n, reference, setting.seed), reference, n)
        found = Comparison(
            verb=inquiry.verb,
            kind=inquiry.kind,
            question=inquiry.question,
            dataset=dataset.name,
            split=str(part),
            n_users=len(users),
            n_possible=len(possible),
            n=n,
            reference=reference,
            rows=rows,
            reading=inquiry.read(rows, reference, n),
        )
        _write(run, found)
    return run, found


def _answered(run: RunDir, inquiry: Inquiry) -> tuple[RunDir, Comparison] | None:
    """What a run has found that is finished, or was killed when all was written. Raises UsageError if it asks something else."""
    kind = run.manifest.plan.get("kind")
    if (run.manifest.verb, kind) != (inquiry.verb, inquiry.kind):
        raise UsageError(f"{run.path} cannot go on as {inquiry.kind}: it is of {kind or run.manifest.verb}.")
    if not (run.path / REPORT).is_file():
        return None
    if run.manifest.status != "done":
        with resuming(run.path, FILE) as run:
            _tidy(run)
    return run, TypeAdapter(Comparison).validate_json((run.path / REPORT).read_bytes())


def _write(run: RunDir, found: Comparison) -> None:
    """Tables, plot and report; what the run would have gone on from is removed."""
    metric = f"ndcg@{found.n}"
    write_table(run.path / "variants.parquet", VARIANTS, _table(found.rows))
    title = f"{found.dataset}, {found.verb} {found.kind}: NDCG@{found.n}"
    write_text(run.path / "variants.svg", svg(title, found.rows, metric))
    run.update(result={**run.manifest.result, "kind": found.kind, "n_users": found.n_users})
    write_json(run.path / REPORT, asdict(found))
    _tidy(run)


def _tidy(run: RunDir) -> None:
    for name in (FILE, ASKED_FILE):
        (run.path / name).unlink(missing_ok=True)
    shutil.rmtree(run.path / MADE, ignore_errors=True)


def _write_lists(run: RunDir, dataset: Dataset, users: IntArray, variants: Sequence[Variant]) -> None:
    """rankings.parquet; a name that is no item's stands as an empty id."""
    ids = pl.concat([pl.Series([""]), dataset.catalog.frame["item_id"]])
    user_ids = dataset.users["user_id"].gather(users)
    columns: dict[str, list[pl.Series]] = {name: [] for name in RANKINGS}
    for variant in variants:
        who, place = np.nonzero(variant.lists)
        items = variant.lists[who, place]
        columns["row"].append(pl.repeat(variant.name, len(who), eager=True))
        columns["user_id"].append(user_ids.gather(who))
        columns["rank"].append(pl.Series(place + 1))
        columns["item_id"].append(ids.gather(np.where(items < len(ids), items, 0)))
    write_table(run.path / "rankings.parquet", RANKINGS, {name: pl.concat(parts) for name, parts in columns.items()})


def _table(rows: Sequence[VariantRow]) -> dict[str, list[Any]]:
    """A line a variant and figure, and one for each comparison more; what was measured besides has a mean alone."""
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        for against, versus in row.comparisons() or [("", None)]:
            for metric, each in row.metrics.items():
                lines.append(
                    (row.name, metric, each.n, each.mean, each.low, each.high, *_told(versus, metric, against))
                )
        lines += [(row.name, name, None, value, *(None,) * 8) for name, value in row.measured.items()]
    return {name: [line[place] for line in lines] for place, name in enumerate(VARIANTS)}


def _told(versus: dict[str, Paired] | None, metric: str, against: str) -> tuple[Any, ...]:
    if versus is None:
        return (None,) * 6
    each = versus[metric]
    return each.difference, each.low, each.high, each.p_value, each.p_holm, against
