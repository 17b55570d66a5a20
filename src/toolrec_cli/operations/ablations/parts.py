"""Where the tuned surrogate's gain comes from: its ranker fitted again without each part of what it weighs.

Everything is fitted on validation items. The candidates are the same for all, found by one exploration a user.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from toolrec_cli.agent.builtin import BuiltinSurrogate, Habits
from toolrec_cli.agent.features import Feature, Features
from toolrec_cli.agent.trajectory import Status
from toolrec_cli.agent.tuned import TunedRanker, Weights
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import evidence, listwise
from toolrec_cli.models.listwise import Lists
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench, usual
from toolrec_cli.operations.exploring import Agent, assemble
from toolrec_cli.operations.tried import Tried
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


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """All parts together are the reference. Raises UsageError for the validation split, on which they are fitted."""
    if bench.part is not Part.TEST:
        raise UsageError("The parts are fitted on the validation split.", hint="Use --split test.")
    agent = bench.agent(tuned=False)
    counted = evidence.gather(bench.dataset.before(Part.TEST), len(bench.dataset.catalog))
    features = Features(agent.scorer, counted, bench.dataset.catalog, agent.explorer.facets)
    weights = _weights(bench, left_out(features.columns))
    ranker = Remembering(features, weights["all"])
    agent = _ordering_by(ranker, agent)
    n = agent.explorer.limits.n

    def best(index: int, names: Sequence[str]) -> Iterable[tuple[str, Tried]]:
        """One exploration, and what each of the rankers makes of its candidates."""
        ranker.forget()
        begun = time.process_time()
        trajectory = agent.explore(index)
        own = trajectory.status is Status.FINISHED
        counts = {"rounds": len(trajectory.steps), "unfinished": int(not own), "seconds": time.process_time() - begun}
        for name in names:
            yield name, Tried(ranker.best_by(weights[name], n), counts)

    found = bench.tried(agent, list(weights), best, lambda: agent.explore(int(bench.users[0])))
    found[0] = replace(found[0], measured=usual(found[0].counts, len(bench.users)))
    return [bench.retrieved(agent, None, agent.backbone), *found], "all"


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


def _weights(bench: Bench, variants: Mapping[str, BoolArray]) -> dict[str, Weights]:
    """One ranker a variant, each by the same recipe as `toolrec tune`."""
    found: dict[str, dict[str, npt.NDArray[np.float32]]] = {name: {} for name in variants}
    for name, tensor in bench.once("rankers", lambda: _fitted(bench, variants)).items():
        variant, _, part = name.rpartition("/")
        found[variant][part] = tensor.numpy()
    return {name: without(Weights.of(found[name]), gone) for name, gone in variants.items()}


def _fitted(bench: Bench, variants: Mapping[str, BoolArray]) -> dict[str, Tensor]:
    """Every variant's state, as "variant/part"."""
    plan = TunePlan(bench.plan.backbone, bench.plan.attributes, full_encoders=bench.plan.full_encoders)
    agent = assemble(bench.setting, bench.dataset, plan.agent)
    counted = evidence.gather(agent.histories, len(bench.dataset.catalog))
    features = Features(agent.scorer, counted, bench.dataset.catalog, agent.explorer.facets)
    lists, _ = candidate_lists(agent, features, bench.dataset, plan, bench.setting.seed, bench.progress)
    settings = replace(plan.fit, seed=bench.setting.seed)
    found: dict[str, Tensor] = {}
    for done, (name, gone) in enumerate(variants.items()):
        bench.progress("fitting", done, len(variants), name)
        kept = Lists(np.where(gone, np.float32(0.0), lists.values), lists.offsets, lists.wanted)
        state = listwise.fit_alone(kept, settings).state_dict()
        found |= {f"{name}/{part}": tensor for part, tensor in state.items()}
    return found


def _ordering_by(ranker: Remembering, agent: Agent) -> Agent:
    """The surrogate as it explores when tuned, with this ranker."""
    tools = {**agent.explorer.toolbox.tools, "rank": RankTool(ranker)}
    surrogate = BuiltinSurrogate(Habits(k=TunePlan().k), tuned=True)
    explorer = replace(agent.explorer, surrogate=surrogate, toolbox=Toolbox(list(tools.values())))
    return replace(agent, explorer=explorer)


ABLATION = AblationKind("Which part of what the tuned ranker weighs is its gain owed to?", make)
