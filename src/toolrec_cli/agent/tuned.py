"""The tuned ranker: candidates ordered by weights that were learned on the validation split, and the reasons in words."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.features import Features
from toolrec_cli.tools.protocol import Candidate, Context, Refused
from toolrec_cli.tools.retrieve import rounded

FloatArray = npt.NDArray[np.float32]

EXPLAINED = 3
"""The first so many items of an order get their reasons said."""


@dataclass(frozen=True)
class Weights:
    """What was learned: score(x) = straight · z + narrow · relu(widen z + bias), z = (x − mean) · scale. F features, H hidden."""

    mean: FloatArray
    scale: FloatArray
    straight: FloatArray
    widen: FloatArray
    bias: FloatArray
    narrow: FloatArray

    @classmethod
    def of(cls, state: Mapping[str, FloatArray]) -> "Weights":
        """From the tensors as stored."""
        return cls(
            mean=state["mean"],
            scale=state["scale"],
            straight=state["straight.weight"][0],
            widen=state["widen.weight"].T,
            bias=state["widen.bias"],
            narrow=state["narrow.weight"][0],
        )

    def score(self, values: FloatArray) -> FloatArray:
        """[K, F] -> [K]."""
        z = (values - self.mean) * self.scale
        scores = z @ self.straight + np.maximum(z @ self.widen + self.bias, np.float32(0.0)) @ self.narrow
        return np.asarray(scores, np.float32)


class TunedRanker:
    """Orders candidates by all that speaks for them. Each thread remembers its last order, to give the reasons."""

    def __init__(self, features: Features, weights: Weights) -> None:
        self._features = features
        self._weights = weights
        self._last = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it has ordered nothing yet."""
        return TunedRanker, (self._features, self._weights)

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Refused:
        """By learned score, ties by item_index. Attributes are weighed already: naming one is refused."""
        if attribute is not None:
            return Refused("The tuned ranker weighs every attribute already.", "Call rank with attribute null.")
        items = np.array([candidate.item_index for candidate in candidates], dtype=np.int64)
        values = self._features.of(context.user, items)
        scores = self._weights.score(values)
        order = np.lexsort((items, -scores))
        self._last.values = values[order]
        best = zip(items[order].tolist(), rounded(scores[order]), strict=True)
        return [(context.catalog.item_id(item), score) for item, score in best]

    @property
    def _values(self) -> FloatArray:
        """The columns of the last order, best first: [K, F]."""
        return getattr(self._last, "values", np.zeros((0, len(self._features.columns)), np.float32))

    def note(self, context: Context) -> str:
        """What lifts each of the first items over the average candidate, part by part, most first."""
        first = [_spoken(self.reasons(place)) for place in range(min(EXPLAINED, len(self._values)))]
        return (
            "Because of: " + "; ".join(f"{place}. {why}" for place, why in enumerate(first, start=1)) if first else ""
        )

    def reasons(self, place: int) -> dict[str, float]:
        """By part, how much the score at `place` (from 0) of the last order would fall were the part the average one."""
        mine: FloatArray = self._values[place]
        average: FloatArray = self._values.mean(axis=0)
        parts, of_part = self._parts
        without = np.where(of_part, average, mine)
        scores = self._weights.score(np.concatenate([mine[None], without]))
        return {part: float(scores[0] - score) for part, score in zip(parts, scores[1:], strict=True)}

    @cached_property
    def _parts(self) -> tuple[list[str], npt.NDArray[np.bool_]]:
        """The parts, and which of the columns are of each: [parts, F]."""
        of = [column.part for column in self._features.columns]
        parts = list(dict.fromkeys(of))
        return parts, np.array([[part == other for other in of] for part in parts])


def _spoken(reasons: Mapping[str, float]) -> str:
    """{"tools": 1.02, "sequence": 2.1} -> "sequence +2.1, tools +1.0"."""
    return ", ".join(f"{part} {lift:+.1f}" for part, lift in sorted(reasons.items(), key=lambda pair: -pair[1]))
