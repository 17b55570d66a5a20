"""What an attribute's tool owes to the attribute: the same trained encoder with the values dealt out among the items anew.

A tool that does as well with wrong values has learned something else. Beside each stand its trained parameters and CPU-seconds.
"""

import copy
from dataclasses import replace

import torch

from toolrec_cli.evaluation.variants import Variant
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.operations.ablating import AblationKind
from toolrec_cli.operations.bench import Bench
from toolrec_cli.seeds import stream


def make(bench: Bench) -> tuple[list[Variant], str]:
    """Each tool, and each with its values shuffled; the backbone is the reference."""
    agent = bench.agent(tuned=False)
    runs = store.find_encoders(bench.setting.runs, bench.dataset, agent.inputs["backbone"])
    variants = [bench.retrieved(agent, None, agent.backbone)]
    for name, encoder in agent.scorer.encoders.items():
        cost = {
            "trained parameters": float(runs[name].manifest.result["n_parameters"]),
            "training CPU s": float(runs[name].manifest.result["cpu_seconds"]),
        }
        other = replace(agent, scorer=agent.scorer.with_tools((), {name: shuffled(encoder, bench.setting.seed)}))
        variants.append(replace(bench.retrieved(agent, name, name), measured=cost))
        variants.append(bench.retrieved(other, name, f"{name}, shuffled"))
    return variants, agent.backbone


def shuffled(encoder: AttributeEncoder, seed: int) -> AttributeEncoder:
    """The same weights over a catalogue in which every item has another's value."""
    found = copy.deepcopy(encoder)
    n = len(encoder.labels) - 1
    order = torch.from_numpy(1 + stream(seed, "shuffled values", encoder.config.attribute).permutation(n))
    found.labels[1:] = encoder.labels[order]
    found.numbers[1:] = encoder.numbers[order]
    return found


ABLATION = AblationKind("Does an attribute's tool use the attribute?", make)
