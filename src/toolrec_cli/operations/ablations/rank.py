"""What the rank tool is worth: with it as it is, with the untuned one, and without."""

from dataclasses import replace

from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.operations.ablating import AblationKind
from toolrec_cli.operations.bench import Bench
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.toolbox import Toolbox


def make(bench: Bench) -> tuple[list[Variant], str]:
    """The surrogate that ranks as it does is the reference."""
    agent = bench.agent()
    explorer, surrogate = agent.explorer, agent.explorer.surrogate
    assert isinstance(surrogate, BuiltinSurrogate)
    explorers = {"rank": explorer, "no rank": replace(explorer, surrogate=surrogate.changed(ranks=False))}
    if not agent.untuned:
        tools = {**explorer.toolbox.tools, "rank": RankTool(BuiltinRanker())}
        explorers["rank untuned"] = replace(explorer, toolbox=Toolbox(list(tools.values())))
    return [bench.retrieved(agent, None, agent.backbone), *bench.explored(agent, explorers)], "rank"


ABLATION = AblationKind("What does ranking the candidates add to finding them?", make)
