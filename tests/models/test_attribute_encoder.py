"""The attribute encoder: it starts as its backbone, sees every kind of attribute, and is all that training changes."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import UsageError
from toolrec_cli.models import checkpoint, store
from toolrec_cli.models.attribute_encoder import GAIN, HALF_LIVES, AttributeEncoder, EncoderConfig
from toolrec_cli.models.encoding import encode, trainable_parameters
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.fitting import Examples, Watch, fit_encoder
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import EncoderPlan, train_encoder
from toolrec_cli.progress import silent
from toolrec_cli.storage.digests import file_digest

N_ITEMS = 12
SHAPE = {"n_items": N_ITEMS, "embedding_size": 6, "n_layers": 1, "n_heads": 2, "max_length": 8, "dropout": 0.0}

VALUES: dict[Kind, list[Any]] = {
    Kind.MULTI: [["red", "round"], ["round", "red"], ["red"], ["blue"], None, *(["round", f"l{k}"] for k in range(7))],
    Kind.CATEGORICAL: ["x", "x", "y", "z", None, *(f"c{k}" for k in range(7))],
    Kind.NUMERIC: [10.0, 10.0, 10.5, 99.0, None, *(20.0 + k for k in range(7))],
    Kind.DATE: ["2001-05-01", "2001-05-01", "2001-05-02", "1968-01-01", None, *(f"19{70 + k}-01-31" for k in range(7))],
    Kind.TEXT: ["a red dog", "A dog: red!", "a red cat", "no", None, *(f"once upon {k}" for k in range(7))],
}
"""By kind: items 1 and 2 are alike, 3 and 4 are like no other, 5 has no value."""

ITEMS = torch.tensor([[1, 7, 5, 3, 9], [4, 2, 0, 0, 0], [12, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 2, 1])
REAL = ITEMS > 0

QUIET = Watch(on_best=lambda: None, on_epoch=lambda _: None, progress=silent)


def build(kind: Kind, values: list[Any] | None = None, **shape: Any) -> AttributeEncoder:
    """A fresh encoder of an attribute "a" with these values, by item."""
    torch.manual_seed(3)
    column = pl.Series("a", VALUES[kind] if values is None else values)
    known = column.drop_nulls().explode() if kind is Kind.MULTI else column.drop_nulls()
    names = [str(row) for row in range(1, len(column) + 1)]
    frame = pl.DataFrame({"item_id": names, "title": names, "a": column})
    shape = {"embedding_size": 8, "n_layers": 1, "dropout": 0.0, **shape}
    config = EncoderConfig("a", SHAPE["embedding_size"], SHAPE["max_length"], **shape)
    return store.build_encoder(config, Catalog(frame, [Attribute("a", kind, 1.0, known.n_unique())])).eval()


def awake(encoder: AttributeEncoder) -> AttributeEncoder:
    """It no longer passes the backbone's state through: everything behind the attribute's vectors counts."""
    for name, parameter in encoder.named_parameters():
        if name not in ("values.weight", "slope.weight"):
            torch.nn.init.normal_(parameter, std=0.1 if name == "lately" else 0.5)
    return encoder


def backbone() -> Any:
    torch.manual_seed(4)
    return store.build_backbone("sasrec", SHAPE).eval()


def blind_backbone() -> Any:
    """To it all items are one."""
    model = backbone()
    with torch.no_grad():
        model.item_vectors[1:] = model.item_vectors[1].clone()
    return model


def cycles(n_users: int = 24, length: int = 6) -> Examples:
    """Everybody goes round and round the items, from a place of one's own."""
    rounds = (np.arange(n_users)[:, None] + np.arange(length + 1)) % N_ITEMS + 1
    offsets = np.arange(0, n_users * length + 1, length)
    histories = Interactions(offsets, rounds[:, :-1].ravel().astype(np.int32), None, None)
    return Examples(histories, rounds[:, -1].astype(np.int32))


