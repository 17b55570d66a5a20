"""toolrec eval: many users -> metrics with intervals. Lists are made and written first; held-out items are read after."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import TypeAdapter

from toolrec_cli.agent.baseline import LLM_BASELINES
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.beyond import beyond
from toolrec_cli.evaluation.groups import Group, Traits, grouped
from toolrec_cli.evaluation.report import UNHEARD, LLMRow, Report, compare, difference, hit_interval
from toolrec_cli.operations.accounting import accounted, used
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.comparing import backbone_lists, baseline_lists, everybody, traits, world
from toolrec_cli.operations.deriving import derive
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.list_making import BUILTIN, SURROGATE, Made, builtin_lists, make_lists
from toolrec_cli.operations.llm_baselines import llm_lists
from toolrec_cli.operations.resuming import Again, asked, is_over, plain, underway
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.whom import drawn, scored
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.atomic import write_json
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.storage.tables import PER_USER, RANKINGS, write_table

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EvalPlan:
    """Whom to ask (None: everybody with a held-out item; else so many, drawn by the seed), and at which cut-offs."""

    agent: AgentPlan = AgentPlan()
    n_users: int | None = None
    ks: tuple[int, ...] = (10,)
    baselines: tuple[str, ...] = ()
    """Which of `BASELINES`, beside which stands every other kind of trained backbone, and which of `LLM_BASELINES`."""
    groups: bool = False
    """Whether to tell the figures by kind of user as well."""

    @property
    def depth(self) -> int:
        """How long every list is: what is scored furthest down, and no less than the surrogate's own."""
        return max(self.agent.limits.n, *self.ks)

    @property
    def asked(self) -> tuple[str, ...]:
        """The baselines for which a language model is asked."""
        return tuple(name for name in self.baselines if name in LLM_BASELINES.names())

    @property
    def main(self) -> str:
        """The metric that groups are told in: NDCG at 10, or where that is not asked for, at the largest cut-off."""
        return f"ndcg@{10 if 10 in self.ks else max(self.ks)}"


def evaluate(
    setting: Setting,
    dataset: Dataset,
    plan: EvalPlan | None = None,
    progress: Progress = silent,
    *,
    again: Again | None = None,
    pace: Pace | None = None,
) -> tuple[RunDir, Report]:
    """Every method's list for the same users, then the score of each. With `again` that run goes on.

    Raises UsageError when the plan cannot be scored, InputError when nobody has a held-out item.
    """
    plan = plan or EvalPlan()
    part = scored(plan.agent.before)
    if plan.asked and plan.agent.model is None:
        raise UsageError(f"The baseline {plan.asked[0]} is a language model's.", hint="Say which: --model NAME.")
    if again and is_over(again.run):
        return again.run, _stored_report(again.run)
    possible = dataset.users_with(part)
    users = dataset.user_indices(whom(setting, dataset, plan, again))
    agent = assemble(setting, dataset, plan.agent, users, again=again, progress=progress)
    beside = _builtin(setting, dataset, plan.agent, agent, users)
    manifest = setting.manifest("eval", dataset.name, dataset, _inputs(plan, agent, beside), plain(plan))
    with (
        underway(setting, manifest, dataset.user_ids(users), again) as (run, record),
        accounted(run, agent.speaker),
    ):
        made = make_lists(agent, users, record, progress, pace, plan.depth)
        readers = (pace or Pace()).readers(len(users), asked=agent.speaker is not None)
        outcome = derive(run, record, None, readers)
        asked_of = _Asked(setting, dataset, plan, agent, beside, users, everybody(dataset, agent, part, users))
        lists, llm_rows = _beside(asked_of, made, progress, pace)
        _write_rankings(run, dataset, users, lists)
        report, values = _scored(asked_of, made, lists, len(possible))
        report = replace(report, usage=used(agent.speaker) if agent.speaker else None, llm_rows=llm_rows)
        write_values(run, dataset, users, values)
        write_json(run.path / "report.json", asdict(report))
        unheard = outcome.unheard + sum(row.ends.get(UNHEARD, 0) for row in llm_rows.values())
        ended = {"n_users": len(users), "statuses": report.statuses, "unheard": unheard}
        run.update(result={**ended, **agent.retrieval})
    return run, report


@dataclass(frozen=True)
class _Asked:
    """Who is compared, with what: `histories` are everybody's up to the cut, `beside` the built-in surrogate beside a model."""

    setting: Setting
    dataset: Dataset
    plan: EvalPlan
    agent: Agent
    beside: Agent | None
    users: IntArray
    histories: Interactions


def _beside(
    of: _Asked, made: Made, progress: Progress, pace: Pace | None
) -> tuple[dict[str, IntArray], dict[str, LLMRow]]:
    """Every row's lists, the surrogate's last; and of the rows in which the model does not explore, how they ended."""
    plan, agent, users = of.plan, of.agent, of.users
    lists, llm_rows = dict(made.lists), dict[str, LLMRow]()
    own = lists.pop(SURROGATE)
    if counted := tuple(name for name in plan.baselines if name not in plan.asked):
        n_items = len(of.dataset.catalog)
        lists |= backbone_lists(of.setting, of.dataset, agent, users, plan.depth)
        lists |= baseline_lists(counted, of.histories, n_items, users, plan.depth, progress)
    if (speaker := agent.speaker) is not None:
        for name in plan.asked:
            found = llm_lists(name, agent, speaker, users, plan.depth, progress, pace)
            lists[name], llm_rows[name] = found.lists, found.row
    if of.beside is not None:
        lists[BUILTIN] = builtin_lists(of.beside, users, plan.depth, progress)
    return {**lists, SURROGATE: own}, llm_rows


