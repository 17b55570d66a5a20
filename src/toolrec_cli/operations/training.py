"""toolrec pretrain, toolrec train-encoder: a data set -> a backbone -> attribute-oriented retrieval tools."""

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError, WorkerLost, unknown
from toolrec_cli.models import store
from toolrec_cli.models.checkpoint import ModelCard, load
from toolrec_cli.models.devices import AUTO, find_device
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.encoding import device_of, trainable_parameters
from toolrec_cli.models.fitting import Watch, fit_backbone, fit_encoder
from toolrec_cli.models.losses import chosen_loss
from toolrec_cli.models.targets import TARGETS
from toolrec_cli.models.training import TrainingSettings, chosen_batch_size, chosen_dropout
from toolrec_cli.models.training_state import KeptState, TrainingState, save_state
from toolrec_cli.operations.ground import Ground, examples_of, prepare_ground
from toolrec_cli.operations.processes import cores
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training_log import OnEpoch, TrainingLog
from toolrec_cli.progress import Progress, silent
from toolrec_cli.seeds import stream_seed
from toolrec_cli.storage.run_dir import KEPT, RunDir, recording

RESUME = "resume"
"""Where in a run the state is kept that an interrupted training goes on from."""

BACKBONE_TRAINING = TrainingSettings()
ENCODER_TRAINING = TrainingSettings(epochs=3, learning_rate=3e-4, patience=3)


@dataclass(frozen=True)
class BackbonePlan:
    """Which backbone to train, its shape (its configuration's fields), how, and on how many threads (None: all cores)."""

    name: str = "sasrec"
    shape: dict[str, Any] = field(default_factory=dict[str, Any])
    """Where it says nothing of `time_aware` or `dropout`, the data set decides: whether it has times, how long histories are."""
    training: TrainingSettings = TrainingSettings()
    threads: int | None = None
    device: str = AUTO
    processes: int = 1
    """That train together; as torchrun has it."""


@dataclass(frozen=True)
class EncoderPlan:
    """Which attribute, on which backbone run (None: the newest), the encoder's shape, how, and on how many threads."""

    attribute: str
    backbone: str | None = None
    shape: dict[str, Any] = field(default_factory=dict[str, Any])
    training: TrainingSettings = ENCODER_TRAINING
    threads: int | None = None
    device: str = AUTO
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
    ranks: Ranks | None = None,
) -> RunDir:
    """Train a backbone on the training part; keep its best state by validation NDCG@10.

    `ranks`: the processes that train it together; this is the first, and the others `follow`.
    """
    ranks = ranks or Ranks()
    plan = settled_plan(plan, setting.seed, dataset, ranks)
    model = fresh_backbone(plan, dataset)
    manifest = setting.manifest("pretrain", f"{dataset.name}-{plan.name}", dataset)
    with saying_how_to_go_on(ranks.launch), recording(setting.runs, manifest, setting.out) as run:
        fit_and_record(run, plan, model, dataset, on_epoch, progress, ranks=ranks)
    return run


