"""What an attribute's tool owes to the attribute: the same trained encoder with the values dealt out among the items anew.

A tool that does as well with wrong values has learned something else. Beside each stand its trained parameters and CPU-seconds.
"""

from dataclasses import replace

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.seeds import stream


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """Each tool, and each with its values shuffled; the backbone is the reference."""
    agent = bench.agent(tuned=False)
    runs = store.find_encoders(bench.setting.runs, bench.dataset, agent.inputs["backbone"])
    variants = [bench.retrieved(agent, None, agent.backbone)]
    for name, encoder in agent.scorer.encoders.items():
        cost = {
            "trained parameters": float(runs[name].manifest.result["n_parameters"]),
            "training CPU s": float(runs[name].manifest.result["cpu_seconds"]),
        }
        wrong = shuffled(encoder, bench.dataset.catalog, bench.setting.seed)
        other = replace(agent, scorer=agent.scorer.with_tools((), {name: wrong}))
        variants.append(replace(bench.retrieved(agent, name, name), measured=cost))
        variants.append(bench.retrieved(other, name, f"{name}, shuffled"))
    return variants, agent.backbone


def shuffled(encoder: AttributeEncoder, catalog: Catalog, seed: int) -> AttributeEncoder:
    """The same weights over a catalogue in which every item has another's value."""
    name = encoder.config.attribute
    order = stream(seed, "shuffled values", name).permutation(len(catalog))
    dealt = catalog.frame.with_columns(catalog.frame[name].gather(order))
    found = store.build_encoder(encoder.config, Catalog(dealt, list(catalog.attributes.values())))
    found.load_state_dict(encoder.state_dict())
    return found.eval()


ABLATION = AblationKind("Does an attribute's tool use the attribute?", make)
