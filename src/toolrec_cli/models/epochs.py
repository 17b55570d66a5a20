"""An epoch of a training as it is put on record; it can be read without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.jsonl. Epoch 0, where there is one, is the model before any step, and has no loss."""

    epoch: int
    loss: float | None
    ndcg: float
    best: bool
    positions: int
    seconds: float
    note: str = ""
    """What the user should know of it ("" is nothing)."""

    @property
    def positions_per_second(self) -> float:
        return self.positions / self.seconds if self.seconds else 0.0