def settled_plan(plan: BackbonePlan, seed: int, dataset: Dataset, ranks: Ranks) -> BackbonePlan:
    """The plan with all decided that was left open, but the device; processes of one machine share its cores."""
    training = settled(replace(plan.training, seed=seed), dataset)
    threads = plan.threads if ranks.alone else plan.threads or max(1, cores() // ranks.here)
    shape = {"time_aware": dataset.timed, "dropout": chosen_dropout(_targets(dataset)), **plan.shape}
    return replace(plan, shape=shape, training=training, threads=threads, processes=ranks.size)


@contextmanager
def saying_how_to_go_on(launch: str = "toolrec") -> Generator[None]:
    """On Ctrl-C, or where another process is gone, beside what is kept, the command that goes on with it."""
    try:
        yield
    except (KeyboardInterrupt, WorkerLost) as stopped:
        notes: list[str] = getattr(stopped, "__notes__", [])
        kept = [note.removeprefix(KEPT).removesuffix(".") for note in notes if note.startswith(KEPT)]
        if kept and (Path(kept[0]) / RESUME).is_dir():
            stopped.add_note(f"Go on: {launch} pretrain --resume {quote(kept[0])}")
        raise


def fresh_backbone(plan: BackbonePlan, dataset: Dataset) -> Any:
    """The backbone of `plan`, not trained, where it will be. Raises UsageError for what can be no backbone of this data set."""
    if len(dataset.catalog) < 2:
        raise UsageError("A catalogue of one item leaves nothing to choose from.", hint="Prepare more data.")
    if plan.shape.get("time_aware") and not dataset.timed:
        raise UsageError(f"{dataset.name!r} has no times to be aware of.", hint="Leave out --time-aware.")
    device = find_device(plan.device)
    start(plan.training.seed, plan.threads, "pretrain")
    model = store.build_backbone(plan.name, {"n_items": len(dataset.catalog), **plan.shape})
    _check_heads(model.config)
    return model.to(device)


def fit_and_record(
    run: RunDir,
    plan: BackbonePlan,
    model: Any,
    dataset: Dataset,
    on_epoch: OnEpoch,
    progress: Progress,
    kept: KeptState | None = None,
    ranks: Ranks | None = None,
) -> None:
    """Train `model` by a settled `plan` into `run`, from the beginning or from a state that was kept; `ranks` train together.

    After every epoch a state is kept in the run; at the end it is removed.
    """
    card = ModelCard(
        role="backbone",
        name=plan.name,
        settings=store.settings_of(model),
        dataset=dataset.name,
        dataset_digest=dataset.card.digest,
        n_parameters=trainable_parameters(model),
        training=asdict(plan.training),
    )
    ranks = ranks or Ranks()
    log = TrainingLog(run, card, model, on_epoch, kept.about["cpu_seconds"] if kept else 0.0, ranks)
    exactly = replace(plan, threads=torch.get_num_threads(), device=device_of(model).type)

    def keep(state: TrainingState) -> None:
        about = {"plan": asdict(exactly), "cpu_seconds": log.cpu_seconds}
        save_state(run.path / RESUME, KeptState(state, about))

    watch = Watch(log.best, log.epoch, progress, keep, kept.state if kept else None, ranks)
    with ranks.together(device_of(model)):
        epochs = fit_backbone(model, examples_of(dataset, model), plan.training, watch)
    run.update(result=log.result(epochs))
    shutil.rmtree(run.path / RESUME, ignore_errors=True)


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
    ground = ground or prepare_ground(setting, dataset, plan.backbone, training, progress, plan.device)
    config = ground.config(plan.attribute, plan.shape)
    _check_heads(config)
    start(setting.seed, plan.threads, f"encoder:{plan.attribute}")
    encoder = store.build_encoder(config, dataset.catalog).to(device_of(ground.backbone))
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
        log = TrainingLog(run, card, encoder, on_epoch)
        watch = Watch(log.best, log.epoch, progress)
        epochs = fit_encoder(ground.backbone, encoder, ground.examples, training, watch, ground.frozen)
        run.update(result={**run.manifest.result, **_of_encoder(ground), **log.result(epochs)})
        if plan.controls:
            encoder.load_state_dict(load(run.path / "model")[1])
            run.update(result={**run.manifest.result, "controls": ground.compare(encoder, progress)})
    return run


def _of_encoder(ground: Ground) -> dict[str, Any]:
    return {"backbone_ndcg": ground.card.validation_ndcg, "states_cpu_seconds": round(ground.states_seconds, 1)}


def settled(training: TrainingSettings, dataset: Dataset) -> TrainingSettings:
    """The settings with all decided that was left open. Raises UsageError for a name that does not exist."""
    if training.targets not in TARGETS:
        raise UsageError(unknown("choice of targets", training.targets, TARGETS))
    size = training.batch_size or chosen_batch_size(_targets(dataset))
    return replace(training, loss=chosen_loss(training.loss, len(dataset.catalog)), batch_size=size)


def _targets(dataset: Dataset) -> float:
    """How many interactions a user has to learn from, on average."""
    return dataset.card.counts["train"] / max(1, dataset.card.counts["users"])


def _check_heads(config: Any) -> None:
    if config.embedding_size % config.n_heads:
        raise UsageError(f"{config.n_heads} heads do not divide a width of {config.embedding_size}.")


def start(seed: int, threads: int | None, name: str) -> None:
    """Threads from the cores this process may use; initial weights from the seed's own stream."""
    torch.set_num_threads(threads or cores())
    torch.manual_seed(stream_seed(seed, name, "initial weights"))
