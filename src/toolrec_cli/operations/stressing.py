"""toolrec stress: names that go wrong, histories that make no sense, and how the surrogate takes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from toolrec_cli.agent.trajectory import Status, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.evaluation.histories import ADVERSE, altered
from toolrec_cli.evaluation.labels import label_tables
from toolrec_cli.evaluation.noise import GARBLES, Ledger, Noise
from toolrec_cli.evaluation.variants import Comparison, Variant
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import Agent, AgentPlan
from toolrec_cli.operations.inquiring import Inquiry, inquire
from toolrec_cli.operations.noisy import noisy
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir

KINDS = {
    "ids": "How often do names that went wrong fail the check, how many come back when the tool is run again, what is lost?",
    "histories": "Does the surrogate loop, recover and list properly when the history is adverse?",
}
UNSTRESSED = "unstressed"


@dataclass(frozen=True)
class StressPlan:
    """The surrogate, how many users (None: all), at which rates names go wrong, how often a tool is then run again."""

    agent: AgentPlan = AgentPlan()
    n_users: int | None = None
    rates: tuple[float, ...] = (0.01, 0.05, 0.2)
    reruns: int = 1


def stress(
    setting: Setting,
    dataset: Dataset,
    kind: str,
    plan: StressPlan | None = None,
    progress: Progress = silent,
    again: Again | None = None,
) -> tuple[RunDir, Comparison]:
    """Every variant's lists, then their scores against the unstressed; with `again` that run goes on.

    Raises UsageError for a stress that does not exist.
    """
    plan = plan or StressPlan()
    if kind not in KINDS:
        raise UsageError(unknown("stress", kind, KINDS))
    makers: dict[str, Callable[[Bench], tuple[list[Variant], str]]] = {
        "ids": partial(_ids, plan=plan),
        "histories": _histories,
    }
    return inquire(setting, dataset, Inquiry("stress", kind, KINDS[kind], makers[kind]), plan, progress, again)


def _ids(bench: Bench, plan: StressPlan) -> tuple[list[Variant], str]:
    """Every kind of error at every rate."""
    agent = bench.agent()
    tried = {
        f"{kind} {rate:.0%}": noisy(agent, Noise(kind, rate, plan.reruns, bench.setting.seed))
        for kind in GARBLES
        for rate in plan.rates
    }
    explorers = {UNSTRESSED: agent.explorer, **{name: explorer for name, (explorer, _) in tried.items()}}
    made = bench.explored(
        agent, explorers, lambda name, trajectory, index: tried[name][1].taken() if name in tried else {}
    )
    return [
        replace(each, measured={**Ledger.of(each.counts).measured(), **_ended(each)}) if each.name in tried else each
        for each in made
    ], UNSTRESSED


def _ended(variant: Variant) -> dict[str, float]:
    return {name: variant.measured[name] for name in ("rounds", "unfinished")}


def _histories(bench: Bench) -> tuple[list[Variant], str]:
    """Every adverse kind of history, in the place of the users' own."""
    agent = bench.agent()
    tables = label_tables(agent.explorer.facets)
    variants = [_observed(bench, agent, UNSTRESSED)]
    for name in ADVERSE:
        histories = altered(name, agent.histories, bench.users, tables, len(bench.dataset.catalog), bench.setting.seed)
        variants.append(_observed(bench, bench.agent(histories), name))
    return variants, UNSTRESSED


def _observed(bench: Bench, agent: Agent, name: str) -> Variant:
    """One variant, with how the explorations went."""

    def count(_: str, trajectory: Trajectory, index: int) -> dict[str, float]:
        refused, recovered = refusals(trajectory)
        valid = is_valid(trajectory, agent, index)
        return {"looping": int(looped(trajectory)), "refused": refused, "recovered": recovered, "valid": int(valid)}

    (found,) = bench.explored(agent, {name: agent.explorer}, count)
    n_users = len(bench.users)
    measured = {
        "rounds": found.measured["rounds"],
        "looping %": 100 * found.counts["looping"] / n_users,
        "refused steps": found.counts["refused"],
        "recovered steps": found.counts["recovered"],
        "valid lists %": 100 * found.counts["valid"] / n_users,
        "CPU ms": found.measured["CPU ms"],
    }
    return replace(found, measured=measured)


def is_valid(trajectory: Trajectory, agent: Agent, user_index: int) -> bool:
    """Whether the list is full, the surrogate's own, and holds items alone, none twice, none of the history."""
    own = agent.histories.history(user_index)
    ids = [entry.item_id for entry in trajectory.ranking]
    items = [match.item_index for match in map(agent.dataset.catalog.resolve, ids) if match]
    wanted = min(trajectory.n, len(agent.dataset.catalog) - len(np.unique(own)))
    proper = len(set(items)) == len(ids) == wanted and not np.isin(items, own).any()
    return proper and trajectory.status is Status.FINISHED


def looped(trajectory: Trajectory) -> bool:
    """Whether the very same call was made twice."""
    calls = [(step.action.tool, repr(sorted(step.action.arguments.items()))) for step in trajectory.steps]
    return len(set(calls)) < len(calls)


def refusals(trajectory: Trajectory) -> tuple[int, int]:
    """How many steps were refused, and after how many of them the next one was not."""
    kinds: Sequence[str] = [step.observation.kind for step in trajectory.steps]
    refused = [place for place, kind in enumerate(kinds) if kind == "refused"]
    return len(refused), sum(place + 1 < len(kinds) and kinds[place + 1] != "refused" for place in refused)
