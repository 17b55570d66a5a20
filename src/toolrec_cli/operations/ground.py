"""What all encoders on one backbone share under the same settings: its frozen states, and the control without an attribute."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.checkpoint import ModelCard
from toolrec_cli.models.controls import NO_ATTRIBUTE, Matched, Validation, blank_encoder, compared, true_values
from toolrec_cli.models.devices import AUTO, find_device
from toolrec_cli.models.encoding import device_of
from toolrec_cli.models.fitting import Examples, Watch, fit_encoder, frozen_states, matched, validation_of
from toolrec_cli.models.frozen import FrozenStates
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream_seed


@dataclass(frozen=True)
class Ground:
    """A backbone and what was computed on it once: `states_seconds` of CPU time for the frozen states."""

    dataset: Dataset
    backbone: Any
    card: ModelCard
    backbone_run: str
    examples: Examples
    training: TrainingSettings
    frozen: FrozenStates
    states_seconds: float
    validation: Validation
    controls: dict[EncoderConfig, Matched] = field(default_factory=dict[EncoderConfig, Matched])
    """The control of each shape, over the validation users, once it is trained."""

    def config(self, attribute: str, shape: Mapping[str, Any]) -> EncoderConfig:
        """The configuration of an encoder on this backbone."""
        found = self.backbone.config
        return EncoderConfig(attribute, found.embedding_size, found.max_length, **shape)

    def compare(self, encoder: AttributeEncoder, progress: Progress) -> dict[str, dict[str, float]]:
        """An encoder beside the backbone alone and the same head without the attribute, on the validation users."""
        config = replace(encoder.config, attribute=NO_ATTRIBUTE)
        if config not in self.controls:
            self.controls[config] = self._control(config, progress)
        models = {
            "backbone": matched(self.backbone, self.validation),
            "no_attribute": self.controls[config],
            "encoder": matched(self.backbone, self.validation, encoder),
        }
        catalog, attribute = self.dataset.catalog, encoder.config.attribute
        values = true_values(catalog, attribute, self.validation.targets, self.training.seed)
        return compared(self.validation, models, values)

    def _control(self, config: EncoderConfig, progress: Progress) -> Matched:
        """The head without the attribute, trained as the encoders are, at its best by validation NDCG@10."""
        torch.manual_seed(stream_seed(self.training.seed, f"encoder:{NO_ATTRIBUTE}", "initial weights"))
        encoder = blank_encoder(config, len(self.dataset.catalog)).to(device_of(self.backbone))
        kept: dict[str, torch.Tensor] = {}

        def keep() -> None:
            kept.update({name: value.clone() for name, value in encoder.state_dict().items()})

        def shown(task: str, done: int, total: int, note: str = "") -> None:
            progress(f"{task} the control", done, total, note)

        watch = Watch(keep, lambda _: None, shown)
        fit_encoder(self.backbone, encoder, self.examples, self.training, watch, self.frozen)
        encoder.load_state_dict(kept)
        return matched(self.backbone, self.validation, encoder)


def prepare_ground(
    setting: Setting,
    dataset: Dataset,
    backbone: str | None,
    training: TrainingSettings,
    progress: Progress,
    device: str = AUTO,
) -> Ground:
    """Load a backbone and compute its states. Raises InputError with the next command when there is none."""
    run, card = store.find_backbone(setting.runs, dataset, backbone)
    model = store.load_backbone(run, dataset).to(find_device(device))
    examples = examples_of(dataset, model)
    started = time.process_time()
    frozen = frozen_states(model, examples, training, progress)
    seconds = time.process_time() - started
    validation = validation_of(examples, training)
    return Ground(dataset, model, card, run.name, examples, training, frozen, seconds, validation)


def examples_of(dataset: Dataset, backbone: Any) -> Examples:
    """Validation items are what training may look at; test items are not read. Times are, where the backbone reads them."""
    untimed = not getattr(backbone.config, "time_aware", False)
    return Examples(dataset.before(Part.VALIDATION, items_only=untimed), dataset.held_out(Part.VALIDATION))
