"""What stands beside an encoder's figure, or its gain is over-claimed: two controls, and how well it knows its attribute.

The same head trained without the attribute takes the same extra parameters and steps; the backbone with a hard filter on a
value needs no training at all. Both are often as good as the encoder.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolrec_cli.data.catalog import Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.encoding import FloatArray
from toolrec_cli.models.features import MISSING, ItemFeatures
from toolrec_cli.models.full_encoder import encoder_of
from toolrec_cli.models.validation import ndcg, unseen_scores
from toolrec_cli.models.windows import IntArray, ItemArray
from toolrec_cli.seeds import stream

HIT_K = 20
"""Of so many items at the top it is counted how many have the value of the true next item."""

NO_ATTRIBUTE = "no attribute"


@dataclass(frozen=True)
class Matched:
    """A model over the validation users: `queries` [n_users, D] and what they are matched with, `table` [N + 1, D]."""

    queries: FloatArray
    table: Tensor


@dataclass(frozen=True)
class Validation:
    """Some users' histories and their validation items, `targets` [n_users]."""

    histories: Interactions
    targets: ItemArray

    def ndcg(self, model: Matched) -> float:
        """Mean NDCG@10 among all items that are not in the history."""
        return ndcg(model.queries, model.table, self.histories.items, self.histories.offsets, self.targets)

    def only(self, rows: IntArray, model: Matched) -> tuple["Validation", Matched]:
        """The same of some of the users."""
        return Validation(self.histories.of(rows), self.targets[rows]), Matched(model.queries[rows], model.table)


@dataclass(frozen=True)
class TrueValues:
    """One value of each true next item: `rows` (which users have one) and, for each, `having` (the items with that value)."""

    rows: IntArray
    having: list[IntArray]


def blank_encoder(config: EncoderConfig, n_items: int, own: Any | None = None) -> AttributeEncoder:
    """The head without the attribute, to which no item has a value: on a frozen backbone, or with one of its `own`."""
    nothing: list[list[int]] = [[]] * (n_items + 1)
    return encoder_of(config, ItemFeatures.of_lists(nothing, MISSING + 1), own)


def true_values(catalog: Catalog, attribute: str, targets: ItemArray, seed: int) -> TrueValues | None:
    """A value of each target, drawn where it has several; None where no value can be asked for (free text)."""
    if catalog.attribute(attribute).kind is Kind.TEXT:
        return None
    labels: list[tuple[str, ...]] = Facets(catalog).labels(attribute)
    members: dict[str, list[int]] = {}
    for item, names in enumerate(labels):
        for name in names:
            members.setdefault(name, []).append(item)
    rng = stream(seed, "true values", attribute)
    found = [labels[int(item)] for item in targets]
    rows = [row for row, names in enumerate(found) if names]
    arrays = {name: np.array(items, dtype=np.int64) for name, items in members.items()}
    having = [arrays[found[row][int(rng.integers(len(found[row])))]] for row in rows]
    return TrueValues(np.array(rows, dtype=np.int64), having)


def filtered_ndcg(validation: Validation, model: Matched, values: TrueValues) -> float:
    """Mean NDCG@10 among the items that have the true item's value, over the users in `values`."""
    some, model = validation.only(values.rows, model)
    known = some.histories
    return ndcg(model.queries, model.table, known.items, known.offsets, some.targets, allowed=values.having)


@torch.no_grad()
def hit_rate(validation: Validation, model: Matched, values: TrueValues) -> float:
    """Mean share of the top HIT_K (of the items not in the history) that have the true item's value."""
    some, model = validation.only(values.rows, model)
    shares: list[float] = []
    for row, having in enumerate(values.having):
        offsets = some.histories.offsets[row : row + 2]
        scores = unseen_scores(model.queries[row : row + 1], model.table, some.histories.items, offsets)[0]
        k = min(HIT_K, int(torch.isfinite(scores).sum()))
        top = torch.topk(scores, k).indices.numpy()
        shares.append(float(np.isin(top, having).mean()) if k else 0.0)
    return float(np.mean(shares)) if shares else 0.0


def compared(
    validation: Validation, models: dict[str, Matched], values: TrueValues | None
) -> dict[str, dict[str, float]]:
    """Per model: NDCG@10; and where a value can be asked for, NDCG@10 behind a filter on the true one, and the hit rate."""
    found = {name: {"ndcg@10": validation.ndcg(model)} for name, model in models.items()}
    if values is not None and len(values.rows):
        for name, model in models.items():
            found[name]["filtered_ndcg@10"] = filtered_ndcg(validation, model, values)
            found[name][f"hit_rate@{HIT_K}"] = hit_rate(validation, model, values)
    return found