def _scored(
    of: _Asked, made: Made, lists: Mapping[str, IntArray], n_possible: int
) -> tuple[Report, dict[str, dict[str, FloatArray]]]:
    """The report, and every user's value of every metric. Only here held-out items are read."""
    plan, agent, users, seed = of.plan, of.agent, of.users, of.setting.seed
    part = plan.agent.before or Part.TEST
    targets = of.dataset.held_out(part)[users].astype(np.int64)
    rows, values = compare(lists, targets, plan.ks, agent.backbone, seed)
    first = {name: found[:, : plan.agent.limits.n] for name, found in lists.items()}
    others = beyond(first, world(of.histories, agent, users), seed)
    hits = np.array([target in found for target, found in zip(targets, made.retrieved, strict=True)])
    report = Report(
        dataset=of.dataset.name,
        split=str(part),
        n_users=len(users),
        n=plan.agent.limits.n,
        baseline=agent.backbone,
        surrogate=agent.explorer.surrogate.name,
        rows=tuple(replace(row, beyond=others[row.name]) for row in rows),
        candidate_recall=hit_interval(hits, seed),
        mean_rounds=float(made.rounds.mean()),
        statuses=made.counted(),
        failures=made.failed(),
        out_of_reach=_out_of_reach(agent, users, targets),
        n_possible=n_possible,
        groups=_groups(plan, agent, values, traits(of.histories, users, targets), seed),
        untuned=(of.beside or agent).untuned,
        earned=difference(values, SURROGATE, BUILTIN, seed) if of.beside else None,
    )
    return report, values


def whom(setting: Setting, dataset: Dataset, plan: EvalPlan, again: Again | None = None) -> list[str]:
    """Whom an evaluation asks: those the run began with, or those that are drawn now."""
    if again:
        return asked(again.run)
    return dataset.user_ids(drawn(dataset, scored(plan.agent.before), plan.n_users, setting.seed))


def _builtin(setting: Setting, dataset: Dataset, plan: AgentPlan, agent: Agent, users: IntArray) -> Agent | None:
    """The surrogate that costs nothing, over the same models and histories, where a language model has to be worth its price."""
    if agent.speaker is None:
        return None
    return assemble(setting, dataset, replace(plan, model=None), users, agent.histories)


def _inputs(plan: EvalPlan, agent: Agent, beside: Agent | None) -> dict[str, str]:
    """What the figures come from: also the tuning of the surrogate beside the language model, and the baselines' own prompts."""
    tuned = beside.inputs.get("ranker") if beside else None
    prompts = {f"prompt:{name}": digest for name in plan.asked if (digest := LLM_BASELINES.get(name).digest)}
    return {**agent.inputs, **({} if tuned is None else {"builtin:ranker": tuned}), **prompts}


def _groups(
    plan: EvalPlan, agent: Agent, values: Mapping[str, Mapping[str, FloatArray]], of: Traits, seed: int
) -> tuple[Group, ...]:
    if not plan.groups:
        return ()
    return grouped({name: each[plan.main] for name, each in values.items()}, plan.main, of, agent.backbone, seed)


def _stored_report(run: RunDir) -> Report:
    return TypeAdapter(Report).validate_json((run.path / "report.json").read_bytes())


def _out_of_reach(agent: Agent, users: IntArray, targets: IntArray) -> int:
    """Of how many users the held-out item is in the history already."""
    pairs = zip(users.tolist(), targets.tolist(), strict=True)
    return sum(bool((agent.histories.history(user) == target).any()) for user, target in pairs)


def _write_rankings(run: RunDir, dataset: Dataset, users: IntArray, lists: Mapping[str, IntArray]) -> None:
    """rankings.parquet: the lists as they are scored, written before any held-out item is read."""
    item_ids, user_ids = dataset.catalog.frame["item_id"], dataset.users["user_id"].gather(users)
    found = {row: np.nonzero(items) for row, items in lists.items()}
    columns: dict[str, pl.Series] = {
        "row": pl.concat([pl.repeat(row, len(who), eager=True) for row, (who, _) in found.items()]),
        "user_id": pl.concat([user_ids.gather(who) for who, _ in found.values()]),
        "rank": pl.concat([pl.Series(place + 1) for _, place in found.values()]),
        "item_id": pl.concat([item_ids.gather(lists[row][where] - 1) for row, where in found.items()]),
    }
    write_table(run.path / "rankings.parquet", RANKINGS, columns)


def write_values(run: RunDir, dataset: Dataset, users: IntArray, values: Mapping[str, Mapping[str, Any]]) -> None:
    """per_user.parquet: everybody's value of every metric, by row."""
    names = dataset.users["user_id"].gather(users)
    cells = [(row, metric, found) for row, metrics in values.items() for metric, found in metrics.items()]
    columns: dict[str, pl.Series] = {
        "row": pl.concat([pl.repeat(row, len(names), eager=True) for row, _, _ in cells]),
        "user_id": pl.concat([names for _ in cells]),
        "metric": pl.concat([pl.repeat(metric, len(names), eager=True) for _, metric, _ in cells]),
        "value": pl.concat([pl.Series(found, dtype=pl.Float64) for _, _, found in cells]),
    }
    write_table(run.path / "per_user.parquet", PER_USER, columns)
