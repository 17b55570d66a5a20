"""The figures beside an encoder, spelt out on a catalogue of six items."""

import math

import numpy as np
import polars as pl
import pytest
import torch

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import EncoderConfig
from toolrec_cli.models.controls import (
    HIT_K,
    Matched,
    TrueValues,
    Validation,
    blank_encoder,
    compared,
    filtered_ndcg,
    hit_rate,
    true_values,
)

COLOURS = ["red", "red", "blue", "blue", "blue", None]
"""Of items 1 to 6."""


def catalog(kind: Kind = Kind.CATEGORICAL) -> Catalog:
    names = [str(item) for item in range(1, 7)]
    values = [None if c is None else [c, "any"] for c in COLOURS] if kind is Kind.MULTI else COLOURS
    frame = pl.DataFrame({"item_id": names, "title": names, "colour": values})
    return Catalog(frame, [Attribute("colour", kind, 5 / 6, 2)])


def model(*order: int) -> Matched:
    """To everybody (two users) the items of `order` come first, in that order, then the rest."""
    scores = torch.full((7, 1), -5.0)
    for place, item in enumerate(order):
        scores[item] = 10.0 - place
    return Matched(np.ones((2, 1), dtype=np.float32), scores)


USERS = Validation(
    Interactions(np.array([0, 1, 2]), np.array([1, 3], dtype=np.int32), None, None), np.array([4, 2], dtype=np.int32)
)
"""One has had item 1 and comes to want 4 (blue), the other 3, and 2 (red)."""


def test_the_true_values_and_who_has_them() -> None:
    found = true_values(catalog(), "colour", USERS.targets, 42)
    assert found is not None
    assert found.rows.tolist() == [0, 1]
    assert [having.tolist() for having in found.having] == [[3, 4, 5], [1, 2]]


def test_who_comes_to_want_an_item_without_a_value_is_left_out() -> None:
    found = true_values(catalog(), "colour", np.array([6, 2], dtype=np.int32), 42)
    assert found is not None
    assert found.rows.tolist() == [1]


def test_of_several_values_one_is_drawn_by_the_seed() -> None:
    targets = np.full(60, 4, dtype=np.int32)
    one, again, other = (true_values(catalog(Kind.MULTI), "colour", targets, seed) for seed in (1, 1, 2))
    assert one is not None
    assert again is not None
    assert other is not None
    sizes = [len(having) for having in one.having]
    assert sizes == [len(having) for having in again.having] != [len(having) for having in other.having]
    assert set(sizes) == {3, 5}


def test_free_text_has_no_value_to_ask_for() -> None:
    assert true_values(catalog(Kind.TEXT), "colour", USERS.targets, 42) is None


def test_behind_the_filter_only_items_with_the_value_compete() -> None:
    """6, 5, 4, 2, 1, 3: without the filter 4 is third and, item 3 being known, 2 fourth; with it second and first."""
    values = true_values(catalog(), "colour", USERS.targets, 42)
    assert values is not None
    found = model(6, 5, 4, 2, 1, 3)
    assert USERS.ndcg(found) == pytest.approx((1 / math.log2(4) + 1 / math.log2(5)) / 2)
    assert filtered_ndcg(USERS, found, values) == pytest.approx((1 / math.log2(3) + 1) / 2)


def test_the_hit_rate_is_the_share_of_the_top_that_has_the_value() -> None:
    """All but what is known is in the top twenty of six: 3 of 5 are blue, 2 of 5 red."""
    values = true_values(catalog(), "colour", USERS.targets, 42)
    assert values is not None
    assert HIT_K == 20
    assert hit_rate(USERS, model(1), values) == pytest.approx((3 / 5 + 2 / 5) / 2)


def test_the_hit_rate_looks_at_the_top_alone() -> None:
    scores = -torch.arange(41.0)[:, None]  # item 1 best
    users = Validation(
        Interactions(np.array([0, 0]), np.zeros(0, dtype=np.int32), None, None), np.array([30], dtype=np.int32)
    )
    values = TrueValues(np.array([0]), [np.array([1, 2, 3, 20, 21, 30])])
    assert hit_rate(users, Matched(np.ones((1, 1), dtype=np.float32), scores), values) == pytest.approx(4 / 20)


def test_all_models_are_compared_by_all_that_can_be_said() -> None:
    values = true_values(catalog(), "colour", USERS.targets, 42)
    found = compared(USERS, {"a": model(4, 2), "b": model(1)}, values)
    assert list(found) == ["a", "b"]
    assert set(found["a"]) == {"ndcg@10", "filtered_ndcg@10", "hit_rate@20"}
    assert set(compared(USERS, {"a": model(4)}, None)["a"]) == {"ndcg@10"}


def test_to_the_head_without_the_attribute_all_items_are_alike() -> None:
    torch.manual_seed(0)
    encoder = blank_encoder(EncoderConfig("no attribute", 6, 8, embedding_size=8, dropout=0.0), 6).eval()
    with torch.no_grad():
        vectors = encoder.attribute_vectors(torch.arange(7)[None])[0]
    assert not vectors[0].any()
    assert (vectors[1:] == vectors[1]).all()
    assert encoder.item_vectors(torch.zeros(7, 6)).shape == (7, 14)
