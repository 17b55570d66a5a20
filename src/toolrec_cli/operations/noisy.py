"""Explorers whose tools' names go wrong, with memory's checks and without."""

from dataclasses import replace

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.agent.unchecked import OpenCatalog, UncheckedFinish, UncheckedMemory, WidenedScorer
from toolrec_cli.data.facets import Facets
from toolrec_cli.evaluation.noise import Ledger, Noise, NoisyTool
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.tools.protocol import Tool
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.retrieve import RetrievalTool
from toolrec_cli.tools.toolbox import Toolbox


def noisy(agent: Agent, noise: Noise) -> tuple[Explorer, Ledger]:
    """The agent's explorer, names going wrong between its tools and its memory; and what becomes of them."""
    ledger, explorer = Ledger(), agent.explorer
    return replace(explorer, toolbox=_garbling(explorer.toolbox.tools, noise, agent, ledger)), ledger


def unchecked(agent: Agent, noise: Noise) -> tuple[Explorer, Ledger]:
    """The same, untuned, with a memory that believes everything; nothing is run again, for nothing is looked at."""
    ledger, catalog = Ledger(), OpenCatalog(agent.dataset.catalog)
    tools: dict[str, Tool] = {
        "retrieve": RetrievalTool(WidenedScorer(agent.scorer)),
        "rank": RankTool(BuiltinRanker()),
        "finish": UncheckedFinish(),
    }
    toolbox = _garbling(tools, replace(noise, reruns=0), agent, ledger)
    facets = Facets(catalog)
    return replace(agent.explorer, toolbox=toolbox, catalog=catalog, facets=facets, memory=UncheckedMemory), ledger


def _garbling(tools: dict[str, Tool], noise: Noise, agent: Agent, ledger: Ledger) -> Toolbox:
    catalog = agent.dataset.catalog
    return Toolbox(
        [tool if tool.name == "finish" else NoisyTool(tool, noise, catalog, ledger) for tool in tools.values()]
    )
