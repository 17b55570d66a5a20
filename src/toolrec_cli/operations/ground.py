"""What all encoders on one backbone share under the same settings: its frozen states, and the control without an attribute."""

import copy
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.checkpoint import ModelCard
from toolrec_cli.models.controls import NO_ATTRIBUTE, Matched, Validation, blank_encoder, compared, true_values
from toolrec_cli.models.devices import AUTO, use_device
from toolrec_cli.models.encoding import device_of
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.fitting import (
    Examples,
    Watch,
    fit_encoder,
    fit_full,
    frozen_states,
    matched,
    validation_of,
)
from toolrec_cli.models.frozen import VERSION, FrozenStates
from toolrec_cli.models.full_encoder import FullEncoder
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.kept_states import kept_states, of_backbone
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress
from toolrec_cli.seeds import stream_seed
from toolrec_cli.storage.digests import joint_digest
from toolrec_cli.storage.run_dir import RunDir

WORTH_KEEPING = 1.0
"""CPU-seconds from which on frozen states are kept for the next encoder."""

_Shape = tuple[EncoderConfig, bool]
"""Of an encoder, and whether it is a full one."""


@dataclass(frozen=True)
class Ground:
    """A backbone and what is computed on it once: its frozen states, and the controls, when they are first wanted."""

    dataset: Dataset
    backbone: Any
    card: ModelCard
    backbone_run: str
    examples: Examples
    training: TrainingSettings
    validation: Validation
    setting: Setting
    """Where the encoders lie that are trained on it, and the states are kept."""
    _frozen: list[tuple[FrozenStates, float]] = field(default_factory=list[tuple[FrozenStates, float]])
    _controls: dict[_Shape, Matched] = field(default_factory=dict[_Shape, Matched])
    """The control of each shape, over the validation users, once it is trained."""

    def fit(self, encoder: AttributeEncoder, watch: Watch) -> list[Epoch]:
        """Train an encoder: on the frozen states, or with a backbone of its own."""
        if isinstance(encoder, FullEncoder):
            return fit_full(encoder, self.examples, self.training, watch)
        frozen, _ = self._states(watch.progress)
        return fit_encoder(self.backbone, encoder, self.examples, self.training, watch, frozen)

    def states_seconds(self, progress: Progress) -> float:
        """CPU-seconds that the frozen states take, which are the same for every attribute."""
        return self._states(progress)[1]

    def _states(self, progress: Progress) -> tuple[FrozenStates, float]:
        """The states, and the CPU-seconds that they took; from the workspace's cache, where they were computed before."""
        if self._frozen:
            return self._frozen[0]
        cache, name = kept_states(self.setting.workspace), self._name_of_states()
        kept = cache.find(name)
        known = None if kept is None else torch.from_numpy(kept.array)
        started = time.process_time()
        found = frozen_states(self.backbone, self.examples, self.training, progress, known)
        seconds = time.process_time() - started if kept is None else float(kept.about["cpu_seconds"])
        if kept is None and seconds >= WORTH_KEEPING:
            with suppress(OSError):  # a cache that cannot be written costs the next encoder time, and this one nothing
                cache.keep(name, found.states.numpy(), {"cpu_seconds": seconds})
        self._frozen.append((found, seconds))
        return found, seconds

    def _name_of_states(self) -> str:
        """By all that they come from, to the bit: the backbone, the data, what is learnt, the dropout's seed, what computes."""
        device = device_of(self.backbone)
        computed_by = (
            torch.__version__,
            torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            torch.get_num_threads(),
            torch.backends.cpu.get_cpu_capability(),
        )
        made_of = (VERSION, self.dataset.card.digest, self.training.targets, self.training.seed, *computed_by)
        return f"{of_backbone(self.card.digest)}{joint_digest(map(str, made_of))[:16]}"

    def config(self, attribute: str, shape: Mapping[str, Any]) -> EncoderConfig:
        """The configuration of an encoder on this backbone."""
        found = self.backbone.config
        return EncoderConfig(attribute, found.embedding_size, found.max_length, **shape)

    def compare(self, encoder: AttributeEncoder, progress: Progress) -> dict[str, Any]:
        """An encoder among others on the validation users, as the result of its run: `controls`, and who is `beside` it.

        The others are the backbone alone, the same head without the attribute (trained as the encoder was), and of a frozen
        encoder the full one of the attribute, of a full one the frozen one, if there is one.
        """
        attribute, full = encoder.config.attribute, encoder.own_backbone is not None
        models = {
            "backbone": matched(self.backbone, self.validation),
            "no_attribute": self._control(encoder.config, progress, full=full),
            "encoder": matched(self.backbone, self.validation, encoder),
        }
        other = store.find_encoders(self.setting.runs, self.dataset, self.card.digest, full=not full).get(attribute)
        if other is not None:
            beside = store.load_encoder(other, self.dataset, self.card.digest).to(device_of(self.backbone))
            models["frozen" if full else "full"] = matched(self.backbone, self.validation, beside)
        catalog = self.dataset.catalog
        values = true_values(catalog, attribute, self.validation.targets, self.training.seed)
        found: dict[str, Any] = {"controls": compared(self.validation, models, values)}
        return found | ({"beside": cost_of(other)} if other is not None else {})

    def _control(self, config: EncoderConfig, progress: Progress, *, full: bool) -> Matched:
        """The head without the attribute, trained as the encoders are, at its best by validation NDCG@10."""
        config = replace(config, attribute=NO_ATTRIBUTE, text_encoder="", text_digest="")
        if (config, full) not in self._controls:
            self._controls[config, full] = self._trained(config, progress, full=full)
        return self._controls[config, full]

    def _trained(self, config: EncoderConfig, progress: Progress, *, full: bool) -> Matched:
        torch.manual_seed(stream_seed(self.training.seed, f"encoder:{NO_ATTRIBUTE}", "initial weights"))
        own = copy.deepcopy(self.backbone) if full else None
        encoder = blank_encoder(config, len(self.dataset.catalog), own).to(device_of(self.backbone))
        kept: dict[str, torch.Tensor] = {}

        def keep() -> None:
            kept.update({name: value.clone() for name, value in encoder.state_dict().items()})

        def shown(task: str, done: int, total: int, note: str = "") -> None:
            progress(f"{task} the control", done, total, note)

        self.fit(encoder, Watch(keep, lambda _: None, shown))
        encoder.load_state_dict(kept)
        return matched(self.backbone, self.validation, encoder)


def cost_of(run: RunDir) -> dict[str, Any]:
    """Which encoder a run holds, and what training it took."""
    result = run.manifest.result
    return {"run": run.name, **{name: result[name] for name in ("n_parameters", "cpu_seconds")}}


def prepare_ground(
    setting: Setting,
    dataset: Dataset,
    backbone: str | None,
    training: TrainingSettings,
    device: str = AUTO,
) -> Ground:
    """Load a backbone. What is trained on it is validated on as many users as it was, unless `training` says on how many.

    Raises InputError with the next command when there is none.
    """
    run, card = store.find_backbone(setting.runs, dataset, backbone)
    model = store.load_backbone(run, dataset).to(use_device(device))
    training = replace(training, validation_users=training.validation_users or card.training.get("validation_users"))
    examples = examples_of(dataset, model)
    return Ground(dataset, model, card, run.name, examples, training, validation_of(examples, training), setting)


def examples_of(dataset: Dataset, backbone: Any) -> Examples:
    """Validation items are what training may look at; test items are not read. Times are, where the backbone reads them."""
    untimed = not getattr(backbone.config, "time_aware", False)
    return Examples(dataset.before(Part.VALIDATION, items_only=untimed), dataset.held_out(Part.VALIDATION))
