"""What every backbone has to do, whichever it is: a new file in `backbones/` is held to all of this by its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import CheckError, UsageError
from toolrec_cli.models import checkpoint, store
from toolrec_cli.models.checkpoint import ModelCard
from toolrec_cli.models.company import CHOICES, COMPANY
from toolrec_cli.models.encoding import trainable_parameters
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.fitting import Examples, Watch, fit_backbone
from toolrec_cli.models.losses import LOSSES
from toolrec_cli.models.targets import Lessons
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.progress import silent
from toolrec_cli.seeds import stream

N_ITEMS = 22  # 23 with the padding: no other size below is that number
WIDTH = 16
SHAPE = {"n_items": N_ITEMS, "embedding_size": WIDTH, "n_layers": 2, "n_heads": 2, "max_length": 12, "dropout": 0.1}

QUIET = Watch(on_best=lambda: None, on_epoch=lambda _: None, progress=silent)

ITEMS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0], [22, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 1])
REAL = ITEMS > 0


TIME_AWARE, LIGR, RELATIVE = " time-aware", " ligr", " relative"
KINDS = ("", TIME_AWARE, RELATIVE, TIME_AWARE + RELATIVE, LIGR, LIGR + TIME_AWARE, LIGR + TIME_AWARE + RELATIVE)


def build(name: str, **changed: Any) -> Any:
    """A backbone; that of `name` + TIME_AWARE reads times, + RELATIVE distances (and one that sees both sides is asked in many
    places what comes next, as by default); that with LIGR is made of gated blocks."""
    torch.manual_seed(7)
    kind = {"time_aware": TIME_AWARE in name, "relative_positions": RELATIVE in name}
    if RELATIVE in name and not store.BACKBONES.get(plain(name)).causal:
        kind["ends"] = True
    return store.build_backbone(
        plain(name), {**SHAPE, **kind, "blocks": "ligr" if LIGR in name else "plain", **changed}
    ).eval()


def plain(name: str) -> str:
    """What the registry calls it."""
    return name.split(" ")[0]


@pytest.fixture(params=[name + kind for name in store.BACKBONES.names() for kind in KINDS])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def times_of(items: Tensor, lengths: Tensor) -> Tensor:
    """Ever later after ever longer pauses; in the padding, as the newest."""
    place = torch.arange(items.shape[1]).expand(len(items), -1).clamp(max=lengths[:, None] - 1)
    return 1000 + place**3


@torch.no_grad()
def states_of(model: Any, items: Tensor = ITEMS, lengths: Tensor = LENGTHS, times: Tensor | None = None) -> Tensor:
    return model(items, lengths, times_of(items, lengths) if times is None else times)


def cycles(n_users: int = 24, length: int = 9) -> Examples:
    """Everybody goes round and round the items, from a place of one's own; what comes next is never in doubt."""
    rounds = (np.arange(n_users)[:, None] + np.arange(length + 1)) % N_ITEMS + 1
    offsets = np.arange(0, n_users * length + 1, length)
    times = 60 * np.arange(n_users * length)
    histories = Interactions(offsets, rounds[:, :-1].ravel().astype(np.int32), times, None)
    return Examples(histories, rounds[:, -1].astype(np.int32))


def fitted(name: str, settings: TrainingSettings, **changed: Any) -> tuple[Any, list[Epoch]]:
    model = build(name, **changed)
    return model, fit_backbone(model, cycles(), settings, QUIET)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_there_is_a_backbone_and_a_misspelt_one_gets_the_near_miss() -> None:
    assert "sasrec" in store.BACKBONES.names()
    with pytest.raises(UsageError, match=r"'sasrek'\. Did you mean 'sasrec'"):
        store.build_backbone("sasrek", SHAPE)


def test_a_state_for_every_position_and_a_vector_for_every_item(name: str) -> None:
    model = build(name)
    assert (states_of(model).shape, states_of(model).dtype) == ((3, 5, WIDTH), torch.float32)
    assert model.item_vectors.shape == (N_ITEMS + 1, WIDTH)
    assert torch.isfinite(states_of(model)).all()


def test_its_configuration_says_what_it_was_built_with(name: str) -> None:
    model = build(name)
    assert {key: store.settings_of(model)[key] for key in SHAPE} == SHAPE
    assert store.settings_of(store.build_backbone(plain(name), store.settings_of(model))) == store.settings_of(model)


def test_more_padding_changes_nothing(name: str) -> None:
    model = build(name)
    padded = torch.nn.functional.pad(ITEMS, (0, 7))
    torch.testing.assert_close(states_of(model, padded)[:, :5][REAL], states_of(model)[REAL], rtol=1e-5, atol=1e-6)


