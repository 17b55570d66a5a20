"""What `toolrec tune` learned, found and made ready to rank."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.features import Features
from toolrec_cli.agent.tuned import TunedRanker, Weights
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError
from toolrec_cli.models import evidence, store
from toolrec_cli.models.checkpoint import load
from toolrec_cli.tools.retrieve import Scorer


@dataclass(frozen=True)
class Tuned:
    """A ranker, how deep it wants every tool to be asked, and the digest of its weights."""

    ranker: TunedRanker
    k: int
    digest: str


def find_tuned(
    runs: Path,
    dataset: Dataset,
    inputs: dict[str, str],
    scorer: Scorer,
    facets: Facets,
    before: Part | None,
) -> Tuned | None:
    """The newest tuning on exactly these models; None when there is none, and for the validation split, on which it was fitted.

    What was counted up to the test cut lies beside the weights; for another cut it is counted anew.
    """
    run = store.find_ranker(runs, dataset, inputs) if before is not Part.VALIDATION else None
    if run is None:
        return None
    card, state = load(run.path / "model")
    if before is Part.TEST:
        known = evidence.load(run.path / evidence.FILE)
    else:  # everybody's histories: those at hand may be a few users' alone
        known = evidence.gather(dataset.before(before), len(dataset.catalog))
    features = Features(scorer, known, dataset.catalog, facets)
    names = [column.name for column in features.columns]
    if [column["name"] for column in card.settings["columns"]] != names:
        raise InputError(f"{run.path} was tuned on other columns.", hint=f"Type: toolrec tune {dataset.name}")
    weights: dict[str, npt.NDArray[np.float32]] = {name: tensor.numpy() for name, tensor in state.items()}
    return Tuned(TunedRanker(features, Weights.of(weights)), int(card.settings["k"]), card.digest)
