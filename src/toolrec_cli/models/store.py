"""Trained models in a workspace: which run holds which, and whether it fits the data set and the backbone at hand."""

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.checkpoint import CONFIG, ModelCard, load, read_card
from toolrec_cli.models.features import item_features
from toolrec_cli.models.full_encoder import encoder_of
from toolrec_cli.models.text_vectors import TextEncoder, text_vectors
from toolrec_cli.registry import Registry
from toolrec_cli.storage.run_dir import RunDir, find_run, list_runs

OWN = "own_backbone"
"""Under what a full encoder's settings say what its backbone is."""

BACKBONES: Registry[Any] = Registry("toolrec_cli.models.backbones", "BACKBONE", "backbone")


def build_backbone(name: str, settings: dict[str, Any]) -> Any:
    """A fresh backbone; `settings` are its configuration's fields."""
    factory = BACKBONES.get(name)
    return factory(TypeAdapter(factory.Config).validate_python(settings))


def build_encoder(
    config: EncoderConfig, catalog: Catalog, own: Any | None = None, cache: Path | None = None
) -> AttributeEncoder:
    """A fresh encoder for one attribute of the catalogue: on a frozen backbone, or with one of its `own`.

    The vectors of a text encoder are kept in `cache` (needed with one).
    """
    vectors = None
    if config.text_digest:
        assert cache is not None
        encoder = TextEncoder(config.text_encoder, config.text_digest)
        vectors = text_vectors(encoder, catalog.values(config.attribute), cache)
    return encoder_of(config, item_features(catalog, config.attribute, vectors), own)


def text_cache(dataset: Dataset) -> Path:
    """Where the workspace of a data set keeps vectors of its texts."""
    return dataset.directory.parent.parent / "cache" / "texts"


def settings_of(model: Any) -> dict[str, Any]:
    """The configuration of a model, as stored."""
    return asdict(model.config)


def settings_of_encoder(encoder: AttributeEncoder, backbone: ModelCard) -> dict[str, Any]:
    """The configuration of an encoder on the model of the card `backbone`, as stored; and what its own one is, if it has one."""
    own = {} if encoder.own_backbone is None else {OWN: {"name": backbone.name, "settings": backbone.settings}}
    return {**asdict(encoder.config), **own}


def find_backbone(runs: Path, dataset: Dataset, name: str | None) -> tuple[RunDir, ModelCard]:
    """The backbone run called `name`, or the newest finished one trained on exactly this data set.

    Raises InputError with the next command to type.
    """
    if name is not None:
        run = _named(runs, dataset, name)
        card = read_card(run.path / "model")
        if card.role != "backbone":
            raise InputError(
                f"{run.path} holds an {card.role} ({card.name}), not a backbone.", hint="Name a pretrain run."
            )
        _check_dataset(run, card, dataset)
        return run, card
    for run in list_runs(runs):
        if run.manifest.verb == "pretrain" and _is_for(run, dataset):
            return run, read_card(run.path / "model")
    raise InputError(
        f"No backbone is trained on {dataset.name!r}{_stale(runs, dataset)}.",
        hint=f"Type: toolrec pretrain {dataset.name}",
    )


@dataclass(frozen=True)
class Chosen:
    """The backbone that is explored with."""

    run: RunDir
    card: ModelCard
    named: str | None = None
    """What --backbone has to say to mean it in a command to type; None where it is the newest, which need not be named."""
    passed_over: RunDir | None = None
    """The newest backbone, where that is another and has no encoder."""


def choose_backbone(runs: Path, dataset: Dataset, name: str | None, *, full: bool = False) -> Chosen:
    """The backbone to explore with: the run called `name`, or the newest one with an encoder (a `full` one), or the newest.

    Raises InputError with the next command to type, as `find_backbone` does.
    """
    newest, card = find_backbone(runs, dataset, name)
    if name is not None:
        return Chosen(newest, card, name)
    fitting = [run for run in list_runs(runs) if _is_for(run, dataset)]
    encoders = [run.manifest for run in fitting if run.manifest.verb == "train-encoder"]
    served = {one.inputs.get("backbone") for one in encoders if one.result.get("full") or not full}
    for run in fitting:
        if run.manifest.verb == "pretrain" and run.manifest.result.get("digest") in served:
            return (
                Chosen(newest, card)
                if run.path == newest.path
                else Chosen(run, read_card(run.path / "model"), run.name, newest)
            )
    return Chosen(newest, card)


def _named(runs: Path, dataset: Dataset, name: str) -> RunDir:
    """The run called `name`. Raises InputError with the near miss; of a kind of backbone, with the newest run of that kind."""
    try:
        return find_run(runs, name)
    except InputError:
        if name not in BACKBONES.names():
            raise
    newest = find_backbones(runs, dataset).get(name)
    if newest is not None:
        hint = f"Type: --backbone {newest.name} for the newest {name} on {dataset.name!r}."
    else:
        hint = f"No {name} is trained on {dataset.name!r}. Type: toolrec pretrain {dataset.name} --backbone {name}"
    raise InputError(f"--backbone takes a run here, and {name!r} is a kind of backbone.", hint=hint)


def find_backbones(runs: Path, dataset: Dataset) -> dict[str, RunDir]:
    """The newest finished run of each kind of backbone trained on exactly this data set, newest first."""
    found: dict[str, RunDir] = {}
    for run in list_runs(runs):
        if run.manifest.verb == "pretrain" and _is_for(run, dataset):
            found.setdefault(read_card(run.path / "model").name, run)
    return found


