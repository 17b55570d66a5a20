"""How many rounds are worth it: the same surrogate, made to stop after 1, 2, … rounds."""

from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.changing import of_rounds


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """One variant a number of rounds; the most is the reference."""
    agent = bench.agent()
    most = agent.explorer.limits.max_rounds
    explorers = {_name(number): of_rounds(agent.explorer, number) for number in range(1, most + 1)}
    return bench.explored(agent, explorers), _name(most)


def _name(number: int) -> str:
    return f"{number} round" + ("s" if number > 1 else "")


ABLATION = AblationKind("What does one more round add?", make)
