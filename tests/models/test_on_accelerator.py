"""On an accelerator everything is as on the processor, but for rounding; and one seed gives one result there, too, to the bit."""

import copy
from dataclasses import replace
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
from toolrec_cli.models import checkpoint, store
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.devices import available, use_device
from toolrec_cli.models.encoding import device_of, encode
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.fitting import Examples, Watch, fit_backbone, fit_encoder, fit_full, matched, validation_of
from toolrec_cli.models.full_encoder import FullEncoder
from toolrec_cli.models.losses import LOSSES, loss_of
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.models.training_state import KeptState, TrainingState, load_state, save_state
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.progress import silent

ACCELERATORS = available()[1:]
if not ACCELERATORS:
    pytest.skip("there is no accelerator on this machine", allow_module_level=True)

N_ITEMS = 60
SHAPE = {"n_items": N_ITEMS, "embedding_size": 16, "n_layers": 2, "n_heads": 2, "max_length": 24, "dropout": 0.2}
KINDS: list[dict[str, Any]] = [
    {},
    {"time_aware": True},
    {"relative_positions": True},
    {"time_aware": True, "relative_positions": True, "blocks": "ligr"},
]
SETTINGS = TrainingSettings(epochs=4, batch_size=8, learning_rate=1e-2)
QUIET = Watch(on_best=lambda: None, on_epoch=lambda _: None, progress=silent)


@pytest.fixture(params=ACCELERATORS)
def device(request: pytest.FixtureRequest) -> torch.device:
    return use_device(request.param)


@pytest.fixture(params=[(name, place) for name in store.BACKBONES.names() for place in range(len(KINDS))], ids=str)
def build(request: pytest.FixtureRequest) -> Any:
    """Makes a backbone of some kind, the same one every time."""
    name, place = request.param

    def built(**changed: Any) -> Any:
        torch.manual_seed(7)
        ends = {} if store.BACKBONES.get(name).causal else {"ends": place % 2 == 1}
        return store.build_backbone(name, {**SHAPE, **KINDS[place], **ends, **changed}).eval()

    return built


def cycles(n_users: int = 70) -> Examples:
    """Everybody goes round and round the items, from a place of one's own, some longer than others."""
    lengths = 5 + np.arange(n_users) % 20
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rounds = [(start + np.arange(n + 1)) % N_ITEMS + 1 for start, n in enumerate(lengths)]
    items = np.concatenate([each[:-1] for each in rounds]).astype(np.int32)
    histories = Interactions(offsets, items, 3600 * np.arange(len(items)) ** 2, None)
    return Examples(histories, np.array([each[-1] for each in rounds], dtype=np.int32))


def fitted(model: Any, settings: TrainingSettings = SETTINGS, watch: Watch = QUIET) -> tuple[Any, list[Epoch]]:
    epochs = fit_backbone(model, cycles(), settings, watch)
    return model, [replace(epoch, seconds=0.0) for epoch in epochs]