def find_encoders(runs: Path, dataset: Dataset, backbone_digest: str, *, full: bool = False) -> dict[str, RunDir]:
    """The newest finished encoder of each attribute on exactly this backbone, in the catalogue's order.

    Those for which it was left frozen, or the `full` ones, which began with it.
    """
    found: dict[str, RunDir] = {}
    for run in list_runs(runs):
        one = run.manifest
        on_it = one.verb == "train-encoder" and _is_for(run, dataset) and one.inputs.get("backbone") == backbone_digest
        if on_it and bool(one.result.get("full")) is full:
            found.setdefault(str(one.result["attribute"]), run)
    return {name: found[name] for name in dataset.catalog.attributes if name in found}


def choose_encoders(
    runs: Path,
    dataset: Dataset,
    backbone_digest: str,
    wanted: list[str] | None,
    backbone: str | None = None,
    *,
    full: bool = False,
) -> dict[str, RunDir]:
    """The encoders of the attributes wanted (None: all there are); `backbone` is the run that was named, if one was.

    `full` takes full ones alone; otherwise one is taken only where an attribute has no other. A backbone without encoders, and a
    catalogue without attributes, are explored with the backbone alone.

    Raises InputError when one that is wanted is missing; or all, where only full ones are.
    """
    found = find_encoders(runs, dataset, backbone_digest, full=True)
    if not full:
        found |= find_encoders(runs, dataset, backbone_digest)
    found = {name: found[name] for name in dataset.catalog.attributes if name in found}
    for name in wanted or ():
        dataset.catalog.attribute(name)
        if name not in found:
            raise _no_encoder(dataset, f"The attribute {name!r} has no", "on this backbone.", name, backbone, full=full)
    if wanted is not None:
        return {name: found[name] for name in wanted}
    if full and not found and dataset.catalog.attributes:
        where = f"is trained on this backbone of {dataset.name!r}."
        raise _no_encoder(dataset, "No attribute", where, next(iter(dataset.catalog.attributes)), backbone, full=full)
    return found


def _no_encoder(
    dataset: Dataset, whose: str, where: str, attribute: str, backbone: str | None, *, full: bool
) -> InputError:
    """With the command that trains the encoder of `attribute`, on the backbone that was named, if one was."""
    options = (f" --backbone {shlex.quote(backbone)}" if backbone else "") + (" --full" if full else "")
    hint = f"Type: toolrec train-encoder {dataset.name} --attr {shlex.quote(attribute)}{options}"
    return InputError(f"{whose} {'full ' * full}encoder {where}", hint=hint)


def find_ranker(runs: Path, dataset: Dataset, inputs: dict[str, str]) -> RunDir | None:
    """The newest finished tuning on exactly this data set, backbone and encoders; None when there is none."""
    for run in list_runs(runs):
        if run.manifest.verb == "tune" and _is_for(run, dataset) and run.manifest.inputs == inputs:
            return run
    return None


def load_backbone(run: RunDir, dataset: Dataset) -> Any:
    """The trained backbone of a run, ready to encode."""
    card, state = load(run.path / "model")
    _check_dataset(run, card, dataset)
    with _sensible(run):
        return _filled(build_backbone(card.name, card.settings), state)


def load_encoder(run: RunDir, dataset: Dataset, backbone_digest: str) -> AttributeEncoder:
    """The trained encoder of a run. Raises InputError when it was trained on another backbone or data set."""
    card, state = load(run.path / "model")
    _check_dataset(run, card, dataset)
    if card.backbone_digest != backbone_digest:
        raise InputError(
            f"{run.path} was trained on the backbone {str(card.backbone_digest)[:12]}, not on {backbone_digest[:12]}.",
            hint=f"Type: toolrec train-encoder {dataset.name} --attr {shlex.quote(card.name)}",
        )
    with _sensible(run):
        config = TypeAdapter(EncoderConfig).validate_python(card.settings)
        own = card.settings.get(OWN)
        backbone = build_backbone(own["name"], own["settings"]) if own else None
        return _filled(build_encoder(config, dataset.catalog, backbone, text_cache(dataset)), state)


@contextmanager
def _sensible(run: RunDir) -> Generator[None]:
    """Raises InputError where a card's settings make no model."""
    try:
        yield
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{run.path / 'model' / CONFIG} makes no sense ({reason}).", hint="Train it again.") from error


def _filled(model: Any, state: dict[str, torch.Tensor]) -> Any:
    try:
        nn.Module.load_state_dict(model, state)
    except RuntimeError as error:
        raise InputError(f"The stored weights do not fit the model: {str(error).splitlines()[-1].strip()}") from error
    return model.eval()


def _is_for(run: RunDir, dataset: Dataset) -> bool:
    return run.manifest.status == "done" and run.manifest.dataset_digest == dataset.card.digest


def _stale(runs: Path, dataset: Dataset) -> str:
    """Why a backbone of the same data set's name does not serve."""
    same = [run for run in list_runs(runs) if run.manifest.verb == "pretrain" and run.manifest.dataset == dataset.name]
    if any(run.manifest.status != "done" and run.manifest.dataset_digest == dataset.card.digest for run in same):
        return " (one was interrupted: name it with --backbone to use it as it is; toolrec pretrain --resume goes on with it)"
    return " (there is one for an earlier version of the data set)" if same else ""


def _check_dataset(run: RunDir, card: ModelCard, dataset: Dataset) -> None:
    if card.dataset_digest != dataset.card.digest:
        raise InputError(
            f"{run.path} was trained on {card.dataset!r} ({card.dataset_digest[:12]}), not on this {dataset.name!r} "
            f"({dataset.card.digest[:12]}).",
            hint="Train again, or prepare the same data.",
        )
