"""A state that is kept between epochs: training that goes on from it ends as if it had never stopped."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError
from toolrec_cli.models import store, training
from toolrec_cli.models.fitting import Examples, Watch, fit_backbone
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.models.training_state import (
    STATE,
    TENSORS,
    Begun,
    Epoch,
    KeptState,
    TrainingState,
    load_state,
    save_state,
)
from toolrec_cli.progress import silent

N_ITEMS = 15
SETTINGS = TrainingSettings(epochs=5, batch_size=4, learning_rate=1e-2)


@pytest.fixture(params=store.BACKBONES.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def build(name: str) -> Any:
    torch.manual_seed(1)
    shape = {"embedding_size": 8, "n_layers": 1, "n_heads": 2, "max_length": 6, "dropout": 0.2}
    return store.build_backbone(name, {"n_items": N_ITEMS, **shape})


def examples() -> Examples:
    rounds = (np.arange(20)[:, None] + np.arange(7)) % N_ITEMS + 1
    histories = Interactions(np.arange(0, 121, 6), rounds[:, :-1].ravel().astype(np.int32), None, None)
    return Examples(histories, rounds[:, -1].astype(np.int32))


def fit(model: Any, folder: Path, resumed: TrainingState | None = None, stop_after: int = 99) -> list[Epoch]:
    def keep(state: TrainingState) -> None:
        save_state(folder, KeptState(state, {"what": "a test"}))
        if state.epochs[-1].epoch == stop_after:
            raise KeyboardInterrupt

    return fit_backbone(model, examples(), SETTINGS, Watch(lambda: None, lambda _: None, silent, keep, resumed))


def fit_and_stop_within(model: Any, folder: Path, stop_at: int) -> None:
    """A state is kept behind every step; stopped when so many are kept."""
    kept: list[Begun | None] = []

    def keep(state: TrainingState) -> None:
        save_state(folder, KeptState(state, {}))
        kept.append(state.begun)
        if len(kept) == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_backbone(model, examples(), SETTINGS, Watch(lambda: None, lambda _: None, silent, keep, every=0.0))
    # Five batches an epoch: a state behind each of the first four, and one when the epoch is over.
    assert [each.steps if each else None for each in kept] == ([1, 2, 3, 4, None] * stop_at)[:stop_at]


def figures(epochs: list[Epoch]) -> list[Any]:
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in epochs]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_going_on_ends_as_if_it_had_never_stopped_to_the_bit(name: str, stop_after: int, tmp_path: Path) -> None:
    whole, stopped, resumed = build(name), build(name), build(name)
    expected = fit(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, tmp_path / "state", stop_after=stop_after)
    torch.manual_seed(99)
    kept = load_state(tmp_path / "state")
    found = fit(resumed, tmp_path / "state", kept.state)
    assert figures(found) == figures(expected)
    assert all(torch.equal(one, other) for one, other in zip(resumed.parameters(), whole.parameters(), strict=True))
    assert kept.about == {"what": "a test"}


@pytest.mark.parametrize("stop_at", [1, 4, 8, 14])
def test_going_on_in_the_midst_of_an_epoch_too_to_the_bit(name: str, stop_at: int, tmp_path: Path) -> None:
    whole, stopped, resumed = build(name), build(name), build(name)
    expected = fit(whole, tmp_path / "whole")
    fit_and_stop_within(stopped, tmp_path / "state", stop_at)
    torch.manual_seed(99)
    kept = load_state(tmp_path / "state")
    assert kept.state.begun is not None
    assert kept.state.begun.epoch == len(kept.state.epochs) + 1
    assert figures(fit(resumed, tmp_path / "state", kept.state)) == figures(expected)
    assert all(torch.equal(one, other) for one, other in zip(resumed.parameters(), whole.parameters(), strict=True))


def test_states_within_an_epoch_change_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    often, never, kept = build("sasrec"), build("sasrec"), []
    watch = Watch(lambda: None, lambda _: None, silent, kept.append, every=0.0)
    assert figures(fit_backbone(often, examples(), SETTINGS, watch)) == figures(fit(never, tmp_path / "state"))
    assert len(kept) == 5 * SETTINGS.epochs
    assert all(torch.equal(one, other) for one, other in zip(often.parameters(), never.parameters(), strict=True))


@pytest.mark.parametrize(("every", "steps"), [(100.0, []), (2.5, [3]), (1.0, [1, 2, 3, 4])])
def test_a_state_is_kept_when_so_many_seconds_have_passed(
    every: float, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second by this clock; of five, the last is behind by the epoch's own state."""
    clock = iter(range(10**6))
    monkeypatch.setattr(training, "_now", lambda: float(next(clock)))
    kept: list[TrainingState] = []
    watch = Watch(lambda: None, lambda _: None, silent, kept.append, every=every)
    fit_backbone(build("sasrec"), examples(), dataclasses.replace(SETTINGS, epochs=1), watch)
    assert [state.begun.steps for state in kept if state.begun] == steps


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        fit(build("sasrec"), tmp_path / "state", stop_after=1)
    return tmp_path / "state"


def test_tensors_that_were_cut_off_are_refused(state: Path) -> None:
    whole = (state / TENSORS).read_bytes()
    (state / TENSORS).write_bytes(whole[:-1])
    with pytest.raises(InputError, match=f"is not what {STATE} describes"):
        load_state(state)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema_version": 1}'])
def test_a_broken_state_is_refused(state: Path, text: str) -> None:
    (state / STATE).write_text(text)
    with pytest.raises(InputError):
        load_state(state)


def test_a_newer_state_is_refused(state: Path) -> None:
    raw = json.loads((state / STATE).read_text())
    (state / STATE).write_text(json.dumps({**raw, "schema_version": 3}))
    with pytest.raises(InputError, match="newer"):
        load_state(state)


def test_a_state_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no state"):
        load_state(tmp_path)


def test_a_state_of_another_shape_is_refused(state: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = store.build_backbone(
        "sasrec", {"n_items": N_ITEMS + 1, "embedding_size": 8, "n_layers": 1, "max_length": 6}
    )
    with pytest.raises(InputError, match="does not fit the model"):
        fit(other, tmp_path / "other", load_state(state).state)
