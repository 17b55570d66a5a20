"""toolrec recommend: users -> trajectories and lists, by the built-in surrogate or by a language model."""

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.builtin import BuiltinSurrogate, Habits
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.llm.replayed import FromRecord
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.operations.accounting import accounted
from toolrec_cli.operations.asking import BLOCK, OnStep, Pace, ask
from toolrec_cli.operations.changing import Changes, changed
from toolrec_cli.operations.deriving import Outcome, derive
from toolrec_cli.operations.indexing import find_indexes
from toolrec_cli.operations.modelling import ModelPlan, Speaker, introduce
from toolrec_cli.operations.resuming import Again, is_over, plain, recorded, underway
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.tuned import find_tuned
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.protocol import User
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.retrieve import RetrievalTool
from toolrec_cli.tools.toolbox import Toolbox

IntArray = npt.NDArray[np.int64]
SURROGATE = "surrogate"
"""The row of rankings.parquet that holds the surrogate's lists."""


@dataclass(frozen=True)
class AgentPlan:
    """Which backbone run, which attributes (None: all that are trained), how long a list, what history.

    A `backbone` of None is the newest that has an encoder, or, where none has, the newest. `before` cuts the history before that
    part of the split; None uses every interaction, and cannot be scored.
    """

    backbone: str | None = None
    attributes: list[str] | None = None
    limits: Limits = Limits()
    before: Part | None = Part.TEST
    tuned: bool = True
    """Whether to use what `toolrec tune` learned, where it fits; it plays no part with a language model."""
    model: ModelPlan | None = None
    """The language model that plays the surrogate; None: the built-in one does."""
    changed: Changes | None = None
    """What is taken away or done otherwise, to see what it is worth; None: nothing."""
    retrieval: str | None = None
    """"exact": every item is scored; "index": by an index; None: by one above a million items, if it is good."""
    full_encoders: bool = False
    """Take encoders with which the backbone was trained, alone; otherwise one only where an attribute has no other."""

    def chosen(self, runs: Path, dataset: Dataset) -> store.Chosen:
        """The backbone's run. Raises InputError where there is none."""
        return store.choose_backbone(runs, dataset, self.backbone, full=self.full_encoders)

    def encoders(self, runs: Path, dataset: Dataset, on: store.Chosen) -> dict[str, RunDir]:
        """The run of each attribute's encoder on a backbone. Raises InputError when one that is wanted is missing."""
        full = self.full_encoders
        return store.choose_encoders(runs, dataset, on.card.digest, self.attributes, on.named, full=full)


@dataclass(frozen=True)
class Agent:
    """A surrogate with its tools over one data set's histories, loaded once."""

    dataset: Dataset
    histories: Interactions
    scorer: BlockScorer
    explorer: Explorer
    backbone: str
    """The backbone's registry name."""
    inputs: dict[str, str]
    part: Part | None = Part.TEST
    """Up to which part of the split the histories go."""
    untuned: str = ""
    """Why what `toolrec tune` learns is not used; empty when it is, or a language model plays."""
    speaker: Speaker | None = None
    """The language model; None: nobody is asked anything."""
    retrieval: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of the indexes that it retrieves by, as the manifest tells of them."""

    def explore(self, user_index: int, on_step: OnStep | None = None) -> Trajectory:
        """One user's exploration; what is asked of a language model in it is counted for him."""
        user = self.user(user_index)
        with self.speaker.about(user.user_id) if self.speaker else nullcontext():
            return self.explorer.explore(user, on_step)

    def reading(self, users: IntArray) -> "Agent":
        """The same over the histories of these users (user_index) alone, read now; this one reads them from now on, too."""
        histories = self.dataset.before(self.part, users=users)
        self.scorer.read(histories)
        return replace(self, histories=histories)

    def user(self, user_index: int) -> User:
        """What may be known of one user."""
        return User(
            user_index=user_index,
            user_id=self.dataset.user_id(user_index),
            profile=self.dataset.profile(user_index),
            history=self.histories.history(user_index),
            ratings=self.histories.rated(user_index),
            ended=self.histories.ended(user_index),
        )


def assemble(
    setting: Setting,
    dataset: Dataset,
    plan: AgentPlan,
    users: IntArray | None = None,
    histories: Interactions | None = None,
    again: Again | None = None,
    upon: FromRecord | None = None,
    progress: Progress = silent,
) -> Agent:
    """Load backbone, encoders and these users' histories (None: everybody's); `histories`, where given, are put in their place.

    A language model is made ready and asked nothing; what the run `again` had spent on it is counted, and what is on record
    (`upon`) it is not asked. `progress` is told of an index that is built. Raises InputError with the next command when
    something is missing.
    """
    agent = _as_it_is(setting, dataset, plan, users, histories, again, upon, progress)
    return changed(agent, plan.changed) if plan.changed else agent


