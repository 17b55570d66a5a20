"""What a training leaves in its run's directory while it goes on: the best model so far, and a line an epoch."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from toolrec_cli.models.checkpoint import ModelCard, read_card, save
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.encoding import device_of
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.models.losses import precision_of
from toolrec_cli.operations import learning_curve
from toolrec_cli.storage.atomic import write_text
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.storage.unbroken import unbroken

OnEpoch = Callable[[Epoch], None]

METRICS = "metrics.jsonl"


class TrainingLog:
    """Keeps the best model and a line an epoch.

    An epoch 0 (an encoder that is still its backbone) is written down with the one that follows, or with a state that is kept
    before: alone it is not worth keeping.
    """

    def __init__(
        self,
        run: RunDir,
        card: ModelCard,
        model: Any,
        on_epoch: OnEpoch,
        cpu_before: float = 0.0,
        ranks: Ranks | None = None,
    ) -> None:
        """`cpu_before`: CPU-seconds that the training had taken when it was stopped; `ranks`: who trains together."""
        self._ranks = ranks or Ranks()
        self._run, self._card, self._model, self._on_epoch = run, card, model, on_epoch
        self._improved = False
        self._untrained: tuple[dict[str, Any], dict[str, Tensor]] | None = None
        self._cpu_began = time.process_time() - cpu_before

    @property
    def cpu_seconds(self) -> float:
        """CPU time since the training began, of all processes that took part."""
        return time.process_time() - self._cpu_began + self._ranks.others_cpu

    def best(self) -> None:
        """The model is at its best so far; it is kept when the epoch's figures come."""
        self._improved = True

    def epoch(self, epoch: Epoch) -> None:
        """Write down an epoch that is over."""
        line = {**asdict(epoch), "cpu_seconds": round(self.cpu_seconds, 2)}
        if epoch.epoch == 0:
            self._untrained = line, {name: value.clone() for name, value in self._model.state_dict().items()}
        else:
            with unbroken():
                self._write_untrained(keep_model=not self._improved)
                if self._improved:
                    self._keep(epoch.ndcg, self._model.state_dict())
                self._run.append_json(METRICS, line)
        self._improved = False
        self._on_epoch(epoch)

    def worth_keeping(self) -> None:
        """A state is kept: an epoch 0 that has waited for the next is written down now."""
        with unbroken():
            self._write_untrained(keep_model=True)

    def _write_untrained(self, *, keep_model: bool) -> None:
        if self._untrained is None:
            return
        line, state = self._untrained
        self._untrained = None
        if keep_model:
            self._keep(line["ndcg"], state)
        self._run.append_json(METRICS, line)

    def _keep(self, ndcg: float, state: dict[str, Tensor]) -> None:
        save(self._run.path / "model", replace(self._card, validation_ndcg=ndcg), state)

    def result(self, epochs: list[Epoch]) -> dict[str, Any]:
        """What run.json says of the training; its curve is drawn as well."""
        write_text(self._run.path / learning_curve.FILE, learning_curve.svg(epochs, self._run.manifest.subject))
        best = max((e for e in epochs if e.best), key=lambda e: e.ndcg)
        return {
            "epochs": epochs[-1].epoch,
            "best_epoch": best.epoch,
            "validation_ndcg@10": best.ndcg,
            "curve": [epoch.ndcg for epoch in epochs],
            "loss": self._card.training["loss"],
            "n_parameters": self._card.n_parameters,
            "digest": read_card(self._run.path / "model").digest,
            "cpu_seconds": round(self.cpu_seconds, 1),
            **self._circumstances(),
        }

    def _circumstances(self) -> dict[str, Any]:
        """What the figures depend on besides the settings: where, on how many threads, and in which precision was multiplied."""
        return {
            "device": device_of(self._model).type,
            "threads": torch.get_num_threads(),
            "precision": precision_of(self._card.training["loss"], next(self._model.parameters())),
            **({} if self._ranks.alone else {"processes": self._ranks.size}),
        }


def forget_after(run: RunDir, epoch: int) -> None:
    """Leave only whole lines of epochs up to `epoch` in metrics.jsonl: what was written after the last state is learnt again."""
    path = run.path / METRICS
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]
    write_text(path, "".join(line for line in whole if json.loads(line)["epoch"] <= epoch))
