"""An explorer with one thing taken away or put in another's place: for ablations, and for replays that ask what if."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.memory import Memory
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.agent.unchecked import OpenCatalog, UncheckedFinish, UncheckedMemory, WidenedScorer
from toolrec_cli.data.facets import Facets
from toolrec_cli.tools.fusion import FUSIONS
from toolrec_cli.tools.protocol import Tool
from toolrec_cli.tools.rank import NoRank, RankTool
from toolrec_cli.tools.retrieve import RetrievalTool, Scorer
from toolrec_cli.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from toolrec_cli.operations.exploring import Agent


@dataclass(frozen=True)
class Changes:
    """What an exploration does without, or does otherwise: memory's checks, the rank tool, how the tools are fused.

    `fusion` is one of `tools.fusion.FUSIONS`; None leaves everything to the ranker there is.
    """

    memory: bool = True
    rank: bool = True
    fusion: str | None = None


def changed(agent: "Agent", changes: Changes) -> "Agent":
    """The agent with these changes."""
    explorer = agent.explorer
    if changes.fusion is not None:
        explorer = fused_by(explorer, changes.fusion)
    if not changes.rank:
        explorer = without_rank(explorer)
    if not changes.memory:
        explorer = without_memory(explorer, agent.scorer, changes.fusion)
    return replace(agent, explorer=explorer)


def of_rounds(explorer: Explorer, number: int) -> Explorer:
    """Made to stop after so many rounds."""
    return replace(explorer, limits=Limits(explorer.limits.n, number))


def without_rank(explorer: Explorer) -> Explorer:
    """The built-in surrogate does not rank; a language model is told so when it tries."""
    if isinstance(explorer.surrogate, BuiltinSurrogate):
        return replace(explorer, surrogate=explorer.surrogate.changed(ranks=False))
    return _with_tool(explorer, NoRank())


def ranked_by_agreement(explorer: Explorer) -> Explorer:
    """Candidates are ordered by the tools' agreement, as before anything was tuned."""
    return _with_tool(explorer, RankTool(BuiltinRanker()))


def fused_by(explorer: Explorer, fusion: str) -> Explorer:
    """What the tools brought weighs by another fusion. The built-in ranker orders by it, and nothing tuned does."""
    found = replace(explorer, memory=partial(Memory, kind=FUSIONS[fusion]))
    return ranked_by_agreement(found) if isinstance(explorer.surrogate, BuiltinSurrogate) else found


def without_memory(explorer: Explorer, scorer: Scorer, fusion: str | None = None) -> Explorer:
    """A memory that believes everything, over a catalogue that has an item for every name. Only one thread may use it."""
    catalog = OpenCatalog(explorer.catalog)
    believing = partial(UncheckedMemory, kind=FUSIONS[fusion]) if fusion else UncheckedMemory
    found = replace(explorer, catalog=catalog, facets=Facets(catalog), memory=believing)
    return _with_tool(_with_tool(found, RetrievalTool(WidenedScorer(scorer))), UncheckedFinish())


def _with_tool(explorer: Explorer, tool: Tool) -> Explorer:
    """The same with this tool in the place of the one of its name."""
    return replace(explorer, toolbox=Toolbox(list({**explorer.toolbox.tools, tool.name: tool}.values())))
