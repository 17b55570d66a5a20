"""The built-in sample, made ready for exploring: small models, trained in about a minute."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.models import store
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.operations.training_log import OnEpoch
from toolrec_cli.progress import Progress

ATTRIBUTES = ("genre", "release_year", "director")
BACKBONE_TRAINING = TrainingSettings(epochs=8)
ENCODER_TRAINING = TrainingSettings(epochs=2, learning_rate=3e-4, batch_size=16)

Train = Callable[[OnEpoch, Progress], object]


def sample_plans(setting: Setting, dataset: Dataset) -> Iterator[tuple[str, Train]]:
    """(what is done, how to do it) for everything that is still missing, in order."""
    setting = replace(setting, out=None)
    try:
        _, card = store.find_backbone(setting.runs, dataset, None)
    except InputError:
        plan = BackbonePlan(training=replace(BACKBONE_TRAINING, seed=setting.seed))
        yield (
            "Training a small SASRec backbone on it.",
            lambda on_epoch, progress: pretrain(setting, dataset, plan, on_epoch, progress),
        )
        _, card = store.find_backbone(setting.runs, dataset, None)
    if card.training["seed"] != setting.seed or card.training["epochs"] != BACKBONE_TRAINING.epochs:
        return  # a backbone that somebody trained on purpose is for him to add tools to
    there = store.find_encoders(setting.runs, dataset, card.digest)
    for name in ATTRIBUTES:
        if name not in there:
            yield f"Training the retrieval tool for {name}.", _encoder(setting, dataset, name)


def _encoder(setting: Setting, dataset: Dataset, name: str) -> Train:
    plan = EncoderPlan(name, training=replace(ENCODER_TRAINING, seed=setting.seed), controls=False)
    return lambda on_epoch, progress: train_encoder(setting, dataset, plan, on_epoch, progress)
