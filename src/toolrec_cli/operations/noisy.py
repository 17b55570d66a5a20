"""Explorers whose tools' names go wrong, with memory's checks and without."""

from dataclasses import replace

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.evaluation.noise import Ledger, Noise, NoisyTool
from toolrec_cli.operations.changing import ranked_by_agreement, without_memory
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.tools.toolbox import Toolbox


def noisy(agent: Agent, noise: Noise) -> tuple[Explorer, Ledger]:
    """The agent's explorer, names going wrong between its tools and its memory; and what becomes of them."""
    return _garbling(agent.explorer, noise, agent)


def unchecked(agent: Agent, noise: Noise) -> tuple[Explorer, Ledger]:
    """The same, untuned, with a memory that believes everything; nothing is run again, for nothing is looked at."""
    believing = without_memory(ranked_by_agreement(agent.explorer), agent.scorer)
    return _garbling(believing, replace(noise, reruns=0), agent)


def _garbling(explorer: Explorer, noise: Noise, agent: Agent) -> tuple[Explorer, Ledger]:
    ledger, catalog = Ledger(), agent.dataset.catalog
    tools = explorer.toolbox.tools.values()
    garbled = [tool if tool.name == "finish" else NoisyTool(tool, noise, catalog, ledger) for tool in tools]
    return replace(explorer, toolbox=Toolbox(garbled)), ledger