def fit(backbone: Any, encoder: AttributeEncoder, epochs: int, **changed: Any) -> list[Epoch]:
    settings = TrainingSettings(**{"epochs": epochs, "batch_size": 4, "patience": epochs, **changed})
    return fit_encoder(backbone, encoder, cycles(), settings, QUIET)


@torch.no_grad()
def vectors(encoder: AttributeEncoder) -> Tensor:
    """The attribute of every item, by item_index."""
    return encoder.attribute_vectors(torch.arange(len(encoder.numbers))[None])[0]


@torch.no_grad()
def queries(encoder: AttributeEncoder, items: Tensor = ITEMS, lengths: Tensor = LENGTHS) -> Tensor:
    return encoder(items, lengths, torch.ones(*items.shape, SHAPE["embedding_size"]))


@pytest.fixture(params=VALUES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def test_it_starts_as_its_backbone_to_the_bit(kind: Kind) -> None:
    histories, plain, encoder = cycles().train, backbone(), build(kind)
    found = encode(plain, {"a": encoder}, histories)
    assert np.array_equal(found["a"][:, :6], found[None])
    assert not found["a"][:, 6:].any()


@pytest.mark.parametrize("half_life", HALF_LIVES)
def test_what_prevailed_lately_is_a_mean_that_forgets(half_life: float) -> None:
    """u₂ is all of it, as long as the dense layer adds nothing."""
    encoder = build(Kind.CATEGORICAL)
    with torch.no_grad():
        encoder.lately[HALF_LIVES.index(half_life)] = 1 / GAIN
    oldest, newest = vectors(encoder)[[3, 4]]
    weight = 0.5 ** (1 / half_life)  # of what lies one item back
    found = queries(encoder, torch.tensor([[3, 4, 0]]), torch.tensor([2]))[0, :, 6:]
    torch.testing.assert_close(found[0], oldest)
    torch.testing.assert_close(found[1], (weight * oldest + newest) / (weight + 1))


def test_it_starts_with_the_scores_of_its_backbone(kind: Kind) -> None:
    histories, plain, encoder = cycles().train, backbone(), build(kind)
    found = encode(plain, {"a": encoder}, histories)
    table = plain.item_vectors.detach()
    scores = found["a"] @ encoder.item_vectors(table).detach().numpy().T
    np.testing.assert_allclose(scores, found[None] @ table.numpy().T, rtol=0, atol=1e-6)


def test_shapes(kind: Kind) -> None:
    encoder = build(kind)
    assert encoder.query_size == 6 + 8
    assert queries(encoder).shape == (3, 5, 14)
    assert encoder.item_vectors(torch.zeros(N_ITEMS + 1, 6)).shape == (N_ITEMS + 1, 14)


def test_more_padding_changes_nothing(kind: Kind) -> None:
    encoder = awake(build(kind))
    padded = queries(encoder, functional.pad(ITEMS, (0, 3)))[:, :5]
    torch.testing.assert_close(padded[REAL], queries(encoder)[REAL], rtol=1e-5, atol=1e-6)


def test_another_future_changes_nothing_before_it(kind: Kind) -> None:
    encoder = awake(build(kind))
    other = torch.cat([ITEMS[:1, :2], torch.tensor([[4, 4, 4]])], dim=1)
    before, after = queries(encoder, ITEMS[:1], LENGTHS[:1])[0], queries(encoder, other, LENGTHS[:1])[0]
    torch.testing.assert_close(after[:2], before[:2], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after[2:], before[2:], atol=1e-3)


def test_the_same_value_is_the_same_vector_and_another_another(kind: Kind) -> None:
    found = vectors(build(kind))
    torch.testing.assert_close(found[1], found[2])
    differences = torch.cdist(found[[1, 3, 4]], found[[1, 3, 4]]) + torch.eye(3)
    assert differences.min() > 1e-2


def test_several_values_are_their_mean_and_their_order_is_nothing() -> None:
    found = vectors(build(Kind.MULTI, [["red"], ["round"], ["red", "round"], ["round", "red"]]))
    torch.testing.assert_close(found[3], (found[1] + found[2]) / 2)
    torch.testing.assert_close(found[4], found[3])


def test_no_value_is_a_state_of_its_own(kind: Kind) -> None:
    """Neither the padding's, nor that of an item whose number is the mean one, nor any other."""
    found = vectors(build(kind))
    others = torch.cat([found[:5], found[6:]])
    assert torch.equal(found[0], torch.zeros(8))
    assert (others - found[5]).norm(dim=1).min() > 1e-2


@pytest.mark.parametrize("kind", [Kind.CATEGORICAL, Kind.NUMERIC])
def test_one_value_or_none_is_refused(kind: Kind) -> None:
    for values in ([2.0, 2.0], [None, None]):
        with pytest.raises(UsageError, match="An encoder cannot learn from 'a'"):
            build(kind, [value if value is None or kind is Kind.NUMERIC else str(value) for value in values])


PRICES = {
    "far apart": ([float(k) for k in range(100)], 3, 80),
    "in one bucket": ([float(k) for k in range(100)], 1, 2),
    "a cent apart": ([5.00, 5.01, *(float(k) for k in range(40))], 1, 2),
    "two prices in all": ([5.0, 7.0, 5.0, 7.0], 1, 2),
    "a rank in a long tail": ([1.0, 3.0, *(2.0**k for k in range(2, 30))], 1, 2),
    "years": ([1994, 1995, *range(1930, 2000)], 1, 2),
}
"""(prices by item, one item, another)."""


@pytest.mark.parametrize("case", PRICES)
def test_two_items_that_differ_only_in_price_differ(case: str) -> None:
    """Defect 2 of the released code: it repeats the price over the whole vector, which LayerNorm cancels."""
    prices, one, other = PRICES[case]
    found = vectors(build(Kind.NUMERIC, prices))
    normed = functional.layer_norm(found, (8,))
    assert not torch.equal(found[one], found[other])
    assert (normed[one] - normed[other]).abs().max() > 1e-4


@pytest.mark.parametrize("case", PRICES)
def test_two_histories_that_differ_only_in_a_price_differ(case: str) -> None:
    """Defect 2 of the released code, on the state behind all layers, from an untrained encoder on."""
    prices, one, other = PRICES[case]
    encoder = awake(build(Kind.NUMERIC, prices))
    found = queries(encoder, torch.tensor([[3, one], [3, other], [one, 3], [other, 3]]), torch.tensor([2, 2, 2, 2]))
    assert (found[0, -1] - found[1, -1]).abs().max() > 1e-4
    assert (found[2, -1] - found[3, -1]).abs().max() > 1e-5


def test_a_number_repeated_over_a_vector_is_what_layer_norm_cancels() -> None:
    """What defect 2 was, so that the tests above are known to tell."""
    prices = torch.tensor([[3.0], [80.0]]).repeat(1, 8)
    assert torch.equal(functional.layer_norm(prices, (8,)), torch.zeros(2, 8))


DISTINCT: dict[Kind, list[Any]] = {
    Kind.MULTI: [[f"l{k}", f"l{(k + 1) % N_ITEMS}"] for k in range(N_ITEMS)],
    Kind.CATEGORICAL: [f"c{k}" for k in range(N_ITEMS)],
    Kind.NUMERIC: [1.5 * k for k in range(N_ITEMS)],
    Kind.DATE: [f"{1950 + 3 * k}-12-24" for k in range(N_ITEMS)],
    Kind.TEXT: [f"once upon {k}" for k in range(N_ITEMS)],
}


def test_the_attribute_alone_can_tell_what_comes_next(kind: Kind) -> None:
    """On a backbone to which all items are one, whatever is learnt came through the attribute."""
    model = blind_backbone()
    encoder = build(kind, DISTINCT[kind])
    epochs = fit(model, encoder, 16, learning_rate=2e-2)
    assert epochs[-1].ndcg > 0.95
    assert epochs[-1].loss < 0.2


def test_training_changes_the_encoder_and_not_the_backbone(kind: Kind) -> None:
    model, encoder = backbone(), build(kind)
    frozen = {name: t.clone() for name, t in model.state_dict().items()}
    fresh = {name: t.clone() for name, t in encoder.state_dict().items()}
    fit(model, encoder, 2)
    assert all(torch.equal(t, frozen[name]) for name, t in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    changed = {name for name, t in encoder.state_dict().items() if not torch.equal(t, fresh[name])}
    assert changed >= {"values.weight", "dense.weight", "candidate.weight", "lately", "transformer.blocks.0.qkv.weight"}
    assert torch.equal(encoder.values.weight[0], torch.zeros(8))


def test_one_seed_trains_the_same_encoder_to_the_bit() -> None:
    def trained(seed: int) -> dict[str, Tensor]:
        encoder = build(Kind.MULTI, dropout=0.2)
        fit(backbone(), encoder, 1, seed=seed)
        return encoder.state_dict()

    one, again, other = trained(1), trained(1), trained(2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["dense.weight"], other["dense.weight"])


def test_only_what_was_trained_is_stored(tiny_workspace: Path, tiny: Dataset) -> None:
    run, card = store.find_backbone(tiny_workspace / "runs", tiny, None)
    _, backbone_state = checkpoint.load(run.path / "model")
    found = store.find_encoders(tiny_workspace / "runs", tiny, card.digest)
    assert list(found) == ["genre", "release_year"]
    for name, encoder_run in found.items():
        encoder = store.load_encoder(encoder_run, tiny, card.digest)
        encoder_card, state = checkpoint.load(encoder_run.path / "model")
        assert state.keys() == {parameter for parameter, _ in encoder.named_parameters()}
        assert sum(t.numel() for t in state.values()) == encoder_card.n_parameters == trainable_parameters(encoder)
        assert (encoder_card.role, encoder_card.name, encoder_card.backbone_digest) == ("encoder", name, card.digest)
        assert not any(len(tiny.catalog) + 1 in t.shape for t in state.values())
        assert not any(torch.equal(t, other) for t in state.values() for other in backbone_state.values() if t.any())


def test_train_encoder_leaves_the_stored_backbone_as_it_was(workspace: Path) -> None:
    dataset = Dataset(workspace / "datasets" / "sample")
    run, card = store.find_backbone(workspace / "runs", dataset, None)
    before = {path: file_digest(path) for path in run.path.rglob("*") if path.is_file()}
    plan = EncoderPlan("director", shape={"embedding_size": 8}, training=TrainingSettings(epochs=1), threads=1)
    made = train_encoder(Setting(workspace), dataset, plan)
    assert {path: file_digest(path) for path in run.path.rglob("*") if path.is_file()} == before
    assert made.manifest.inputs == {"backbone": card.digest}
    assert set(store.find_encoders(workspace / "runs", dataset, card.digest)) == {"genre", "release_year", "director"}


def test_as_it_began_it_is_its_backbone_and_the_short_way_there_says_the_same() -> None:
    encoder, states = build(Kind.MULTI), torch.randn(3, 5, 6)
    newest = states[torch.arange(3), LENGTHS - 1]
    assert encoder.is_its_backbone
    found = encoder.at_end(ITEMS, LENGTHS, newest)
    assert torch.equal(found, torch.cat([newest, torch.zeros(3, 8)], dim=1))
    torch.testing.assert_close(found, encoder(ITEMS, LENGTHS, states)[torch.arange(3), LENGTHS - 1])


@pytest.mark.parametrize("changed", ["dense.weight", "dense.bias", "lately"])
def test_whatever_training_changes_of_what_it_says_it_is_its_backbone_no_more(changed: str) -> None:
    encoder = build(Kind.MULTI)
    with torch.no_grad():
        encoder.get_parameter(changed).view(-1)[-1] += 0.01
    assert not encoder.is_its_backbone