def test_what_stands_in_the_padding_changes_nothing(name: str) -> None:
    model = build(name)
    littered = torch.where(REAL, ITEMS, 13)
    torch.testing.assert_close(states_of(model, littered)[REAL], states_of(model)[REAL], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_another_future_changes_nothing_before_it_if_it_is_causal(name: str, cut: int) -> None:
    model = build(name)
    if not model.causal:
        return
    other = torch.cat([ITEMS[:1, :cut], N_ITEMS + 1 - ITEMS[:1, cut:]], dim=1)
    before, after = states_of(model, ITEMS[:1], LENGTHS[:1])[0], states_of(model, other, LENGTHS[:1])[0]
    torch.testing.assert_close(after[:cut], before[:cut], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after[cut:], before[cut:], atol=1e-3)


def test_the_past_and_its_order_matter(name: str) -> None:
    model = build(name)
    newest = states_of(model, torch.tensor([[3, 1, 4], [1, 3, 4], [2, 1, 4]]), torch.tensor([3, 3, 3]))[:, -1]
    assert all((newest[a] - newest[b]).abs().max() > 1e-3 for a, b in [(0, 1), (0, 2), (1, 2)])


def asked_for(model: Any, lessons: Lessons, seed: int) -> torch.Tensor:
    """The states of an objective that may draw how it looks at a history."""
    torch.manual_seed(seed)
    return model.examples(lessons)[0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", [name + TIME_AWARE for name in store.BACKBONES.names()])
def test_a_time_aware_one_reads_the_times_of_the_past_and_is_told_none_of_the_next_item(name: str, seed: int) -> None:
    model, times = build(name), times_of(ITEMS[:1], LENGTHS[:1])
    last = Lessons(ITEMS[:1], LENGTHS[:1], torch.arange(5)[None] == 4, np.array([0]), times)
    states = asked_for(model, last, seed)
    for changed, told in (
        (times + (torch.arange(5) == 4) * 10**6, False),
        (times + (torch.arange(5) < 2) * -500, True),
    ):
        found = asked_for(model, replace(last, times=changed), seed)
        assert torch.allclose(found, states, atol=1e-6) is not told
    later = states_of(model, ITEMS[:1], LENGTHS[:1], times + 10**8)
    torch.testing.assert_close(later, states_of(model, ITEMS[:1], LENGTHS[:1], times))  # no date, only ages
    with pytest.raises(ValueError, match="told the times"):
        model(ITEMS, LENGTHS)


@pytest.mark.parametrize("name", [name for name in store.BACKBONES.names() if build(name).causal])
def test_the_times_of_the_future_change_nothing_before_it_if_it_is_causal(name: str) -> None:
    model, times = build(name + TIME_AWARE), times_of(ITEMS[:1], LENGTHS[:1])
    after = states_of(model, ITEMS[:1], LENGTHS[:1], times + (torch.arange(5) >= 3) * 10**6)
    before = states_of(model, ITEMS[:1], LENGTHS[:1], times)
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after[:, 3:], before[:, 3:], atol=1e-3)


def test_users_in_a_batch_do_not_touch_each_other(name: str) -> None:
    model = build(name)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = states_of(model, ITEMS[row : row + 1], LENGTHS[row : row + 1])[0, :length]
        torch.testing.assert_close(alone, states_of(model)[row, :length], rtol=1e-5, atol=1e-6)


def test_a_renumbered_catalogue_gives_renumbered_scores(name: str) -> None:
    model, renumbered = build(name), build(name)
    order = torch.tensor([0, *(stream(1, "order").permutation(N_ITEMS) + 1)])  # new number -> old number
    state = {key: t[order] if t.shape[:1] == order.shape else t for key, t in model.state_dict().items()}
    renumbered.load_state_dict(state)
    new_items = torch.argsort(order)[ITEMS]
    scores = (states_of(model) @ model.item_vectors.T)[REAL]
    found = (states_of(renumbered, new_items) @ renumbered.item_vectors.T)[REAL]
    torch.testing.assert_close(found, scores[:, order], rtol=1e-5, atol=1e-6)


def test_saved_and_loaded_it_is_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    model = build(name)
    n = trainable_parameters(model)
    card = ModelCard("backbone", plain(name), store.settings_of(model), "toys", "0" * 64, n_parameters=n)
    checkpoint.save(tmp_path / "model", card, model.state_dict())
    read, state = checkpoint.load(tmp_path / "model")
    again = store.build_backbone(read.name, read.settings).eval()
    again.load_state_dict(state)
    assert same(state, model.state_dict())
    assert torch.equal(states_of(again), states_of(model))


def test_one_seed_trains_the_same_weights_to_the_bit_and_another_seed_others(name: str) -> None:
    quick = TrainingSettings(epochs=2, batch_size=8, seed=5)
    (one, epochs), (other, epochs_again) = fitted(name, quick), fitted(name, quick)
    assert same(one.state_dict(), other.state_dict())
    assert [(e.loss, e.ndcg) for e in epochs] == [(e.loss, e.ndcg) for e in epochs_again]
    third, _ = fitted(name, TrainingSettings(epochs=2, batch_size=8, seed=6))
    assert not same(one.state_dict(), third.state_dict())


def test_every_epoch_takes_the_users_in_another_order(name: str) -> None:
    """Seen in the losses of single steps, while nothing is learnt."""
    losses: dict[str, list[str]] = {}

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        if task == "training":
            epoch, loss, *_ = note.split(" · ")
            losses.setdefault(epoch, []).append(loss)

    settings = TrainingSettings(epochs=3, batch_size=4, learning_rate=0.0)
    model = build(name, dropout=0.0)
    fit_backbone(model, cycles(), settings, Watch(QUIET.on_best, QUIET.on_epoch, progress))
    assert len({tuple(steps) for steps in losses.values()}) == len(losses) == 3
    if model.causal:  # otherwise what is asked of each user is drawn anew
        assert len({steps[-1] for steps in losses.values()}) == 1


def test_training_draws_only_from_its_own_seed(name: str) -> None:
    quick = TrainingSettings(epochs=1, batch_size=8)
    one, _ = fitted(name, quick)
    other = build(name)
    torch.manual_seed(12345)
    torch.rand(17)
    fit_backbone(other, cycles(), quick, QUIET)
    assert same(one.state_dict(), other.state_dict())


@pytest.mark.parametrize("start", CHOICES)
@pytest.mark.parametrize("loss", ["cross-entropy", "sampled", "bpr"])
def test_it_learns_what_is_never_in_doubt(name: str, loss: str, start: str) -> None:
    """One that fills gaps is asked of fewer places an epoch, and most of them are not those that are scored."""
    if start == COMPANY and not build(name).causal:
        return  # nothing is far from anything on a circle, and one that sees both sides is slow to tell its neighbours apart
    n = 30 if build(name).causal else 100
    settings = TrainingSettings(loss=loss, epochs=n, batch_size=4, learning_rate=1e-2, patience=n, item_vectors=start)
    model, epochs = fitted(name, settings, dropout=0.0)
    assert epochs[-1].loss < (0.1 if model.causal else 0.6 * epochs[0].loss)
    assert epochs[0].loss > 0.5
    # To one that reads times or distances the newest gap, with no time and nothing behind it, looks unlike all others.
    assert epochs[-1].ndcg > (0.95 if model.causal or name in ("bert4rec", "bert4rec" + LIGR) else 0.9)


def test_its_item_vectors_begin_with_what_meets(name: str) -> None:
    """What a training begins with is what it is left with where nothing is learnt; and the table is the model's own."""
    settings = TrainingSettings(epochs=1, learning_rate=1e-12, weight_decay=0.0)
    begun = {start: fitted(name, replace(settings, item_vectors=start))[0] for start in CHOICES}
    fresh = build(name)
    torch.testing.assert_close(begun["random"].item_vectors, fresh.item_vectors)
    apart = (begun[COMPANY].item_vectors - fresh.item_vectors).abs()
    assert (apart[1:].amax(dim=1) > 1e-3).all()
    assert not torch.equal(apart[0], apart[1])
    changed = [
        key for key, value in begun[COMPANY].state_dict().items() if not torch.allclose(value, fresh.state_dict()[key])
    ]
    assert len(changed) == 1


def test_one_that_begins_with_what_meets_learns_sooner(name: str) -> None:
    """If it is causal; one that sees both sides learns too little in so few steps to be told apart."""
    if not build(name).causal:
        return
    few = TrainingSettings(epochs=3, batch_size=4, learning_rate=1e-3)
    after = {start: fitted(name, replace(few, item_vectors=start))[1][-1] for start in ("random", "company")}
    assert after["company"].loss < after["random"].loss
    assert after["company"].ndcg > after["random"].ndcg + 0.1


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_falls(name: str, loss: str) -> None:
    settings = TrainingSettings(loss=loss, epochs=80, batch_size=4, learning_rate=1e-2, patience=80)
    _, epochs = fitted(name, settings, dropout=0.0)
    assert epochs[-1].loss < 0.75 * epochs[0].loss


def test_a_training_that_blows_up_at_its_very_last_step_is_refused(name: str) -> None:
    """The loss of that step was still a number; what it made of the weights is none."""
    with pytest.raises(CheckError, match="not finite"):
        fitted(name, TrainingSettings(epochs=1, batch_size=64, learning_rate=1e38))


def test_the_padding_row_stays_zero_through_training(name: str) -> None:
    model, _ = fitted(name, TrainingSettings(epochs=2, batch_size=8))
    assert torch.equal(model.item_vectors[0], torch.zeros(WIDTH))


def test_of_histories_longer_than_it_reads_all_is_learnt_or_the_newest(name: str) -> None:
    model = build(name, max_length=4)
    every, newest = (
        fit_backbone(model, cycles(n_users=6, length=9), TrainingSettings(epochs=1, targets=targets), QUIET)[0]
        for targets in ("all", "newest")
    )
    assert every.positions > newest.positions
    if model.causal:
        assert (every.positions, newest.positions) == (6 * 8, 6 * 4)


def test_users_without_a_next_item_to_learn_are_passed_over(name: str) -> None:
    histories = Interactions(np.array([0, 0, 1, 4]), np.array([5, 1, 2, 3], dtype=np.int32), np.arange(4), None)
    examples = Examples(histories, np.array([0, 7, 0], dtype=np.int32))
    model = build(name)
    epochs = fit_backbone(model, examples, TrainingSettings(epochs=1), QUIET)
    assert [epoch.positions for epoch in epochs] == [2] or not model.causal
    assert 1 <= epochs[0].positions <= 3
