"""toolrec train-encoder for several attributes at once: the backbone's states and the control are computed one time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.models.features import item_features
from toolrec_cli.operations.ground import Ground, prepare_ground
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import EncoderPlan, settled, start, train_encoder
from toolrec_cli.operations.training_log import OnEpoch
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir

ALL = "all"


def attributes_wanted(catalog: Catalog, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(attributes to train, why others are passed over): "all" stands for every one that an encoder can learn from.

    Raises UsageError for a name that does not exist, or that was typed and cannot be learnt from.
    """
    if ALL not in names or ALL in catalog.attributes:
        for name in names:
            item_features(catalog, name)
        return list(dict.fromkeys(names)), []
    usable: list[str] = []
    reasons: list[str] = []
    for name in catalog.attributes:
        try:
            item_features(catalog, name)
            usable.append(name)
        except UsageError as error:
            reasons.append(error.message)
    if not usable:
        raise UsageError("No attribute of this catalogue can be learnt from.", hint=" ".join(reasons) or None)
    return usable, reasons


def train_encoders(
    setting: Setting,
    dataset: Dataset,
    attributes: Sequence[str],
    plan: EncoderPlan,
    on_begin: Callable[[str], None] = lambda _: None,
    on_epoch: OnEpoch = lambda _: None,
    progress: Progress = silent,
) -> list[RunDir]:
    """Train an encoder for each of `attributes` as `plan` says (whose own attribute is not looked at); a run for each."""
    if setting.out is not None and len(attributes) > 1:
        raise UsageError("Several encoders do not fit into one run.", hint="Leave out --out, or name one --attr.")
    plan = replace(plan, training=settled(replace(plan.training, seed=setting.seed), dataset))
    start(setting.seed, plan.threads, "encoders")
    ground: Ground = prepare_ground(setting, dataset, plan.backbone, plan.training, plan.device)
    made: list[RunDir] = []
    for name in attributes:
        on_begin(name)
        made.append(train_encoder(setting, dataset, replace(plan, attribute=name), on_epoch, progress, ground))
    return made
