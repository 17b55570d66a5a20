"""What `toolrec tune` is worth."""

from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """Tuned against untuned, which is the reference. Raises UsageError where nothing tuned fits."""
    agent = bench.agent(tuned=True)
    if agent.untuned:
        raise UsageError(f"There is nothing tuned to take away: {agent.untuned}.")
    plain = bench.agent(tuned=False)
    variants = [bench.retrieved(plain, None, plain.backbone)]
    variants += bench.explored(plain, {"untuned": plain.explorer})
    return [*variants, *bench.explored(agent, {"tuned": agent.explorer})], "untuned"


ABLATION = AblationKind("What does learning on the validation split add?", make)
