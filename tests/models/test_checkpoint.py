"""Models on disk: what was written is what is read, and what is not is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from storage.small_disk import room_for
from toolrec_cli.errors import InputError
from toolrec_cli.models.checkpoint import (
    CONFIG,
    SCHEMA_VERSION,
    WEIGHTS,
    ModelCard,
    load,
    model_digest,
    read_card,
    save,
)

CARD = ModelCard("backbone", "sasrec", {"n_items": 3, "dropout": 0.5}, "toys", "d" * 64, n_parameters=8)
STATE = {"a": torch.tensor([[1.0, -0.0], [1e-40, 3.0]]), "b": torch.arange(4)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(tmp_path / "model", CARD, STATE)
    return tmp_path / "model"


def edit(model: Path, **changed: Any) -> None:
    raw = json.loads((model / CONFIG).read_text())
    (model / CONFIG).write_text(json.dumps(raw | changed))


def test_what_was_saved_is_read_to_the_bit(model: Path) -> None:
    card, state = load(model)
    assert state.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert state[name].dtype == tensor.dtype
        assert state[name].numpy().tobytes() == tensor.numpy().tobytes()
    assert card == ModelCard(**{**vars(CARD), "digest": model_digest(model, CARD)})


def test_a_model_is_two_files_and_no_pickle(model: Path) -> None:
    assert sorted(path.name for path in model.iterdir()) == [CONFIG, WEIGHTS]
    assert json.loads((model / CONFIG).read_text())["schema_version"] == SCHEMA_VERSION
    assert safetensors.torch.load_file(model / WEIGHTS).keys() == STATE.keys()


def test_slices_and_transposed_tensors_are_stored_as_they_look(tmp_path: Path) -> None:
    table = torch.arange(6.0).view(2, 3)
    save(tmp_path / "model", CARD, {"transposed": table.T, "column": table[:, 1]})
    _, state = load(tmp_path / "model")
    assert state["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert state["column"].tolist() == [1, 4]


def test_saving_again_replaces_the_model_whole(model: Path) -> None:
    (model / "stray.txt").write_text("x")
    save(model, CARD, {"a": torch.zeros(1)})
    assert load(model)[1]["a"].tolist() == [0]
    assert sorted(path.name for path in model.iterdir()) == [CONFIG, WEIGHTS]
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_save_that_fails_leaves_the_model_as_it_was(model: Path) -> None:
    with pytest.raises(OSError, match="File too large"), room_for(1000):
        save(model, CARD, {"large": torch.zeros(5000)})
    assert load(model)[1]["b"].tolist() == [0, 1, 2, 3]
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_there_is_no_model(tmp_path: Path) -> None:
    for read in (read_card, load):
        with pytest.raises(InputError, match=f"There is no model in {tmp_path}"):
            read(tmp_path)


def test_a_card_that_is_none(model: Path) -> None:
    for text in ("", "{", "[]", "null", '{"role": "backbone"}', "\xff"):
        (model / CONFIG).write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match=f"{CONFIG} cannot be read") as caught:
            load(model)
        assert caught.value.hint == "Train it again."


def test_weights_that_are_not_there(model: Path) -> None:
    (model / WEIGHTS).unlink()
    assert read_card(model).name == "sasrec"
    with pytest.raises(InputError, match=f"{WEIGHTS} is missing or altered"):
        load(model)


def test_weights_cut_off_anywhere(model: Path) -> None:
    whole = (model / WEIGHTS).read_bytes()
    for size in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        (model / WEIGHTS).write_bytes(whole[:size])
        with pytest.raises(InputError, match=f"{WEIGHTS} is missing or altered"):
            load(model)


def test_weights_with_one_bit_changed(model: Path) -> None:
    raw = bytearray((model / WEIGHTS).read_bytes())
    raw[-1] ^= 1
    (model / WEIGHTS).write_bytes(raw)
    with pytest.raises(InputError, match=f"{WEIGHTS} is missing or altered"):
        load(model)


def test_weights_that_never_were_any(model: Path) -> None:
    (model / WEIGHTS).write_bytes(b"PK\x03\x04 a pickle, perhaps")
    edit(model, digest=model_digest(model, CARD))
    with pytest.raises(InputError, match=f"{WEIGHTS} cannot be read"):
        load(model)


def test_a_newer_model_is_refused_by_its_version(model: Path) -> None:
    edit(model, schema_version=SCHEMA_VERSION + 1, flavour="new")
    for read in (read_card, load):
        with pytest.raises(InputError, match=f"has version {SCHEMA_VERSION + 1}; this toolrec reads up to"):
            read(model)


def test_a_newer_model_of_another_make_is_refused_by_its_version_too(model: Path) -> None:
    """To train it again is no answer to a model that is in order."""
    (model / CONFIG).write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1, "settings": ["other"]}))
    with pytest.raises(InputError, match=f"has version {SCHEMA_VERSION + 1}"):
        read_card(model)


def test_fields_that_have_come_since_are_filled_in(model: Path) -> None:
    raw = json.loads((model / CONFIG).read_text())
    for name in ("training", "validation_ndcg", "backbone_digest"):
        del raw[name]
    (model / CONFIG).write_text(json.dumps(raw))
    assert (read_card(model).training, read_card(model).validation_ndcg) == ({}, 0.0)
