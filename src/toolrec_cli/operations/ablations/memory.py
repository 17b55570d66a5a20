"""What the memory strategy is worth: names checked against the catalogue when they come, or only when the list is scored.

Without an LLM no tool errs, so names are garbled (typos, on their way to memory, by the seed). Untuned throughout: the tuned
ranker can weigh nothing but items, and so would check by itself.
"""

from dataclasses import replace

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.evaluation.noise import Ledger, Noise
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.noisy import noisy, unchecked

RATES = (0.0, 0.05, 0.2)


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """Memory on and off at every rate of errors. Off is compared with on at the same rate; on, with on and no errors."""
    agent = bench.agent(tuned=False)
    tried: dict[str, tuple[Explorer, Ledger]] = {}
    against: dict[str, str] = {}
    for rate in RATES:
        noise = Noise("typo", rate, reruns=1, seed=bench.setting.seed)
        tried[_name("on", rate)] = noisy(agent, noise)
        tried[_name("off", rate)] = unchecked(agent, noise)
        against[_name("off", rate)] = _name("on", rate)
    explorers = {name: explorer for name, (explorer, _) in tried.items()}
    made = bench.explored(agent, explorers, lambda name, trajectory, index: tried[name][1].taken())
    n_items = len(agent.dataset.catalog)
    return [
        replace(
            each,
            measured={"no item %": 100 * _nobody(each, n_items), **Ledger.of(each.counts).measured()},
            against=against.get(each.name, ""),
        )
        for each in made
    ], _name("on", 0.0)


def _name(memory: str, rate: float) -> str:
    return f"memory {memory}, {rate:.0%} typos"


def _nobody(variant: Variant, n_items: int) -> float:
    """The share of listed places that are no item's."""
    listed = variant.lists > 0
    return float((variant.lists > n_items).sum() / max(1, listed.sum()))


ABLATION = AblationKind("What does checking every name against the catalogue contribute?", make)
