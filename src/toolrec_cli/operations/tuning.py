"""toolrec tune: the validation split -> how much the built-in surrogate trusts each part of what it knows."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.features import Features
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.evaluation.significance import paired
from toolrec_cli.models import evidence, listwise
from toolrec_cli.models.checkpoint import ModelCard, read_card, save
from toolrec_cli.models.encoding import trainable_parameters
from toolrec_cli.models.listwise import FitSettings, Lists
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble, blocks
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.seeds import stream
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import RunDir, recording
from toolrec_cli.tools.retrieve import masked, top_k

IntArray = npt.NDArray[np.int64]

ENOUGH = 200
"""Below so many users with their item among the candidates, what was learned may be chance, and the run says so."""


@dataclass(frozen=True)
class TunePlan:
    """On which models, on how many users at most (drawn by the seed), how deep each tool is asked, how to fit."""

    backbone: str | None = None
    attributes: list[str] | None = None
    users: int = 10_000
    k: int = 100
    fit: FitSettings = field(default_factory=FitSettings)
    full_encoders: bool = False

    @property
    def agent(self) -> AgentPlan:
        """How the users are explored for whom is learned from."""
        return AgentPlan(
            self.backbone, self.attributes, before=Part.VALIDATION, tuned=False, full_encoders=self.full_encoders
        )


def tune(
    setting: Setting,
    dataset: Dataset,
    plan: TunePlan | None = None,
    progress: Progress = silent,
) -> RunDir:
    """Learn the ranker's weights from validation items; no test item is read.

    Stored beside the weights: what goes with what, counted up to the test cut, for those who rank with them.
    """
    plan = plan or TunePlan()
    agent = assemble(setting, dataset, plan.agent)
    manifest = setting.manifest("tune", dataset.name, dataset, agent.inputs)
    with recording(setting.runs, manifest, setting.out) as run:
        progress("counting what goes with what", 0, 2)
        counted = evidence.gather(agent.histories, len(dataset.catalog))
        features = Features(agent.scorer, counted, dataset.catalog, agent.explorer.facets)
        lists, n_asked = candidate_lists(agent, features, dataset, plan, setting.seed, progress)
        settings = replace(plan.fit, seed=setting.seed)
        fitted = listwise.fit(lists, settings, lambda epoch, loss: progress("fitting", epoch, settings.epochs, loss))
        progress("counting what goes with what", 1, 2)
        evidence.save(evidence.gather(dataset.before(Part.TEST), len(dataset.catalog)), run.path / evidence.FILE)
        columns = [asdict(column) for column in features.columns]
        card = ModelCard(
            role="ranker",
            name="listwise",
            settings={
                "columns": columns,
                "k": plan.k,
                "evidence": file_digest(run.path / evidence.FILE),
                **asdict(settings),
            },
            dataset=dataset.name,
            dataset_digest=dataset.card.digest,
            n_parameters=trainable_parameters(fitted.model),
            backbone_digest=agent.inputs["backbone"],
            validation_ndcg=fitted.ndcg,
        )
        save(run.path / "model", card, fitted.model.state_dict())
        run.update(result=_result(run, card, fitted, n_asked, len(lists), setting.seed))
    return run


def _result(
    run: RunDir, card: ModelCard, fitted: listwise.Fitted, n_asked: int, n_used: int, seed: int
) -> dict[str, Any]:
    gain = paired((fitted.gains - fitted.first_column_gains)[:, None], stream(seed, "paired"))[0]
    return {
        "users": n_asked,
        "users_with_their_item_among_the_candidates": n_used,
        "held_back_ndcg@10": fitted.ndcg,
        "backbone_ndcg@10": float(fitted.first_column_gains.mean()),
        "users_scored": len(fitted.gains),
        "gain": asdict(gain),
        "too_few": n_used < ENOUGH,
        "n_parameters": card.n_parameters,
        "digest": read_card(run.path / "model").digest,
    }


def candidate_lists(
    agent: Agent, features: Features, dataset: Dataset, plan: TunePlan, seed: int, progress: Progress
) -> tuple[Lists, int]:
    """What each tool's first k are made of, for every user whose validation item is among them; and how many were asked."""
    users = dataset.users_with(Part.VALIDATION)
    if len(users) > plan.users:
        users = np.sort(stream(seed, "tuned users").choice(users, plan.users, replace=False))
    targets = dataset.held_out(Part.VALIDATION)
    values: list[npt.NDArray[np.float32]] = []
    wanted: list[int] = []
    done = 0
    for block in blocks(agent, users):
        for index in block.tolist():
            items = candidates(agent, index, plan.k)
            place = np.flatnonzero(items == targets[index])
            if len(place):
                values.append(features.of(agent.user(index), items))
                wanted.append(int(place[0]))
            done += 1
            progress("looking at users", done, len(users))
    offsets = np.concatenate([[0], np.cumsum([len(v) for v in values])]).astype(np.int64)
    rows = np.concatenate(values) if values else np.zeros((0, len(features.columns)), np.float32)
    return Lists(rows, offsets, np.array(wanted, np.int64)), len(users)


def candidates(agent: Agent, user_index: int, k: int) -> IntArray:
    """The union of every tool's first k (item_index, ascending)."""
    history = agent.histories.history(user_index)
    names = (None, *agent.scorer.attributes)
    return np.unique(np.concatenate([top_k(masked(agent.scorer.scores(n, user_index), history), k) for n in names]))
