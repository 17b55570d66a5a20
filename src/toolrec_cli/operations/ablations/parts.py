"""Where the tuned surrogate's gain comes from: its ranker fitted again without each part of what it weighs.

Everything is fitted on validation items. The candidates are the same for all, found by one exploration a user.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.builtin import BuiltinSurrogate, Habits
from toolrec_cli.agent.features import Feature, Features
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.agent.tuned import TunedRanker, Weights
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import evidence, listwise
from toolrec_cli.models.listwise import Lists
from toolrec_cli.operations.ablating import AblationKind
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import Agent, assemble
from toolrec_cli.operations.tuning import TunePlan, candidate_lists
from toolrec_cli.tools.protocol import Candidate, Context, Refused
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.toolbox import Toolbox

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class Remembering(TunedRanker):
    """The tuned ranker, which also keeps what it ordered: item_index, best first."""

    items: IntArray

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Refused:
        """As it does, and remembered."""
        ordered = super().order(candidates, attribute, context)
        if not isinstance(ordered, Refused):
            found = [context.catalog.resolve(name) for name, _ in ordered]
            self.items = np.array([match.item_index for match in found if match], dtype=np.int64)
        return ordered

    def forget(self) -> None:
        """Nothing is ordered yet."""
        self.items = np.zeros(0, np.int64)

    def best_by(self, weights: Weights, n: int) -> IntArray:
        """The `n` best of what was ordered last, by other weights; ties by item_index."""
        return self.items[np.lexsort((self.items, -weights.score(self._values)))][:n]


def make(bench: Bench) -> tuple[list[Variant], str]:
    """All parts together are the reference. Raises UsageError for the validation split, on which they are fitted."""
    if bench.part is not Part.TEST:
        raise UsageError("The parts are fitted on the validation split.", hint="Use --split test.")
    weights = _fitted(bench)
    agent, ranker = _agent(bench, weights["all"])
    n = agent.explorer.limits.n
    lists = {name: np.zeros((len(bench.users), n), np.int64) for name in weights}
    done = 0

    def note(_: str, trajectory: Trajectory) -> None:
        nonlocal done
        for name, each in weights.items():
            lists[name][done] = padded(ranker.best_by(each, n), n)
        ranker.forget()
        done += 1

    (explored,) = bench.explored(agent, {"all": agent.explorer}, note)
    variants = [Variant(name, found) for name, found in lists.items()]
    variants[0] = replace(variants[0], measured=explored.measured)
    return [bench.retrieved(agent, None, agent.backbone), *variants], "all"


def left_out(columns: Sequence[Feature]) -> dict[str, BoolArray]:
    """Variant -> which columns it does without. "all" comes first."""
    parts = np.array([column.part for column in columns])
    backbone = np.array([column.name == "score:none" for column in columns])
    tools = (parts == "tools") & ~backbone
    attributes = tools | (parts == "make-up")
    found = {"all": np.zeros(len(parts), np.bool_), "without attribute tools": tools}
    found |= {f"without {part}": parts == part for part in dict.fromkeys(parts.tolist()) if part != "tools"}
    found |= {"without anything of attributes": attributes, "backbone and attributes alone": ~(attributes | backbone)}
    return {name: gone for name, gone in found.items() if name == "all" or gone.any()}


def without(weights: Weights, gone: BoolArray) -> Weights:
    """The same weights, 0 for the columns that are gone."""
    return replace(
        weights,
        straight=np.where(gone, np.float32(0.0), weights.straight),
        widen=np.where(gone[:, None], np.float32(0.0), weights.widen),
    )


def _fitted(bench: Bench) -> dict[str, Weights]:
    """One ranker a variant, each by the same recipe as `toolrec tune`."""
    plan = TunePlan(bench.plan.backbone, bench.plan.attributes, full_encoders=bench.plan.full_encoders)
    agent = assemble(bench.setting, bench.dataset, plan.agent)
    counted = evidence.gather(agent.histories, len(bench.dataset.catalog))
    features = Features(agent.scorer, counted, bench.dataset.catalog, agent.explorer.facets)
    lists, _ = candidate_lists(agent, features, bench.dataset, plan, bench.setting.seed, bench.progress)
    settings = replace(plan.fit, seed=bench.setting.seed)
    found: dict[str, Weights] = {}
    variants = left_out(features.columns)
    for name, gone in variants.items():
        bench.progress("fitting", len(found), len(variants), name)
        kept = Lists(np.where(gone, np.float32(0.0), lists.values), lists.offsets, lists.wanted)
        state = listwise.fit_alone(kept, settings).state_dict()
        found[name] = without(Weights.of({key: tensor.numpy() for key, tensor in state.items()}), gone)
    return found


def _agent(bench: Bench, weights: Weights) -> tuple[Agent, Remembering]:
    """The surrogate as it explores when tuned, with a ranker that remembers."""
    agent = bench.agent(tuned=False)
    counted = evidence.gather(bench.dataset.before(Part.TEST), len(bench.dataset.catalog))
    ranker = Remembering(Features(agent.scorer, counted, bench.dataset.catalog, agent.explorer.facets), weights)
    ranker.forget()
    tools = {**agent.explorer.toolbox.tools, "rank": RankTool(ranker)}
    surrogate = BuiltinSurrogate(Habits(k=TunePlan().k), tuned=True)
    explorer = replace(agent.explorer, surrogate=surrogate, toolbox=Toolbox(list(tools.values())))
    return replace(agent, explorer=explorer), ranker


ABLATION = AblationKind("Which part of what the tuned ranker weighs is its gain owed to?", make)
