"""What an attribute's tool owes to the attribute: the same trained encoder with the values dealt out among the items anew.

A tool that does as well with wrong values has learned something else. Beside each stand its trained parameters and CPU-seconds;
and the full encoder of the attribute, with which the backbone was trained, against the one for which it was left frozen.
"""

from dataclasses import replace

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.features import item_features
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.operations.setting import Setting
from toolrec_cli.seeds import stream
from toolrec_cli.storage.run_dir import RunDir


def full_encoders(setting: Setting, dataset: Dataset, plan: AblationPlan) -> dict[str, str]:
    """The digests of the full encoders on the surrogate's backbone, which are no tools of its own."""
    digest = plan.agent.chosen(setting.runs, dataset).card.digest
    found = store.find_encoders(setting.runs, dataset, digest, full=True)
    return {f"full encoder:{name}": str(run.manifest.result["digest"]) for name, run in found.items()}


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """Each tool, and each with its values shuffled, and each in full; the backbone is the reference."""
    agent = bench.agent(tuned=False)
    runs, digest = bench.setting.runs, agent.inputs["backbone"]
    chosen = bench.plan.encoders(runs, bench.dataset, bench.plan.chosen(runs, bench.dataset))
    full = store.find_encoders(runs, bench.dataset, digest, full=True)
    variants = [bench.retrieved(agent, None, agent.backbone)]
    for name, encoder in agent.scorer.encoders.items():
        variants.append(replace(bench.retrieved(agent, name, name), measured=_cost(chosen[name])))
        wrong = shuffled(encoder, bench.dataset.catalog, bench.setting.seed)
        variants.append(_instead(bench, agent, name, wrong, f"{name}, shuffled"))
        if name in full and encoder.own_backbone is None:
            other = store.load_encoder(full[name], bench.dataset, digest)
            found = _instead(bench, agent, name, other, f"{name}, full")
            variants.append(replace(found, measured=_cost(full[name]), against=name))
    return variants, agent.backbone


def _instead(bench: Bench, agent: Agent, attribute: str, encoder: AttributeEncoder, name: str) -> Variant:
    """The lists of an attribute's tool with this encoder in the place of its own."""
    return bench.retrieved(replace(agent, scorer=agent.scorer.with_tools((), {attribute: encoder})), attribute, name)


def _cost(run: RunDir) -> dict[str, float]:
    result = run.manifest.result
    cost = {"trained parameters": float(result["n_parameters"]), "training CPU s": float(result["cpu_seconds"])}
    shared = result.get("states_cpu_seconds")
    return cost | ({} if shared is None else {"CPU s shared by all": float(shared)})


def shuffled(encoder: AttributeEncoder, catalog: Catalog, seed: int) -> AttributeEncoder:
    """The same weights over a catalogue in which every item has another's value."""
    name = encoder.config.attribute
    order = stream(seed, "shuffled values", name).permutation(len(catalog))
    dealt = catalog.frame.with_columns(catalog.frame[name].gather(order))
    vectors = None if encoder.vectors is None else encoder.vectors[[0, *(order + 1)]]
    return encoder.over(item_features(Catalog(dealt, list(catalog.attributes.values())), name, vectors)).eval()


ABLATION = AblationKind(
    "Does an attribute's tool use the attribute, and is the backbone left frozen at no loss?", make, full_encoders
)
