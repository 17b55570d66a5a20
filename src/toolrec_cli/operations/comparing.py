"""What the surrogate is compared with besides its own tools: baselines that count, and the data set's other backbones."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.baseline import BASELINES, best
from toolrec_cli.evaluation.beyond import World
from toolrec_cli.evaluation.groups import Traits
from toolrec_cli.evaluation.labels import label_tables
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.models import evidence, store
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.operations.exploring import Agent
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent

IntArray = npt.NDArray[np.int64]


def everybody(dataset: Dataset, agent: Agent, part: Part, users: IntArray) -> Interactions:
    """Everybody's histories up to the cut, whoever is asked: what is counted does not depend on it."""
    return agent.histories if len(users) == dataset.n_users else dataset.before(part)


def beyond_reach(baseline: str, n_items: int) -> str:
    """Why a baseline cannot be computed over so many items, in words; empty where it can."""
    if baseline == "ease" and n_items > evidence.EASE_LIMIT:
        return f"ease inverts a matrix of items by items, too large where they are {n_items:,}, more than {evidence.EASE_LIMIT:,}"
    return ""


def baseline_lists(
    names: Sequence[str],
    histories: Interactions,
    n_items: int,
    users: IntArray,
    n: int,
    progress: Progress = silent,
) -> dict[str, IntArray]:
    """Each baseline's best `n` for each user, [n_users, n].

    Raises UsageError for a baseline that does not exist, or cannot be computed for so many items.
    """
    chosen = {name: BASELINES.get(name) for name in names}
    for name in names:
        if why := beyond_reach(name, n_items):
            raise UsageError(f"{why[0].upper()}{why[1:]}.", hint=f"Leave the baseline {name} out.")
    if not chosen:
        return {}
    progress("counting what goes with what", 0, 1)
    known = evidence.gather(histories, n_items, ease="ease" in chosen)
    found = {name: np.zeros((len(users), n), np.int64) for name in chosen}
    for place, user in enumerate(users.tolist()):
        for name, baseline in chosen.items():
            found[name][place] = padded(best(baseline, known, histories.history(user), n), n)
        progress("baselines", place + 1, len(users))
    return found


def backbone_lists(setting: Setting, dataset: Dataset, agent: Agent, users: IntArray, n: int) -> dict[str, IntArray]:
    """The same by every other kind of backbone that is trained on the data set: the newest run of each."""
    found: dict[str, IntArray] = {}
    for name, run in store.find_backbones(setting.runs, dataset).items():
        if name != agent.backbone:
            scorer = BlockScorer(store.load_backbone(run, dataset), {}, agent.histories)
            found[name] = scorer.best(None, users, n)
    return found


def world(histories: Interactions, agent: Agent, users: IntArray) -> World:
    """What coverage, novelty, diversity and the like are measured against."""
    known = agent.histories.of(users)
    counts = np.bincount(histories.items, minlength=len(agent.dataset.catalog) + 1).astype(np.int64)
    return World(counts, histories.n_users, label_tables(agent.explorer.facets), known.items, known.offsets)


def traits(histories: Interactions, users: IntArray, targets: IntArray) -> Traits:
    """By what users are told apart. Read after the lists are written: it knows the held-out items."""
    lengths = histories.lengths()
    counts = np.bincount(histories.items, minlength=int(targets.max(initial=0)) + 1)
    age = None
    if histories.timestamps is not None and len(histories.timestamps):
        latest = np.iinfo(np.int64).max
        first = np.full(len(counts), latest)
        np.minimum.at(first, histories.items, histories.timestamps)
        ends = histories.timestamps[histories.offsets[users + 1] - 1]
        met = first[targets] < latest
        age = np.where(met, ends - np.where(met, first[targets], 0), np.nan)
        age[met & (age < 0)] = 0.0
    return Traits(lengths[users], counts[targets], age)