def same(one: Any, other: Any) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_histories_are_read_as_on_the_processor(device: torch.device, build: Any) -> None:
    here, there = build(), build().to(device)
    histories = cycles().train
    ours, theirs = encode(here, {}, histories)[None], encode(there, {}, histories)[None]
    assert device_of(there).type == device.type
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 200, 5000])
def test_the_loss_in_parts_and_its_gradients_are_those_of_the_whole(device: torch.device, n_targets: int) -> None:
    """In double precision, so that nothing but a mistake can part them; 5,000 × 20,000 are more than are held at once."""
    torch.manual_seed(n_targets)
    n_items = 20_000
    states = torch.randn(n_targets, 8, dtype=torch.float64, device=device, requires_grad=True)
    table = torch.randn(n_items + 1, 8, dtype=torch.float64, device=device, requires_grad=True)
    targets = torch.randint(1, n_items + 1, (n_targets,), device=device)
    plain = functional.cross_entropy(states @ table[1:].T, targets - 1)
    expected = torch.autograd.grad(plain, (states, table))
    for name in ("cross-entropy", "sampled"):  # of which the latter takes every item once, if so many are asked for
        loss = loss_of(name, n_items if name == "sampled" else None)(states, table, targets)
        torch.testing.assert_close(loss, plain)
        for ours, theirs in zip(torch.autograd.grad(loss, (states, table)), expected, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_learns_and_one_seed_gives_one_model_to_the_bit(device: torch.device, build: Any, loss: str) -> None:
    settings = replace(SETTINGS, loss=loss, negatives=40 if loss in ("sampled", "gbce") else None)
    one, epochs = fitted(build().to(device), settings)
    two, again = fitted(build().to(device), settings)
    other, _ = fitted(build().to(device), replace(settings, seed=7))
    assert epochs == again
    assert same(one, two)
    assert not same(one, other)
    losses = [epoch.loss for epoch in epochs if epoch.loss is not None]
    assert losses[-1] < losses[0] or not one.causal  # one that sees both sides takes longer than this


def test_it_learns_what_the_processor_learns(device: torch.device, build: Any) -> None:
    """Without dropout, which every device draws in its own way, the first epoch's loss is the same but for rounding."""
    if not build().causal:
        return  # what is hidden is drawn on the device, too
    (_, here), (_, there) = fitted(build(dropout=0.0)), fitted(build(dropout=0.0).to(device))
    assert there[0].loss == pytest.approx(here[0].loss, rel=5e-3)
    assert there[-1].ndcg == pytest.approx(here[-1].ndcg, abs=0.1)


def test_going_on_from_a_kept_state_ends_as_if_it_had_never_stopped(
    device: torch.device, build: Any, tmp_path: Path
) -> None:
    whole, expected = fitted(build().to(device))

    def keep(state: TrainingState) -> None:
        save_state(tmp_path / "state", KeptState(state, {}))
        if state.steps == 13:  # in the midst of the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(build().to(device), watch=replace(QUIET, keep=keep, every=0.0))
    torch.manual_seed(99)
    kept = load_state(tmp_path / "state").state
    resumed, found = fitted(build().to(device), watch=replace(QUIET, keep=lambda _: None, resumed=kept))
    assert found == expected
    assert same(resumed, whole)


def test_what_it_scores_in_training_is_what_it_scores_on_the_processor(
    device: torch.device, build: Any, tmp_path: Path
) -> None:
    """Its checkpoint is read where there is no accelerator."""
    model, epochs = fitted(build().to(device))
    here = build()
    here.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    validation = validation_of(cycles(), SETTINGS)
    assert validation.ndcg(matched(here, validation)) == pytest.approx(epochs[-1].ndcg, abs=0.02)


VALUES: dict[Kind, list[Any]] = {
    Kind.MULTI: [[f"g{k % 7}", f"h{k % 3}"] if k % 11 else None for k in range(N_ITEMS)],
    Kind.CATEGORICAL: [f"c{k % 9}" if k % 11 else None for k in range(N_ITEMS)],
    Kind.NUMERIC: [1.5**k if k % 11 else None for k in range(N_ITEMS)],
    Kind.DATE: [f"19{10 + k}-01-31" if k % 11 else None for k in range(N_ITEMS)],
    Kind.TEXT: [f"the {k} of {k % 5} dogs" if k % 11 else None for k in range(N_ITEMS)],
}


def encoder_of(kind: Kind, own: Any = None) -> AttributeEncoder:
    torch.manual_seed(3)
    column = pl.Series("a", VALUES[kind])
    names = [str(row) for row in range(1, N_ITEMS + 1)]
    frame = pl.DataFrame({"item_id": names, "title": names, "a": column})
    config = EncoderConfig("a", SHAPE["embedding_size"], SHAPE["max_length"], embedding_size=8, n_layers=1, dropout=0.2)
    return store.build_encoder(config, Catalog(frame, [Attribute("a", kind, 1.0, 9)]), own).eval()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", VALUES)
def test_an_encoder_learns_there_and_reads_as_on_the_processor(device: torch.device, kind: Kind, full: bool) -> None:
    def trained() -> tuple[Any, AttributeEncoder, list[Epoch]]:
        torch.manual_seed(5)
        backbone = store.build_backbone("sasrec", {**SHAPE, "time_aware": True}).to(device).eval()
        encoder = encoder_of(kind, copy.deepcopy(backbone) if full else None).to(device)
        settings = replace(SETTINGS, patience=4)
        if isinstance(encoder, FullEncoder):
            return backbone, encoder, fit_full(encoder, cycles(), settings, QUIET)
        return backbone, encoder, fit_encoder(backbone, encoder, cycles(), settings, QUIET)

    backbone, encoder, epochs = trained()
    _, again, _ = trained()
    assert same(encoder, again)
    assert min(epoch.loss or 99.0 for epoch in epochs) < (epochs[1].loss or 0.0)
    assert not encoder.is_its_backbone
    histories = cycles().train
    theirs = encode(backbone, {"a": encoder}, histories)["a"]
    ours = encode(backbone.cpu(), {"a": encoder.cpu()}, histories)["a"]
    np.testing.assert_allclose(theirs, ours, rtol=2e-3, atol=2e-3)


def peak(settings: TrainingSettings) -> int:
    """Bytes that a training takes at most."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    fit_backbone(wide(), cycles(MANY), settings, QUIET)
    return torch.cuda.max_memory_allocated()


MANY = 1000


def wide() -> Any:
    torch.manual_seed(7)
    return store.build_backbone("sasrec", {**SHAPE, "embedding_size": 256, "blocks": "ligr"}).to("cuda")


@pytest.mark.skipif("cuda" not in ACCELERATORS, reason="only CUDA can be told to have less memory")
def test_a_batch_that_does_not_fit_into_memory_is_halved() -> None:
    whole = replace(SETTINGS, batch_size=MANY, epochs=1)
    needed, less = peak(whole), peak(replace(whole, batch_size=MANY // 2))
    assert less < 0.7 * needed
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((needed + less) / 2 / torch.cuda.get_device_properties(0).total_memory)
    try:
        epochs = fit_backbone(wide(), cycles(MANY), whole, QUIET)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory at step 1" in epochs[0].note


def test_whole_verbs_take_it_and_their_models_are_read_without(
    device: torch.device, workspace: Path, tiny: Dataset
) -> None:
    shape = {"embedding_size": 16, "n_layers": 1, "n_heads": 2, "max_length": 20}
    training = TrainingSettings(epochs=3, batch_size=16)
    setting = Setting(workspace)
    runs = [
        pretrain(setting, tiny, BackbonePlan(shape=shape, training=training, threads=1, device=device.type))
        for _ in range(2)
    ]
    digests = [run.manifest.result["digest"] for run in runs]
    assert digests[0] == digests[1]
    plan = EncoderPlan("genre", backbone=runs[1].name, shape={"embedding_size": 8}, training=training, threads=1)
    encoder = train_encoder(setting, tiny, replace(plan, device=device.type))
    card, tensors = checkpoint.load(encoder.path / "model")
    assert card.backbone_digest == digests[1]
    assert all(value.device.type == "cpu" for value in tensors.values())
    assert isinstance(tensors["dense.weight"], Tensor)
