"""How many rounds are worth it: the same surrogate, made to stop after 1, 2, … rounds."""

from dataclasses import replace

from toolrec_cli.agent.loop import Limits
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind
from toolrec_cli.operations.bench import Bench


def make(bench: Bench) -> tuple[list[Variant], str]:
    """One variant a number of rounds; the most is the reference."""
    agent = bench.agent()
    limits = agent.explorer.limits
    numbers = range(1, limits.max_rounds + 1)
    explorers = {_name(number): replace(agent.explorer, limits=Limits(limits.n, number)) for number in numbers}
    return bench.explored(agent, explorers), _name(limits.max_rounds)


def _name(number: int) -> str:
    return f"{number} round" + ("s" if number > 1 else "")


ABLATION = AblationKind("What does one more round add?", make)
