"""Models on disk: config.json + weights.safetensors, never a pickle, each linked by digest to what it was made from."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from torch import Tensor

from toolrec_cli.errors import InputError
from toolrec_cli.storage import atomic
from toolrec_cli.storage.digests import file_digest, joint_digest

SCHEMA_VERSION = 1
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class ModelCard:
    """config.json. `digest` covers weights and settings; by it an encoder names its backbone (`backbone_digest`)."""

    role: str
    """ "backbone" or "encoder"."""
    name: str
    """The backbone's registry name, or the encoder's attribute."""
    settings: dict[str, Any]
    dataset: str
    dataset_digest: str
    n_parameters: int
    backbone_digest: str | None = None
    digest: str = ""
    validation_ndcg: float = 0.0
    training: dict[str, Any] = field(default_factory=dict[str, Any])
    schema_version: int = SCHEMA_VERSION


def save(directory: Path, card: ModelCard, state: dict[str, Tensor]) -> None:
    """Write a model, whole or not at all; what stood there is replaced."""
    with atomic.building(directory) as building:
        with atomic.unhidden(SafetensorError):
            safetensors.torch.save_file({name: t.cpu().contiguous() for name, t in state.items()}, building / WEIGHTS)
        atomic.write_json(building / CONFIG, {**asdict(card), "digest": model_digest(building, card)})


def read_card(directory: Path) -> ModelCard:
    """Read config.json. Raises InputError when it is missing, broken or newer than this program."""
    path = directory / CONFIG
    try:
        raw = json.loads(path.read_bytes())
        version = int(raw["schema_version"])
        if version <= SCHEMA_VERSION:
            return TypeAdapter(ModelCard).validate_python(raw)
    except FileNotFoundError as error:
        raise InputError(f"There is no model in {directory}.", hint="Train it again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({str(error).splitlines()[0]}).", hint="Train it again.") from error
    raise InputError(f"{path} has version {version}; this toolrec reads up to {SCHEMA_VERSION}.")


def model_digest(directory: Path, card: ModelCard) -> str:
    """SHA-256 over the weights and what makes them a model: the same numbers with other heads are another model."""
    settings = json.dumps([card.role, card.name, card.settings], sort_keys=True)
    return joint_digest([file_digest(directory / WEIGHTS), settings])


def load(directory: Path) -> tuple[ModelCard, dict[str, Tensor]]:
    """Read a model. Raises InputError when the weights are missing, cut off or not those of its card."""
    card = read_card(directory)
    path = directory / WEIGHTS
    if not path.is_file() or model_digest(directory, card) != card.digest:
        raise InputError(f"{path} is missing or altered: it is not what {CONFIG} describes.", hint="Train it again.")
    try:
        return card, safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read ({error}).", hint="Train it again.") from error
