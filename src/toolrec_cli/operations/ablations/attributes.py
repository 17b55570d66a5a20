"""One attribute, some, all of them; and made-up ones beside them, whose values are dice. All untuned: no ranker helps out.

Where there are full encoders of all of them, with each of which the backbone was trained, these are set against the frozen one's.
What grows with the number of tools is measured too: CPU time a user, encodings included, trained parameters, and item tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
import torch

from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Part
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.encoding import trainable_parameters
from toolrec_cli.models.fitting import Examples, Watch, fit_encoder
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.ablations.encoders import full_encoders
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.progress import silent
from toolrec_cli.seeds import stream, stream_seed
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.retrieve import RetrievalTool
from toolrec_cli.tools.toolbox import Toolbox

N_LABELS = 16
TRAINED_ON = 500
"""A made-up attribute's tool is trained on so many users: there is nothing to learn, but it must not be the backbone itself."""


@dataclass(frozen=True)
class _Tools:
    name: str
    scorer: BlockScorer
    catalog: Catalog


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """All real attributes are the reference."""
    agent = bench.agent(tuned=False)
    real = agent.scorer.attributes
    sets = {"no attribute": (), **{name: (name,) for name in real}}
    if len(real) > 2:
        sets |= {f"all but {name}": tuple(each for each in real if each != name) for name in real}
    tried = [_Tools(name, agent.scorer.with_tools(names), agent.dataset.catalog) for name, names in sets.items()]
    if len(real) > 1:
        tried.append(_Tools("all", agent.scorer, agent.dataset.catalog))
    tried += _in_full(bench, agent)
    tried += _made_up(bench, agent, plan.noise)
    return [_tried(bench, agent, each) for each in tried], "all" if len(real) > 1 else (*real, "no attribute")[0]


def _tried(bench: Bench, agent: Agent, tools: _Tools) -> Variant:
    scorer, facets = tools.scorer, Facets(tools.catalog)
    toolbox = Toolbox([RetrievalTool(scorer), RankTool(BuiltinRanker()), FinishTool()])
    explorer = replace(
        agent.explorer, toolbox=toolbox, catalog=tools.catalog, facets=facets, attributes=scorer.attributes
    )
    (found,) = bench.explored(replace(agent, scorer=scorer, explorer=explorer), {tools.name: explorer})
    tables = sum(table.nbytes for table in scorer.tables.values())
    measured = {
        "tools": len(scorer.attributes) + 1,
        "rounds": found.measured["rounds"],
        "CPU ms": 1000 * (found.counts["seconds"] + found.counts["encoding"]) / len(bench.users),
        "trained parameters": sum(map(trainable_parameters, scorer.encoders.values())),
        "item tables MiB": tables / 2**20,
    }
    return replace(found, measured=measured)


def _in_full(bench: Bench, agent: Agent) -> list[_Tools]:
    """The full encoders of all real attributes, where every one has one and they are not what is used already."""
    real, digest = agent.scorer.attributes, agent.inputs["backbone"]
    runs = store.find_encoders(bench.setting.runs, bench.dataset, digest, full=True)
    if not real or not set(real) <= set(runs) or any(each.own_backbone for each in agent.scorer.encoders.values()):
        return []
    full = {name: store.load_encoder(runs[name], bench.dataset, digest) for name in real}
    return [_Tools("all in full", agent.scorer.with_tools((), full), agent.dataset.catalog)]


def _made_up(bench: Bench, agent: Agent, numbers: Sequence[int]) -> list[_Tools]:
    """All real attributes, and so many made-up ones."""
    most = max(numbers, default=0)
    if not most:
        return []
    catalog = noisy_catalog(agent.dataset.catalog, most, bench.setting.seed)
    examples = _few(bench)
    encoders: dict[str, AttributeEncoder] = {}
    for number in range(1, most + 1):
        name = f"noise {number}"
        encoders[name] = _encoder(agent, catalog, name, bench.setting.seed)
        state = bench.once(name, partial(_trained, agent, encoders[name], examples, bench.setting.seed))
        encoders[name].load_state_dict(state)
        bench.progress("tools of made-up attributes", number, most)
    real = agent.scorer.attributes
    return [
        _Tools(f"all + {n} made up", agent.scorer.with_tools(real, dict(list(encoders.items())[:n])), catalog)
        for n in numbers
    ]


def noisy_catalog(catalog: Catalog, n: int, seed: int) -> Catalog:
    """The catalogue with `n` attributes more, each item's label thrown by a die of N_LABELS faces."""
    names = [f"noise {number}" for number in range(1, n + 1)]
    thrown = [
        pl.Series(name, stream(seed, "made-up attribute", name).integers(0, N_LABELS, len(catalog))).cast(pl.String)
        for name in names
    ]
    attributes = [*catalog.attributes.values(), *(Attribute(name, Kind.CATEGORICAL, 1.0, N_LABELS) for name in names)]
    return Catalog(catalog.frame.with_columns(thrown), attributes)


def _few(bench: Bench) -> Examples:
    """Training histories of some users, and their validation items. Test items are not read."""
    histories = bench.dataset.before(Part.VALIDATION)
    enough = np.flatnonzero(histories.lengths() >= 2)
    users = np.sort(stream(bench.setting.seed, "made-up attributes").permutation(enough)[:TRAINED_ON])
    return Examples(histories.of(users), bench.dataset.held_out(Part.VALIDATION)[users])


def _encoder(agent: Agent, catalog: Catalog, name: str, seed: int) -> AttributeEncoder:
    """Not trained yet."""
    shape = agent.scorer.backbone.config
    torch.manual_seed(stream_seed(seed, f"encoder:{name}", "initial weights"))
    return store.build_encoder(EncoderConfig(name, shape.embedding_size, shape.max_length), catalog).eval()


def _trained(agent: Agent, encoder: AttributeEncoder, examples: Examples, seed: int) -> dict[str, torch.Tensor]:
    settings = TrainingSettings(epochs=1, learning_rate=3e-4, batch_size=32, seed=seed)
    watch = Watch(lambda: None, lambda _: None, silent)
    fit_encoder(agent.scorer.backbone, encoder, examples, settings, watch)
    encoder.eval()
    return encoder.state_dict()


ABLATION = AblationKind(
    "What do more attributes add, made-up ones among them, and what do they cost?", make, full_encoders
)
