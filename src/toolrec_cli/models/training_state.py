"""All that a training goes on from, between two epochs or within one, and its files: safetensors + JSON, never a pickle."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from torch import Tensor, nn

from toolrec_cli.errors import InputError
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.stepping import Stepper
from toolrec_cli.storage import atomic
from toolrec_cli.storage.digests import file_digest

SCHEMA_VERSION = 2
"""2: a state may be of the midst of an epoch."""
STATE = "state.json"
TENSORS = "state.safetensors"

_MODEL, _OPTIMISER, _RANDOM = "model.", "optimiser.", "random."


@dataclass(frozen=True)
class Begun:
    """An epoch that is not over: how many of its steps are, the sum of the loss over the targets of these, how it went."""

    epoch: int
    steps: int = 0
    total: float = 0.0
    positions: int = 0
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class TrainingState:
    """The epochs that are over, and by name every tensor of model, optimiser and torch's generators as they were then."""

    epochs: Sequence[Epoch]
    steps: int
    parts: int
    tensors: dict[str, Tensor]
    begun: Begun | None = None
    """The epoch in the midst of which it was; None between two."""


@dataclass(frozen=True)
class KeptState:
    """A state on disk, and what else its owner wrote down with it (`about`)."""

    state: TrainingState
    about: dict[str, Any] = field(default_factory=dict[str, Any])


def captured(model: nn.Module, stepper: Stepper, epochs: Sequence[Epoch], begun: Begun | None = None) -> TrainingState:
    """The state now. Tensors are not copied: write them down before the next step."""
    tensors = {f"{_MODEL}{name}": value for name, value in model.state_dict().items()}
    for index, values in stepper.optimiser.state_dict()["state"].items():
        tensors |= {f"{_OPTIMISER}{index}.{name}": value for name, value in values.items()}
    tensors |= {f"{_RANDOM}{device}": state for device, state in _generators(model).items()}
    return TrainingState(tuple(epochs), stepper.steps, stepper.parts, tensors, begun)


def restore(model: nn.Module, stepper: Stepper, state: TrainingState) -> None:
    """Put everything back: weights, the optimiser's moments, the place in the schedule, the generators.

    Raises InputError when it does not fit the model.
    """
    try:
        model.load_state_dict(_under(state, _MODEL))
    except RuntimeError as error:
        raise InputError(f"The state kept does not fit the model: {str(error).splitlines()[-1].strip()}") from error
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(state, _OPTIMISER).items():
        index, _, what = name.partition(".")
        moments.setdefault(int(index), {})[what] = value
    groups = stepper.optimiser.state_dict()["param_groups"]
    stepper.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    stepper.steps, stepper.parts = state.steps, state.parts
    for device, value in _under(state, _RANDOM).items():
        _set_generator(device, value)


def _under(state: TrainingState, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.tensors.items() if name.startswith(prefix)}


def _generators(model: nn.Module) -> dict[str, Tensor]:
    """Device type -> its generator's state; the processor's and that of the device the model lies on."""
    found = {"cpu": torch.get_rng_state()}
    device = next(model.parameters()).device.type
    if device == "cuda":
        found["cuda"] = torch.cuda.get_rng_state()
    if device == "mps":
        found["mps"] = torch.mps.get_rng_state()
    return found


def _set_generator(device: str, state: Tensor) -> None:
    setters = {"cpu": torch.set_rng_state, "cuda": torch.cuda.set_rng_state, "mps": torch.mps.set_rng_state}
    setters[device](state)


def save_state(directory: Path, kept: KeptState) -> None:
    """Write a state, whole or not at all; the one that stood there is replaced."""
    state = kept.state
    with atomic.building(directory) as building:
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
        with atomic.unhidden(SafetensorError):
            safetensors.torch.save_file(tensors, building / TENSORS)
        numbers = {
            "schema_version": SCHEMA_VERSION,
            "steps": state.steps,
            "parts": state.parts,
            "epochs": [asdict(epoch) for epoch in state.epochs],
            "begun": asdict(state.begun) if state.begun else None,
            "tensors_sha256": file_digest(building / TENSORS),
            "about": kept.about,
        }
        atomic.write_json(building / STATE, numbers)


def load_state(directory: Path) -> KeptState:
    """Read a state. Raises InputError when it is missing, altered, or newer than this program."""
    path = directory / STATE
    try:
        raw = json.loads(path.read_bytes())
        if int(raw["schema_version"]) > SCHEMA_VERSION:
            raise InputError(f"{path} is of a newer toolrec.", hint="Go on with the one that began.")
        if file_digest(directory / TENSORS) != raw["tensors_sha256"]:
            raise InputError(f"{directory / TENSORS} is not what {STATE} describes.", hint="Train again.")
        epochs = TypeAdapter(tuple[Epoch, ...]).validate_python(raw["epochs"])
        begun = TypeAdapter(Begun | None).validate_python(raw.get("begun"))
        tensors = safetensors.torch.load_file(directory / TENSORS)
        return KeptState(
            TrainingState(epochs, int(raw["steps"]), int(raw["parts"]), tensors, begun), dict(raw["about"])
        )
    except FileNotFoundError as error:
        raise InputError(f"{directory} holds no state to go on from.", hint="Train again.") from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({str(error).splitlines()[0]}).", hint="Train again.") from error
