"""toolrec pretrain, toolrec train-encoder: a data set -> a backbone -> attribute-oriented retrieval tools."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.checkpoint import ModelCard, load
from toolrec_cli.models.company import chosen_item_vectors
from toolrec_cli.models.devices import AUTO, use_device
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.encoding import device_of, trainable_parameters
from toolrec_cli.models.fitting import fit_backbone
from toolrec_cli.models.losses import chosen_loss
from toolrec_cli.models.targets import TARGETS
from toolrec_cli.models.text_vectors import find_text_encoder
from toolrec_cli.models.training import TrainingSettings, chosen_batch_size, chosen_dropout, chosen_validation_users
from toolrec_cli.models.training_state import KeptState
from toolrec_cli.operations.ground import Ground, examples_of, prepare_ground
from toolrec_cli.operations.keeping import MINUTES, forget_state, saying_how_to_go_on, watching
from toolrec_cli.operations.processes import cores
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training_log import OnEpoch, TrainingLog
from toolrec_cli.progress import Progress, silent
from toolrec_cli.seeds import stream_seed
from toolrec_cli.storage.run_dir import RunDir, recording

BACKBONE_TRAINING = TrainingSettings()
ENCODER_TRAINING = TrainingSettings(epochs=3, learning_rate=3e-4, batch_size=32, patience=3, share=0.25)
"""An encoder on a frozen backbone has few numbers to learn: a part of the histories will do, in steps that are not too few."""
FULL_TRAINING = replace(ENCODER_TRAINING, share=1.0, batch_size=None)
"""With the backbone, all histories are learnt, so many a step as a backbone learns."""


@dataclass(frozen=True)
class BackbonePlan:
    """Which backbone to train, its shape (its configuration's fields), how, and on how many threads (None: all cores)."""

    name: str = "sasrec"
    shape: dict[str, Any] = field(default_factory=dict[str, Any])
    """Where it says nothing of `time_aware` or `dropout`, the data set decides: whether it has times, how long histories are.

    Where it says nothing of `relative_positions` or `ends`, a backbone that sees both sides has them: a gap has nothing else to
    go by, and few gaps are like the one where a list is asked for.
    """
    training: TrainingSettings = TrainingSettings()
    threads: int | None = None
    device: str = AUTO
    processes: int = 1
    """That train together; as torchrun has it."""
    checkpoint_minutes: float = MINUTES
    """After how many a state to go on from is kept within an epoch; 0: behind every epoch alone."""


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
    full: bool = False
    """Train a copy of the backbone and its item table together with the encoder, instead of leaving them frozen."""
    checkpoint_minutes: float = MINUTES
    text_encoder: str | None = None
    """Directory of a sentence-embedding model by whose vectors a text is read, too; other kinds of attribute pass it over."""


def split_settings(
    values: Mapping[str, Any], shape: Sequence[str], base: TrainingSettings = BACKBONE_TRAINING
) -> tuple[TrainingSettings, dict[str, Any]]:
    """(how to train, the model's shape) out of settings by name; what is None, or of neither kind, is left out.

    Raises UsageError for a rate at which nothing is learnt.
    """
    if values.get("learning_rate") == 0:
        raise UsageError("At a learning rate of 0 nothing is learnt.", hint="Type: --learning-rate 1e-3.")
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
    with saying_how_to_go_on("pretrain", ranks.launch), recording(setting.runs, manifest, setting.out) as run:
        fit_and_record(run, plan, model, dataset, on_epoch, progress, ranks=ranks)
    return run


def settled_plan(plan: BackbonePlan, seed: int, dataset: Dataset, ranks: Ranks) -> BackbonePlan:
    """The plan with all decided that was left open, but the device; processes of one machine share its cores."""
    training = settled(replace(plan.training, seed=seed), dataset)
    looked_at = training.validation_users or chosen_validation_users(_targets(dataset), len(dataset.catalog))
    training = replace(training, validation_users=looked_at)
    threads = plan.threads if ranks.alone else plan.threads or max(1, cores() // ranks.here)
    causal = store.BACKBONES.get(plan.name).causal
    chosen: dict[str, Any] = {
        "time_aware": dataset.timed,
        "dropout": chosen_dropout(_targets(dataset)),
        "relative_positions": not causal,
        **({} if causal else {"ends": True}),
    }
    return replace(plan, shape={**chosen, **plan.shape}, training=training, threads=threads, processes=ranks.size)


def fresh_backbone(plan: BackbonePlan, dataset: Dataset) -> Any:
    """The backbone of `plan`, not trained, where it will be. Raises UsageError for what can be no backbone of this data set."""
    if len(dataset.catalog) < 2:
        raise UsageError("A catalogue of one item leaves nothing to choose from.", hint="Prepare more data.")
    if plan.shape.get("time_aware") and not dataset.timed:
        raise UsageError(f"{dataset.name!r} has no times to be aware of.", hint="Leave out --time-aware.")
    device = use_device(plan.device)
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

    A state is kept in the run meanwhile; at the end it is removed.
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
    watch = watching(run, replace(plan, device=device_of(model).type), log, progress, kept, ranks)
    with ranks.together(device_of(model)):
        epochs = fit_backbone(model, examples_of(dataset, model), plan.training, watch)
    run.update(result=log.result(epochs))
    forget_state(run)


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
    plan = replace(plan, training=settled(replace(plan.training, seed=setting.seed), dataset))
    dataset.catalog.attribute(plan.attribute)
    start(setting.seed, plan.threads, f"encoder:{plan.attribute}")
    ground = ground or prepare_ground(setting, dataset, plan.backbone, plan.training, plan.device)
    plan = replace(plan, training=ground.training, backbone=plan.backbone or ground.backbone_run)
    plan = replace(plan, device=device_of(ground.backbone).type)
    encoder = fresh_encoder(plan, ground)
    inputs = {"backbone": ground.card.digest}
    manifest = setting.manifest("train-encoder", f"{dataset.name}-{plan.attribute}", dataset, inputs)
    about = {"attribute": plan.attribute, "full": plan.full, "backbone_run": ground.backbone_run}
    with (
        saying_how_to_go_on("train-encoder"),
        recording(setting.runs, replace(manifest, result=about), setting.out) as run,
    ):
        fit_and_record_encoder(run, plan, encoder, ground, on_epoch, progress)
    return run


def fresh_encoder(plan: EncoderPlan, ground: Ground) -> AttributeEncoder:
    """The encoder of a settled `plan`, not trained, where it will be; a full one begins with a copy of the backbone."""
    config = ground.config(plan.attribute, plan.shape)
    _check_heads(config)
    catalog = ground.dataset.catalog
    if plan.text_encoder is not None and catalog.attribute(plan.attribute).kind is Kind.TEXT:
        text = find_text_encoder(plan.text_encoder)
        config = replace(config, text_encoder=text.directory, text_digest=text.digest)
    start(plan.training.seed, plan.threads, f"encoder:{plan.attribute}")
    own = copy.deepcopy(ground.backbone) if plan.full else None
    cache = store.text_cache(ground.dataset)
    return store.build_encoder(config, catalog, own, cache).to(device_of(ground.backbone))


def fit_and_record_encoder(
    run: RunDir,
    plan: EncoderPlan,
    encoder: AttributeEncoder,
    ground: Ground,
    on_epoch: OnEpoch,
    progress: Progress,
    kept: KeptState | None = None,
) -> None:
    """Train `encoder` by a settled `plan` into `run`, from the beginning or from a state that was kept; then compare it.

    A state is kept in the run meanwhile; at the end it is removed.
    """
    card = ModelCard(
        role="encoder",
        name=plan.attribute,
        settings=store.settings_of_encoder(encoder, ground.card),
        dataset=ground.dataset.name,
        dataset_digest=ground.dataset.card.digest,
        n_parameters=trainable_parameters(encoder),
        backbone_digest=ground.card.digest,
        training=asdict(plan.training),
    )
    states = {} if plan.full else {"states_cpu_seconds": round(ground.states_seconds(progress), 1)}
    log = TrainingLog(run, card, encoder, on_epoch, kept.about["cpu_seconds"] if kept else 0.0)
    watch = watching(run, plan, log, progress, kept)
    epochs = ground.fit(encoder, watch)
    found = {"backbone_ndcg": ground.card.validation_ndcg, **states, **log.result(epochs)}
    run.update(result={**run.manifest.result, **found})
    if plan.controls:
        encoder.load_state_dict(load(run.path / "model")[1])
        run.update(result={**run.manifest.result, **ground.compare(encoder, progress)})
    forget_state(run)


def settled(training: TrainingSettings, dataset: Dataset) -> TrainingSettings:
    """The settings with all decided that was left open. Raises UsageError for a name that does not exist."""
    if training.targets not in TARGETS:
        raise UsageError(unknown("choice of targets", training.targets, TARGETS))
    n_items = len(dataset.catalog)
    vectors = chosen_item_vectors(training.item_vectors, n_items)
    size = training.batch_size or chosen_batch_size(_targets(dataset))
    return replace(training, loss=chosen_loss(training.loss, n_items), item_vectors=vectors, batch_size=size)


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
