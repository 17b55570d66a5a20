"""Two language models on the same users: who they are, what they may spend together, and what each of them explored."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.trajectory import Status
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.llm.budgeted import Amount, Limits
from toolrec_cli.llm.estimates import DryRun
from toolrec_cli.llm.metered import Ledger, Spent
from toolrec_cli.llm.prices import Prices, prices_for
from toolrec_cli.llm.recorded import earlier_exchanges
from toolrec_cli.llm.stack import build, endpoint_of, settings_digest
from toolrec_cli.operations.ablating import AblationPlan
from toolrec_cli.operations.accounting import EXCHANGES
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.estimating import dry_run
from toolrec_cli.operations.exploring import explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import ASKED_FILE, Again, asked, recorded
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.whom import drawn, scored
from toolrec_cli.storage.run_dir import MANIFEST, RunDir, open_run

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rival:
    """One of the two: the name of its row, where in the run its own run lies, and how it is asked."""

    name: str
    folder: str
    plan: ModelPlan

    def prices(self, setting: Setting) -> Prices:
        """What its tokens cost."""
        options = self.plan.options
        endpoint = endpoint_of(options, setting.environment)
        return prices_for(options.model, endpoint, options.price_input, options.price_output)


def rivals(one: ModelPlan | None, other: ModelPlan | None) -> tuple[Rival, Rival]:
    """Both, by the names of their models, numbered where these are alike. Raises UsageError unless there are two."""
    if one is None or other is None:
        raise UsageError(
            "--ablate models sets two language models against each other.",
            hint="Type: --model A --against-model B; --against-base-url URL where B is on another server.",
        )
    names = [one.options.model, other.options.model]
    if names[0] == names[1]:
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return Rival(names[0], "model-1", one), Rival(names[1], "model-2", other)


def identities(setting: Setting, both: tuple[Rival, Rival]) -> dict[str, str]:
    """Who is asked, as the manifest holds it. Raises UsageError, before anybody is asked, where one of them cannot be."""
    found: dict[str, str] = {}
    for rival in both:
        stack = build(rival.plan.options, setting.environment, setting.workspace)
        stack.close()
        found[rival.folder] = f"{rival.plan.options.model} at {stack.endpoint.base_url}"
        found[f"{rival.folder}:settings"] = settings_digest(stack.endpoint)
    return found


def bills(setting: Setting, dataset: Dataset, plan: AblationPlan, again: Again | None = None) -> list[DryRun]:
    """What each of the two would cost at most and probably, for those it has not been asked for. Nobody is asked anything."""
    part = scored(plan.agent.before)
    user_ids = asked(again.run) if again else dataset.user_ids(drawn(dataset, part, plan.n_users, setting.seed))
    found: list[DryRun] = []
    for rival in rivals(plan.agent.model, plan.other_model):
        begun = _begun(again.run, rival) if again else None
        left = len(recorded(begun).missing) if begun else len(user_ids)
        found.append(dry_run(setting, dataset, user_ids, replace(plan.agent, model=rival.plan), left))
    return found


def explored(bench: Bench, rival: Rival, spent: Amount) -> tuple[Variant, RunDir]:
    """What a model lists, by a run of its own within the bench's; `spent` has been taken from what both may spend.

    Raises ProviderError when nobody answers, BudgetSpent when no more may be asked: then the run can go on.
    """
    options = rival.plan.options
    limited = replace(rival.plan, options=replace(options, limits=_left(options.limits, spent)))
    setting = replace(bench.setting, out=bench.run.path / rival.folder)
    begun = _begun(bench.run, rival)
    run, outcome = explore_all(
        setting,
        bench.dataset,
        bench.dataset.user_ids(bench.users),
        replace(bench.plan, model=limited),
        again=Again(begun, bench.allow_drift) if begun else None,
        progress=lambda task, done, total, note="": bench.progress(f"{rival.name}: {task}", done, total, note),
        pace=Pace(options.concurrency),
    )
    ledger = worth(run, rival.prices(setting))
    measured = {
        "rounds": outcome.mean_rounds,
        "unfinished": sum(n for status, n in outcome.statuses.items() if status != Status.FINISHED),
        "no list": outcome.statuses.get(Status.FAILED, 0),
        "no answer": run.manifest.result["usage"]["failures"],
        **_costs(ledger, len(bench.users)),
    }
    return Variant(rival.name, _lists(bench, run), measured), run


def paid(run: RunDir) -> Amount:
    """What a run has taken from a budget."""
    used: dict[str, Any] = run.manifest.result["usage"]
    return Amount(used["dollars"] or 0.0, used["input_tokens"] + used["output_tokens"], used["calls"])


def together(*runs: RunDir) -> dict[str, Any]:
    """What runs have used in all; dollars are None as soon as those of one are not known."""
    used: list[dict[str, Any]] = [run.manifest.result["usage"] for run in runs]
    names = [name for name in used[0] if name != "price_source"]
    sums = {
        name: None if any(each[name] is None for each in used) else sum(each[name] for each in used) for name in names
    }
    return {**sums, "price_source": "; ".join(dict.fromkeys(each["price_source"] for each in used))}


def worth(run: RunDir, prices: Prices) -> Spent:
    """What all answers of a run cost, those too that were in the cache: a model's price does not depend on who asked before."""
    ledger = Ledger(prices)
    for exchange in earlier_exchanges(run.path / EXCHANGES):
        ledger.add(None, ledger.spent_on(replace(exchange.reply, from_cache=False)))
    return ledger.total


def _costs(spent: Spent, n_users: int) -> dict[str, float]:
    found: dict[str, float] = {
        "calls": spent.calls,
        "tokens in": spent.usage.input_tokens,
        "tokens out": spent.usage.output_tokens,
    }
    if spent.dollars is not None:
        dollars = round(spent.dollars, 6)  # the sum's last digits hang on the order of the answers
        found |= {"dollars": dollars, DOLLARS_A_THOUSAND: 1000 * dollars / n_users}
    return found


DOLLARS_A_THOUSAND = "$ per 1,000 users"


def _left(limits: Limits, spent: Amount) -> Limits:
    """What the second may spend after the first."""
    return Limits(
        cost=None if limits.cost is None else max(0.0, limits.cost - spent.cost),
        tokens=None if limits.tokens is None else max(0, limits.tokens - spent.tokens),
        calls=None if limits.calls is None else max(0, limits.calls - spent.calls),
    )


def _begun(run: RunDir, rival: Rival) -> RunDir | None:
    """The model's own run, if it has begun; what of one is there that was killed before it knew whom to ask is removed."""
    path = run.path / rival.folder
    if (path / MANIFEST).is_file() and (path / ASKED_FILE).is_file():
        return open_run(path)
    shutil.rmtree(path, ignore_errors=True)
    return None


def _lists(bench: Bench, run: RunDir) -> IntArray:
    """[n_users, n] item_index, as the model's trajectories have them; somebody without a list has zeros."""
    return np.stack(list(_rows(bench, run)))


def _rows(bench: Bench, run: RunDir) -> Iterator[IntArray]:
    for trajectory in recorded(run).trajectories():
        matches = (bench.dataset.catalog.resolve(entry.item_id) for entry in trajectory.ranking)
        yield padded([match.item_index for match in matches if match], bench.plan.limits.n)
