"""What `toolrec tune` learned, found and made ready to rank."""

from dataclasses import dataclass, replace
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
from toolrec_cli.models.checkpoint import ModelCard, load
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import RunDir, list_runs
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
) -> tuple[Tuned | None, str]:
    """The newest tuning on exactly these models, or None and the reason in words.

    It is none for the validation split, on which it was fitted. What was counted up to the test cut lies beside the weights;
    for another cut it is counted anew. Raises InputError where the files are not those that were written.
    """
    if before is Part.VALIDATION:
        return None, "a tuning is fitted on the validation split and is not scored on it"
    run = store.find_ranker(runs, dataset, inputs)
    if run is None:
        return None, _why_none(runs, dataset, inputs)
    card, state = load(run.path / "model")
    known, columns = _known(run, card, dataset, before), card.settings["columns"]
    if not any(column["part"] == "contexts" for column in columns):  # tuned before there were any
        known = replace(known, contexts=None)
    features = Features(scorer, known, dataset.catalog, facets)
    names = [column.name for column in features.columns]
    if [column["name"] for column in columns] != names:
        raise InputError(f"{run.path} was tuned on other columns.", hint=f"Type: toolrec tune {dataset.name}")
    weights: dict[str, npt.NDArray[np.float32]] = {name: tensor.numpy() for name, tensor in state.items()}
    return Tuned(TunedRanker(features, Weights.of(weights)), int(card.settings["k"]), card.digest), ""


def _known(run: RunDir, card: ModelCard, dataset: Dataset, before: Part | None) -> evidence.Evidence:
    """What was counted beside the weights; cards from before it had a digest are trusted."""
    if before is not Part.TEST:  # everybody's histories: those at hand may be a few users' alone
        return evidence.gather(dataset.before(before), len(dataset.catalog))
    path = run.path / evidence.FILE
    known = evidence.load(path)
    if card.settings.get("evidence") not in (None, file_digest(path)):
        raise InputError(f"{path} is altered: it is not what was counted when tuning.", hint="Tune again.")
    return known


def _why_none(runs: Path, dataset: Dataset, inputs: dict[str, str]) -> str:
    """Why no tuning fits, from the newest one of the same name."""
    hint = f"type: toolrec tune {dataset.name}"
    same = (
        run.manifest for run in list_runs(runs) if run.manifest.verb == "tune" and run.manifest.dataset == dataset.name
    )
    newest = next(same, None)
    if newest is None:
        return f"nothing is tuned yet ({hint})"
    if newest.status != "done":
        return f"the newest tuning was {newest.status} ({hint})"
    if newest.dataset_digest != dataset.card.digest:
        return f"the newest tuning is for an earlier version of the data set ({hint})"
    spoken = {"backbone": "the backbone is another"}
    kinds = {name: name.partition(":")[2] for name in {**newest.inputs, **inputs} if name != "backbone"}
    spoken |= {name: f"the tool for {kind} is another" for name, kind in kinds.items()}
    spoken |= {name: f"the tool for {kind} is new" for name, kind in kinds.items() if name not in newest.inputs}
    spoken |= {name: f"the tool for {kind} is missing" for name, kind in kinds.items() if name not in inputs}
    changed = [said for name, said in spoken.items() if newest.inputs.get(name) != inputs.get(name)]
    first = changed[:1] if changed[:1] == [spoken["backbone"]] else changed
    return f"the newest tuning does not fit: {', '.join(first)} ({hint})"
