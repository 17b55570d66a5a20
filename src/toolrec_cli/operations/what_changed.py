"""What a replay with something supposed changed: in lists, in how explorations ended, and, only then, in metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.evaluation.agreement import Comparing
from toolrec_cli.evaluation.report import Row, compare
from toolrec_cli.evaluation.what_if import RECORDED, SUPPOSED, Told, WhatIf
from toolrec_cli.operations.accounting import used
from toolrec_cli.operations.departing import departures
from toolrec_cli.operations.deriving import derive
from toolrec_cli.operations.earlier import Before
from toolrec_cli.operations.evaluating import write_values
from toolrec_cli.operations.exploring import SURROGATE, Agent
from toolrec_cli.operations.planned import WhatIfPlan
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir

IntArray = npt.NDArray[np.int64]
FILE = "what-if.json"


@dataclass(frozen=True)
class Work:
    """All that a replay works with."""

    setting: Setting
    dataset: Dataset
    parent: RunDir
    plan: WhatIfPlan
    before: Before
    agent: Agent
    user_ids: list[str]
    users: IntArray
    run: RunDir
    record: Record


@dataclass
class _Side:
    """One run's lists, [n_users, n] item_index (0 = none, −1 = no item's), and how its explorations went."""

    lists: IntArray
    surrogate: str = ""
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    rounds: list[int] = field(default_factory=list[int])

    def take(self, place: int, line: bytes, dataset: Dataset) -> list[str]:
        """One user's trajectory; the ids of its list."""
        found: dict[str, Any] = from_json(line)
        ids = [str(entry["item_id"]) for entry in found["ranking"]][: self.lists.shape[1]]
        matches = (dataset.catalog.resolve(item_id) for item_id in ids)
        self.lists[place, : len(ids)] = [match.item_index if match and match.how == "id" else -1 for match in matches]
        self.surrogate = self.surrogate or str(found["surrogate"])
        self.statuses[found["status"]] = self.statuses.get(found["status"], 0) + 1
        self.rounds.append(len(found["steps"]))
        return ids


def reported(work: Work) -> WhatIf:
    """Read both records, one user at a time, and compare. The lists are on disk before a held-out item is read."""
    outcome = derive(work.run, work.record, SURROGATE)
    n, pairs = work.plan.agent.limits.n, Comparing()
    sides = {row: _Side(np.zeros((len(work.users), n), np.int64)) for row in (RECORDED, SUPPOSED)}
    for place, user_id in enumerate(work.user_ids):
        if work.record.has(place):
            now = next(work.record.lines([place]))
            lines = {RECORDED: work.before.line(user_id), SUPPOSED: now}
            pairs.add(*(sides[row].take(place, line, work.dataset) for row, line in lines.items()))
    told = _told(work, outcome.users)
    rows, why, n_scored = _scored(work, {row: side.lists for row, side in sides.items()}, told)
    alike = pairs.found(work.setting.seed)
    metrics = {name: found.mean for name, found in rows[1].metrics.items()} if rows else {}
    result = {**outcome.as_result(), "parent": work.parent.name, "what_if": list(work.plan.supposed)}
    work.run.update(result={**result, "untuned": work.agent.untuned, **metrics})
    named = [item for item, _ in (*alike.came_in, *alike.went_out)]
    matches = zip(named, work.dataset.catalog.resolve_all(named), strict=True)
    return WhatIf(
        run=work.run.name,
        parent=work.parent.name,
        supposed=work.plan.supposed,
        dataset=work.dataset.name,
        surrogate={row: side.surrogate for row, side in sides.items()},
        statuses={row: side.statuses for row, side in sides.items()},
        mean_rounds={row: float(np.mean(side.rounds or [0])) for row, side in sides.items()},
        n_users=len(work.users),
        n=n,
        lists=alike,
        titles={item: work.dataset.catalog.title(match.item_index) for item, match in matches if match},
        split=str(work.plan.agent.before) if work.plan.agent.before else None,
        n_scored=n_scored,
        rows=rows,
        why_no_metrics=why,
        also_changed=_also_changed(work),
        told=told,
    )


def _told(work: Work, n_on_record: int) -> Told | None:
    if work.agent.speaker is None:
        return None
    left = tuple(departures(work.run))
    n_unasked = len(work.users) - n_on_record
    n_asked = len(left) - n_unasked
    return Told(n_on_record - n_asked, n_asked, n_unasked, left, used(work.agent.speaker))


def _scored(work: Work, lists: Mapping[str, IntArray], told: Told | None) -> tuple[tuple[Row, ...] | None, str, int]:
    """Both rows against the held-out items; or why not. Every user explored for is in the denominator, or there is no metric."""
    part = work.plan.agent.before
    if part is None:
        return None, "The run was told every interaction: nothing is held out.", 0
    if told and told.n_unasked:
        return None, f"{told.n_unasked:,} users have no list: those who have one are no fair sample.", 0
    scored = np.flatnonzero(np.isin(work.users, work.dataset.users_with(part)))
    if not len(scored):
        return None, f"None of these users has a held-out item in the {part} split.", 0
    n_items, users = len(work.dataset.catalog), work.users[scored]
    real = {row: np.where(found < 0, n_items + 1, found)[scored] for row, found in lists.items()}
    targets = work.dataset.held_out(part)[users].astype(np.int64)
    rows, values = compare(real, targets, work.plan.ks, RECORDED, work.setting.seed)
    write_values(work.run, work.dataset, users, values)
    return rows, "", len(scored)


def _also_changed(work: Work) -> tuple[str, ...]:
    """What the exploration was made from that is neither as recorded nor what was supposed."""
    then, now = work.parent.manifest.inputs, work.agent.inputs
    meant = {each.partition("=")[0] for each in work.plan.supposed}
    names = [
        name for name in {**then, **now} if then.get(name) != now.get(name) and not name.startswith(("run", "builtin:"))
    ]
    if "backbone" in meant:
        names = [name for name in names if name != "backbone" and not (name in then and name in now)]
    if "attributes" in meant:
        names = [name for name in names if not (name.startswith("encoder:") and (name in then) != (name in now))]
    if "fusion" in meant:
        names = [name for name in names if name != "ranker"]
    return tuple(names)