def _as_it_is(
    setting: Setting,
    dataset: Dataset,
    plan: AgentPlan,
    users: IntArray | None,
    histories: Interactions | None,
    again: Again | None,
    upon: FromRecord | None,
    progress: Progress,
) -> Agent:
    """`assemble`, before anything is changed."""
    backbone, encoders, inputs, name = _models(setting, dataset, plan)
    if histories is None:
        histories = dataset.before(plan.before, users=None if users is None or len(users) == dataset.n_users else users)
    scorer = BlockScorer(backbone, encoders, histories)
    indexes = find_indexes(setting, dataset, scorer, plan.before, plan.retrieval, progress)
    scorer.retrieve_by(indexes.by_attribute)
    facets, speaker, untuned = Facets(dataset.catalog), None, ""
    if plan.model is not None:
        before = again.run if again else None
        speaker = introduce(setting, dataset, facets, scorer.attributes, plan.limits, plan.model, before, upon)
        explorer, made_by = speaker.explorer(dataset, facets, scorer, plan.limits), speaker.inputs
    else:
        explorer, made_by, untuned = _builtin(setting, dataset, plan, inputs, scorer, facets)
    inputs = {**inputs, **indexes.inputs, **made_by}
    return Agent(
        dataset, histories, scorer, explorer, name, inputs, plan.before, untuned, speaker, retrieval=indexes.result
    )


def _models(
    setting: Setting, dataset: Dataset, plan: AgentPlan
) -> tuple[Any, dict[str, AttributeEncoder], dict[str, str], str]:
    """The backbone and the encoders, their digests as the manifest holds them, and the backbone's registry name."""
    chosen = plan.chosen(setting.runs, dataset)
    run, card = chosen.run, chosen.card
    encoder_runs = plan.encoders(setting.runs, dataset, chosen)
    encoders = {name: store.load_encoder(found, dataset, card.digest) for name, found in encoder_runs.items()}
    digests = {f"encoder:{name}": str(found.manifest.result["digest"]) for name, found in encoder_runs.items()}
    return store.load_backbone(run, dataset), encoders, {"backbone": card.digest, **digests}, card.name


def _builtin(
    setting: Setting, dataset: Dataset, plan: AgentPlan, inputs: dict[str, str], scorer: BlockScorer, facets: Facets
) -> tuple[Explorer, dict[str, str], str]:
    """The built-in surrogate with its tools; the digest of what it was tuned with, or why it was not."""
    tuned, untuned = None, "it was asked to do without"
    if plan.tuned:
        tuned, untuned = find_tuned(setting.runs, dataset, inputs, scorer, facets, plan.before)
    toolbox = Toolbox([RetrievalTool(scorer), RankTool(tuned.ranker if tuned else BuiltinRanker()), FinishTool()])
    surrogate = BuiltinSurrogate(Habits(k=tuned.k), tuned=True) if tuned else BuiltinSurrogate()
    explorer = Explorer(surrogate, toolbox, dataset.catalog, facets, scorer.attributes, dataset.name, plan.limits)
    return explorer, {"ranker": tuned.digest} if tuned else {}, untuned


def blocks(agent: Agent, users: IntArray) -> Iterator[IntArray]:
    """The users in blocks, each encoded when it is reached."""
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        agent.scorer.prepare(block)
        yield block


def recommend(
    setting: Setting,
    dataset: Dataset,
    user_ids: Sequence[str],
    plan: AgentPlan | None = None,
    on_step: OnStep | None = None,
    progress: Progress = silent,
) -> tuple[RunDir, list[Trajectory]]:
    """Explore for a few users: the run, and everybody's trajectory in the order asked.

    Raises UsageError for an unknown user before anything runs.
    """
    run, _ = explore_all(setting, dataset, user_ids, plan, on_step=on_step, progress=progress)
    return run, list(recorded(run).trajectories())


def explore_all(
    setting: Setting,
    dataset: Dataset,
    user_ids: Sequence[str],
    plan: AgentPlan | None = None,
    *,
    again: Again | None = None,
    on_step: OnStep | None = None,
    progress: Progress = silent,
    pace: Pace | None = None,
) -> tuple[RunDir, Outcome]:
    """Explore for any number of users, each recorded as it ends; no trajectory is held.

    With `again` that run goes on: `user_ids` and `plan` are those it began with, and nobody on record is asked again but whom the
    server failed to answer.
    Raises UsageError for an unknown user before anything runs, and when something that matters has changed since.
    """
    plan = plan or AgentPlan()
    users = dataset.user_indices(user_ids)
    if again and is_over(again.run):
        return again.run, Outcome.of(recorded(again.run))
    read = users if pace is None or pace.runner is None else users[:0]  # elsewhere, each reads those he needs
    agent = assemble(setting, dataset, plan, read, again=again, progress=progress)
    subject = f"{dataset.name}-{user_ids[0] if len(user_ids) == 1 else f'{len(user_ids)}-users'}"
    manifest = setting.manifest("recommend", subject, dataset, agent.inputs, plain(plan))
    with underway(setting, manifest, user_ids, again) as (run, record), accounted(run, agent.speaker):
        began, n_asked = time.monotonic(), 0
        for _ in ask(agent, users, record, nothing, on_step=on_step, progress=progress, pace=pace):
            n_asked += 1
        readers = (pace or Pace()).readers(len(users), asked=agent.speaker is not None)
        outcome = derive(run, record, SURROGATE, readers)
        outcome.asked, outcome.seconds = n_asked, time.monotonic() - began
        unheard = {"unheard": outcome.unheard} if agent.speaker else {}
        run.update(result={**outcome.as_result(), **unheard, "untuned": agent.untuned, **agent.retrieval})
    return run, outcome


def nothing(agent: Agent, position: int, user_index: int, trajectory: Trajectory) -> None:
    """What `recommend` makes of a trajectory: it is on record."""
