"""What the rank tool is worth: with it as it is, with the untuned one, and without."""

from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.changing import ranked_by_agreement, without_rank


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """The surrogate that ranks as it does is the reference."""
    agent = bench.agent()
    explorers = {"rank": agent.explorer, "no rank": without_rank(agent.explorer)}
    if not agent.untuned:
        explorers["rank untuned"] = ranked_by_agreement(agent.explorer)
    return [bench.retrieved(agent, None, agent.backbone), *bench.explored(agent, explorers)], "rank"


ABLATION = AblationKind("What does ranking the candidates add to finding them?", make)
