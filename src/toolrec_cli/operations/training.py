"""toolrec pretrain, toolrec train-encoder: a data set -> a backbone -> attribute-oriented retrieval tools."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.models import store
from toolrec_cli.models.checkpoint import ModelCard, load, read_card, save
from toolrec_cli.models.encoding import trainable_parameters
from toolrec_cli.models.fitting import Watch, fit_backbone, fit_encoder
from toolrec_cli.models.losses import chosen_loss
from toolrec_cli.models.targets import TARGETS
from toolrec_cli.models.training import Epoch, TrainingSettings
from toolrec_cli.operations.ground import Ground, examples_of, prepare_ground
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.seeds import stream_seed
from toolrec_cli.storage.run_dir import RunDir, recording

OnEpoch = Callable[[Epoch], None]

BACKBONE_TRAINING = TrainingSettings()
ENCODER_TRAINING = TrainingSettings(epochs=3, learning_rate=3e-4, batch_size=32, patience=3)


@dataclass(frozen=True)
class BackbonePlan:
    """Which backbone to train, its shape (its configuration's fields), how, and on how many threads (None: all cores)."""

    name: str = "sasrec"
    shape: dict[str, Any] = field(default_factory=dict[str, Any])
    training: TrainingSettings = TrainingSettings()
    threads: int | None = None


@dataclass(frozen=True)
class EncoderPlan:
    """Which attribute, on which backbone run (None: the newest), the encoder's shape, how, and on how many threads."""

    attribute: str
    backbone: str | None = None
    shape: dict[str, Any] = field(default_factory=dict[str, Any])
    training: TrainingSettings = ENCODER_TRAINING
    threads: int | None = None
    controls: bool = True
    """Also train the head without the attribute, and compare."""


def split_settings(
    values: Mapping[str, Any], shape: Sequence[str], base: TrainingSettings = BACKBONE_TRAINING
) -> tuple[TrainingSettings, dict[str, Any]]:
    """(how to train, the model's shape) out of settings by name; what is None, or of neither kind, is left out."""
    known = {field.name for field in fields(TrainingSettings)}
    there = {name: value for name, value in values.items() if value is not None}
    training = replace(base, **{name: value for name, value in there.items() if name in known})
    return training, {name: value for name, value in there.items() if name in shape}


def pretrain(
    setting: Setting,
    dataset: Dataset,
    plan: BackbonePlan,
    on_epoch: OnEpoch = lambda _: None,
    progress: Progress = silent,
) -> RunDir:
    """Train a backbone on the training part; keep its best state by validation NDCG@10."""
    training = settled(replace(plan.training, seed=setting.seed), dataset)
    start(setting.seed, plan.threads, "pretrain")
    model = store.build_backbone(plan.name, {"n_items": len(dataset.catalog), **plan.shape})
    _check_heads(model.config)
    with recording(
        setting.runs, setting.manifest("pretrain", f"{dataset.name}-{plan.name}", dataset), setting.out
    ) as run:
        card = ModelCard(
            role="backbone",
            name=plan.name,
            settings=store.settings_of(model),
            dataset=dataset.name,
            dataset_digest=dataset.card.digest,
            n_parameters=trainable_parameters(model),
            training=asdict(training),
        )
        log = _Log(run, card, model, on_epoch)
        epochs = fit_backbone(model, examples_of(dataset), training, Watch(log.best, log.epoch, progress))
        run.update(result=log.result(epochs))
    return run


def train_encoder(
    setting: Setting,
    dataset: Dataset,
    plan: EncoderPlan,
    on_epoch: OnEpoch = lambda _: None,
    progress: Progress = silent,
    ground: Ground | None = None,
) -> RunDir:
    """Train one attribute's encoder on the frozen backbone; store only what was trained, linked to the backbone by digest.

    `ground` is at hand where several are trained on the same backbone with the same settings.
    """
    training = settled(replace(plan.training, seed=setting.seed), dataset)
    dataset.catalog.attribute(plan.attribute)
    start(setting.seed, plan.threads, f"encoder:{plan.attribute}")
    ground = ground or prepare_ground(setting, dataset, plan.backbone, training, progress)
    config = ground.config(plan.attribute, plan.shape)
    _check_heads(config)
    start(setting.seed, plan.threads, f"encoder:{plan.attribute}")
    encoder = store.build_encoder(config, dataset.catalog)
    inputs = {"backbone": ground.card.digest}
    manifest = setting.manifest("train-encoder", f"{dataset.name}-{plan.attribute}", dataset, inputs)
    manifest = replace(manifest, result={"attribute": plan.attribute, "backbone_run": ground.backbone_run})
    with recording(setting.runs, manifest, setting.out) as run:
        card = ModelCard(
            role="encoder",
            name=plan.attribute,
            settings=asdict(config),
            dataset=dataset.name,
            dataset_digest=dataset.card.digest,
            n_parameters=trainable_parameters(encoder),
            backbone_digest=ground.card.digest,
            training=asdict(training),
        )
        log = _Log(run, card, encoder, on_epoch)
        watch = Watch(log.best, log.epoch, progress)
        epochs = fit_encoder(ground.backbone, encoder, ground.examples, training, watch, ground.frozen)
        run.update(result={**run.manifest.result, **_of_encoder(ground), **log.result(epochs)})
        if plan.controls:
            encoder.load_state_dict(load(run.path / "model")[1])
            run.update(result={**run.manifest.result, "controls": ground.compare(encoder, progress)})
    return run


def _of_encoder(ground: Ground) -> dict[str, Any]:
    return {"backbone_ndcg": ground.card.validation_ndcg, "states_cpu_seconds": round(ground.states_seconds, 1)}


class _Log:
    """Keeps the best model and a line an epoch in the run's directory, while training goes on."""

    def __init__(self, run: RunDir, card: ModelCard, model: Any, on_epoch: OnEpoch) -> None:
        self._run, self._card, self._model, self._on_epoch = run, card, model, on_epoch
        self._improved = False
        self._cpu = time.process_time()

    def best(self) -> None:
        self._improved = True

    def epoch(self, epoch: Epoch) -> None:
        if self._improved:
            card = replace(self._card, validation_ndcg=epoch.ndcg)
            save(self._run.path / "model", card, self._model.state_dict())
            self._improved = False
        line = {**asdict(epoch), "cpu_seconds": round(time.process_time() - self._cpu, 2)}
        self._run.append_json("metrics.jsonl", line)
        self._on_epoch(epoch)

    def result(self, epochs: list[Epoch]) -> dict[str, Any]:
        best = max((e for e in epochs if e.best), key=lambda e: e.ndcg)
        return {
            "epochs": len(epochs),
            "best_epoch": best.epoch,
            "validation_ndcg@10": best.ndcg,
            "loss": self._card.training["loss"],
            "n_parameters": self._card.n_parameters,
            "digest": read_card(self._run.path / "model").digest,
            "cpu_seconds": round(time.process_time() - self._cpu, 1),
        }


def settled(training: TrainingSettings, dataset: Dataset) -> TrainingSettings:
    """The settings with "auto" decided. Raises UsageError for a name that does not exist."""
    if training.targets not in TARGETS:
        raise UsageError(unknown("choice of targets", training.targets, TARGETS))
    return replace(training, loss=chosen_loss(training.loss, len(dataset.catalog)))


def _check_heads(config: Any) -> None:
    if config.embedding_size % config.n_heads:
        raise UsageError(f"{config.n_heads} heads do not divide a width of {config.embedding_size}.")


def start(seed: int, threads: int | None, name: str) -> None:
    """Threads from the cores this process may use; initial weights from the seed's own stream."""
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(stream_seed(seed, name, "initial weights"))
