"""toolrec tune: what was learned is used wherever it fits, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError
from toolrec_cli.models.evidence import FILE
from toolrec_cli.models.listwise import FitSettings
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, assemble, recommend
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import EncoderPlan, train_encoder
from toolrec_cli.operations.tuning import TunePlan, tune
from toolrec_cli.storage.run_dir import RunDir

QUICK = TunePlan(fit=FitSettings(epochs=2))


@pytest.fixture
def films(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


@pytest.fixture
def tuned(workspace: Path, films: Dataset) -> RunDir:
    return tune(Setting(workspace), films, QUICK)


def test_the_run_holds_weights_and_what_was_counted(tuned: RunDir) -> None:
    assert set(tuned.manifest.outputs) == {"model/config.json", "model/weights.safetensors", FILE}
    assert (tuned.manifest.verb, tuned.manifest.status) == ("tune", "done")
    assert set(tuned.manifest.inputs) == {"backbone", "encoder:genre", "encoder:release_year"}
    result = tuned.manifest.result
    assert result["users"] == 80
    assert 20 <= result["users_with_their_item_among_the_candidates"] <= 80


def test_it_is_used_and_named_by_who_explores(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    run, (trajectory,) = recommend(Setting(workspace), films, ["42"])
    assert trajectory.surrogate == "builtin-tuned"
    assert run.manifest.inputs["ranker"] == tuned.manifest.result["digest"]
    ranked = next(step for step in trajectory.steps if step.action.tool == "rank")
    assert ranked.action.arguments["attribute"] is None
    assert ranked.observation.note.startswith("Because of: 1. ")  # type: ignore[union-attr]
    assert [entry.item_id for entry in trajectory.ranking] == [item.item_id for item in ranked.observation.items]  # type: ignore[union-attr]


@pytest.mark.parametrize("before", [Part.TEST, None])
def test_a_list_is_the_same_alone_and_among_all(
    workspace: Path, films: Dataset, tuned: RunDir, before: Part | None
) -> None:
    """Whoever is asked alone, what was counted was counted from everybody."""
    plan = AgentPlan(before=before)
    _, alone = recommend(Setting(workspace), films, ["42"], plan)
    _, together = recommend(Setting(workspace), films, films.users["user_id"].to_list(), plan)
    assert alone[0] == next(each for each in together if each.user_id == "42")


def test_it_can_be_left_out(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    _, (trajectory,) = recommend(Setting(workspace), films, ["42"], AgentPlan(tuned=False))
    assert trajectory.surrogate == "builtin"


def test_the_split_it_was_fitted_on_is_not_scored_with_it(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    _, report = evaluate(Setting(workspace), films, EvalPlan(AgentPlan(before=Part.VALIDATION), n_users=5))
    assert report.surrogate == "builtin"
    _, report = evaluate(Setting(workspace), films, EvalPlan(n_users=5))
    assert report.surrogate == "builtin-tuned"


def test_with_other_tools_it_does_not_serve(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    assert assemble(Setting(workspace), films, AgentPlan(attributes=["genre"])).explorer.surrogate.name == "builtin"
    train_encoder(Setting(workspace), films, EncoderPlan("director", shape={"embedding_size": 8}, threads=1))
    assert assemble(Setting(workspace), films, AgentPlan()).explorer.surrogate.name == "builtin"


def test_for_the_whole_history_everything_is_counted_anew(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    (tuned.path / FILE).unlink()
    assert assemble(Setting(workspace), films, AgentPlan(before=None)).explorer.surrogate.name == "builtin-tuned"
    with pytest.raises(InputError, match="missing or cut off"):
        assemble(Setting(workspace), films, AgentPlan())


def test_one_seed_learns_the_same(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    again = tune(Setting(workspace), films, QUICK)
    assert again.manifest.result == tuned.manifest.result
    few = tune(Setting(workspace), films, TunePlan(users=40, fit=FitSettings(epochs=2)))
    assert few.manifest.result["users"] == 40
    assert np.isfinite(few.manifest.result["held_back_ndcg@10"])
