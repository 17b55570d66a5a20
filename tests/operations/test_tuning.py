"""toolrec tune: what was learned is used wherever it fits, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError
from toolrec_cli.models import evidence
from toolrec_cli.models.evidence import FILE
from toolrec_cli.models.listwise import FitSettings
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, assemble, recommend
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
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


@pytest.mark.parametrize("before", [Part.TEST, None])
def test_a_tuning_from_before_contexts_still_serves(
    workspace: Path, films: Dataset, monkeypatch: pytest.MonkeyPatch, before: Part | None
) -> None:
    with monkeypatch.context() as then:
        then.setattr(evidence, "lay_out", lambda *_: None)
        run = tune(Setting(workspace), films, QUICK)
    assert "contexts.items" not in safetensors.numpy.load_file(run.path / FILE)
    _, (trajectory,) = recommend(Setting(workspace), films, ["42"], AgentPlan(before=before))
    assert trajectory.surrogate == "builtin-tuned"


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


def test_what_is_printed_comes_from_users_who_neither_fitted_nor_stopped(tuned: RunDir) -> None:
    result = tuned.manifest.result
    used = result["users_with_their_item_among_the_candidates"]
    assert result["users_scored"] == max(5, int(0.1 * used))
    gain = result["gain"]
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert gain["difference"] == pytest.approx(result["held_back_ndcg@10"] - result["backbone_ndcg@10"])
    assert result["too_few"]


def test_what_was_counted_is_known_by_its_digest(workspace: Path, films: Dataset, tuned: RunDir) -> None:
    counted = evidence.load(tuned.path / FILE)
    evidence.save(replace(counted, popularity=counted.popularity * 2), tuned.path / FILE)
    with pytest.raises(InputError, match="is altered"):
        assemble(Setting(workspace), films, AgentPlan())


def test_the_reason_why_nothing_tuned_serves_is_said(workspace: Path, films: Dataset) -> None:
    def why(plan: AgentPlan | None = None) -> str:
        return assemble(Setting(workspace), films, plan or AgentPlan()).untuned

    assert why() == "nothing is tuned yet (type: toolrec tune sample)"
    tune(Setting(workspace), films, QUICK)
    assert why() == ""
    assert why(AgentPlan(tuned=False)) == "it was asked to do without"
    assert why(AgentPlan(before=Part.VALIDATION)).startswith("a tuning is fitted on the validation split")
    assert why(AgentPlan(attributes=["genre"])) == (
        "the newest tuning does not fit: the tool for release_year is missing (type: toolrec tune sample)"
    )
    train_encoder(Setting(workspace), films, EncoderPlan("director", shape={"embedding_size": 8}, threads=1))
    assert why() == "the newest tuning does not fit: the tool for director is new (type: toolrec tune sample)"
    pretrain(Setting(workspace), films, BackbonePlan(shape={"embedding_size": 8}, training=TrainingSettings(epochs=1)))
    train_encoder(Setting(workspace), films, EncoderPlan("genre", shape={"embedding_size": 8}, threads=1))
    assert why().startswith("the newest tuning does not fit: the backbone is another (")
    run, report = evaluate(Setting(workspace), films, EvalPlan(n_users=5))
    assert report.untuned == why()
    run, _ = recommend(Setting(workspace), films, ["42"])
    assert run.manifest.result["untuned"] == why()
