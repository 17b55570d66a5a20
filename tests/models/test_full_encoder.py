"""A full encoder: it begins as its backbone, learns with a copy of it, and is read like any other encoder."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import EncoderConfig
from toolrec_cli.models.encoding import encode, trainable_parameters
from toolrec_cli.models.fitting import Examples, Watch, fit_full, matched, validation_of
from toolrec_cli.models.frozen import PREFIXES
from toolrec_cli.models.full_encoder import FullEncoder
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.progress import silent

N_ITEMS, WIDTH, LENGTH = 20, 16, 12
QUIET = Watch(lambda: None, lambda _: None, silent)
SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-2)
KINDS = [(name, timed) for name in store.BACKBONES.names() for timed in (False, True)]


def backbone_of(name: str, *, time_aware: bool = False, max_length: int = LENGTH) -> Any:
    torch.manual_seed(1)
    shape = {"embedding_size": WIDTH, "n_layers": 1, "n_heads": 2, "max_length": max_length, "dropout": 0.1}
    return store.build_backbone(name, {"n_items": N_ITEMS, "time_aware": time_aware, **shape}).eval()


def catalog() -> Catalog:
    names = [str(k) for k in range(N_ITEMS)]
    frame = pl.DataFrame({"item_id": names, "title": names, "kind": ["ab"[k % 2] for k in range(N_ITEMS)]})
    return Catalog(frame, [Attribute("kind", Kind.CATEGORICAL, 1.0, 2)])


def full_on(backbone: Any) -> Any:
    config = EncoderConfig("kind", WIDTH, LENGTH, embedding_size=8, n_layers=1)
    return store.build_encoder(config, catalog(), copy.deepcopy(backbone))


def examples(n_users: int = 16, length: int = 10) -> Examples:
    rounds = (np.arange(n_users)[:, None] * 3 + np.arange(length + 1)) % N_ITEMS + 1
    offsets = np.arange(0, n_users * length + 1, length)
    times = 60 * np.arange(n_users * length)
    histories = Interactions(offsets, rounds[:, :-1].ravel().astype(np.int32), times, None)
    return Examples(histories, rounds[:, -1].astype(np.int32))


@pytest.mark.parametrize(("name", "time_aware"), KINDS)
def test_before_it_learns_it_is_its_backbone(name: str, time_aware: bool) -> None:
    backbone = backbone_of(name, time_aware=time_aware)
    scorer = BlockScorer(backbone, {"kind": full_on(backbone)}, examples().train)
    for user in range(4):
        assert np.allclose(scorer.scores("kind", user), scorer.scores(None, user), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "time_aware"), KINDS)
def test_all_of_it_learns_and_the_shared_backbone_stays(name: str, time_aware: bool) -> None:
    backbone = backbone_of(name, time_aware=time_aware)
    before, encoder = copy.deepcopy(backbone.state_dict()), full_on(backbone)
    fresh = copy.deepcopy(encoder)
    epochs = fit_full(encoder, examples(), SETTINGS, QUIET)
    assert [epoch.epoch for epoch in epochs] == [0, 1, 2]
    assert epochs[2].loss < epochs[1].loss
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    for part in ("backbone.items.weight", "backbone.transformer.blocks.0.qkv.weight", "values.weight", "dense.weight"):
        assert not torch.equal(encoder.state_dict()[part], fresh.state_dict()[part])
    assert not encoder.item_vectors(backbone.item_vectors)[0, :WIDTH].any()  # the padding's row
    assert trainable_parameters(encoder) == trainable_parameters(encoder.backbone) + trainable_parameters(
        store.build_encoder(encoder.config, catalog())
    )


def test_trained_it_asks_by_its_own_states_and_its_own_table() -> None:
    backbone = backbone_of("sasrec")
    encoder = full_on(backbone)
    fit_full(encoder, examples(), SETTINGS, QUIET)
    other = backbone_of("sasrec")
    torch.nn.init.normal_(other.items.weight)
    validation = validation_of(examples(), SETTINGS)
    one, another = matched(backbone, validation, encoder), matched(other, validation, encoder)
    assert np.array_equal(one.queries, another.queries)
    assert torch.equal(one.table, another.table)


def test_a_user_alone_is_the_user_among_all() -> None:
    backbone = backbone_of("sasrec", time_aware=True)
    encoder = full_on(backbone)
    fit_full(encoder, examples(), SETTINGS, QUIET)
    train = examples().train
    among = encode(backbone, {"kind": encoder}, train)["kind"]
    for user in (0, 5, 15):
        alone = encode(backbone, {"kind": encoder}, train.of(np.array([user])))["kind"]
        assert np.array_equal(alone[0], among[user])


def test_with_a_backbone_that_sees_both_sides_each_target_is_read_by_itself() -> None:
    encoder = full_on(backbone_of("bert4rec"))
    epochs = fit_full(encoder, examples(n_users=6), replace(SETTINGS, epochs=1), QUIET)
    assert epochs[-1].positions == 6 * PREFIXES


@pytest.mark.parametrize("name", store.BACKBONES.names())
def test_histories_of_one_item_can_be_learnt(name: str) -> None:
    encoder = full_on(backbone_of(name, max_length=1))
    epochs = fit_full(encoder, examples(), replace(SETTINGS, epochs=1), QUIET)
    assert epochs[-1].positions == 16


@pytest.mark.parametrize(("share", "n"), [(1.0, 16 * 9), (0.5, 8 * 9), (0.26, 8 * 9), (0.01, 4 * 9)])
def test_of_a_share_of_the_windows_an_epoch_learns_whole_batches(share: float, n: int) -> None:
    encoder = full_on(backbone_of("sasrec"))
    settings = replace(SETTINGS, share=share, batch_size=4)
    epochs = fit_full(encoder, examples(), settings, QUIET)
    assert [epoch.positions for epoch in epochs] == [0, n, n]


def test_other_values_leave_the_weights_and_change_what_is_read() -> None:
    encoder = full_on(backbone_of("sasrec"))
    assert isinstance(encoder, FullEncoder)
    frame = catalog().frame.with_columns(pl.Series("kind", ["ab"[k // 10] for k in range(N_ITEMS)]))
    features = store.item_features(Catalog(frame, [Attribute("kind", Kind.CATEGORICAL, 1.0, 2)]), "kind")
    other = encoder.over(features)
    table = encoder.backbone.item_vectors
    assert not torch.equal(other.item_vectors(table), encoder.item_vectors(table))
    assert all(torch.equal(value, encoder.state_dict()[key]) for key, value in other.state_dict().items())
