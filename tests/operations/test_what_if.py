"""replay --what-if: a run explored again with something changed; a model answers from the record as long as it can."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.comparing import divergence
from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.evaluation.what_if import Departure
from toolrec_cli.llm.estimates import DryRun
from toolrec_cli.llm.recorded import read_exchanges
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all, recommend
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.runs import lines
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import against, verify
from toolrec_cli.operations.what_if import what_if
from toolrec_cli.storage.run_dir import RunDir, open_run
from toolrec_cli.testing import LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate, written

IDS = [str(user) for user in range(1, 9)]


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(PlayedSurrogate()) as running:
        yield running


def planned(server: LoopbackServer) -> AgentPlan:
    return AgentPlan(limits=Limits(6, 6), model=ModelPlan(ModelOptions("played", server.base_url, concurrency=4)))


def lists(run: RunDir) -> dict[str, list[str]]:
    found = pl.read_parquet(run.path / "rankings.parquet").filter(pl.col("row") == "surrogate")
    return {str(user[0]): rows["item_id"].to_list() for user, rows in found.group_by("user_id", maintain_order=True)}


def agreed(*answers: bool) -> Callable[[Sequence[Departure], DryRun], bool]:
    given = list(answers)
    return lambda left, bill: given.pop(0)


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        (("max-rounds=3",), AgentPlan(limits=Limits(10, 3))),
        (("attributes=genre",), AgentPlan(attributes=["genre"])),
        (("attributes=none", "max-rounds=2"), AgentPlan(attributes=[], limits=Limits(10, 2))),
    ],
)
def test_what_is_supposed_is_what_would_have_been_explored(
    workspace: Path, tiny: Dataset, said: tuple[str, ...], plan: AgentPlan
) -> None:
    parent, _ = recommend(Setting(workspace), tiny, IDS)
    straight, _ = recommend(Setting(workspace), tiny, IDS, plan)
    run, found = what_if(Setting(workspace), tiny, parent, said)
    assert lists(run) == lists(straight)
    here, there = lists(parent), lists(run)
    assert found.lists.n_same == sum(here[user] == there[user] for user in IDS)
    assert found.lists.overlap is not None
    expected = sum(len(set(here[user]) & set(there[user])) / 10 for user in IDS) / len(IDS)
    assert found.lists.overlap.mean == pytest.approx(expected)
    assert found.told is None
    assert (found.n_scored, found.split, found.also_changed) == (8, "test", ())
    assert verify(Setting(workspace), tiny, run) == 8


def test_nothing_supposed_to_change_changes_nothing(workspace: Path, tiny: Dataset) -> None:
    """Without memory's checks the built-in surrogate names nothing that they would have turned away."""
    parent, _ = recommend(Setting(workspace), tiny, IDS)
    run, found = what_if(Setting(workspace), tiny, parent, ["memory=off", "fusion=rrf"])
    assert lists(run) == lists(parent)
    assert (found.lists.n_same, found.lists.n_came_in, found.statuses["what if"]) == (8, 0, {"finished": 8})
    assert verify(Setting(workspace), tiny, run) == 8


def test_rank_and_fusion_change_the_surrogate_alone(workspace: Path, tiny: Dataset) -> None:
    parent, _ = recommend(Setting(workspace), tiny, IDS)
    run, _ = what_if(Setting(workspace), tiny, parent, ["rank=off", "fusion=borda"])
    steps = pl.read_parquet(run.path / "steps.parquet")["tool"].to_list()
    assert "rank" not in steps
    assert "rank" in pl.read_parquet(parent.path / "steps.parquet")["tool"].to_list()
    assert verify(Setting(workspace), tiny, run) == 8
    again, found = what_if(Setting(workspace), tiny, run, ["rank=on"], ["3", "1"])
    assert (again.manifest.plan["agent"]["changed"]["fusion"], found.n_users) == ("borda", 2)
    assert list(lists(again)) == ["1", "3"]


def test_an_evaluation_is_scored_again_over_the_same_users(workspace: Path, tiny: Dataset) -> None:
    parent, report = evaluate(Setting(workspace), tiny, EvalPlan(n_users=20, ks=(5, 10, 20)))
    run, found = what_if(Setting(workspace), tiny, parent, ["attributes=none"])
    straight, other = evaluate(Setting(workspace), tiny, EvalPlan(AgentPlan(attributes=[]), n_users=20, ks=(5, 10)))
    assert lists(straight) == lists(run)
    assert found.rows is not None
    recorded, supposed = found.rows
    rows = {row.name: row for row in report.rows}, {row.name: row for row in other.rows}
    for metric in ("ndcg@5", "ndcg@10", "recall@10"):
        assert recorded.metrics[metric].mean == rows[0]["surrogate"].metrics[metric].mean
        assert supposed.metrics[metric].mean == rows[1]["surrogate"].metrics[metric].mean
        assert supposed.versus is not None
        difference = supposed.metrics[metric].mean - recorded.metrics[metric].mean
        assert supposed.versus[metric].difference == pytest.approx(difference)
    assert "ndcg@20" not in recorded.metrics
    values = pl.read_parquet(run.path / "per_user.parquet").filter(pl.col("metric") == "ndcg@10")
    assert values.group_by("row").len()["len"].to_list() == [20, 20]
    line = next(line for line in lines(workspace / "runs") if line.name == run.name)
    assert (line.verb, line.status, parent.name in line.parents) == ("what-if", "done", True)
    assert (line.metric, line.value) == ("ndcg@10", supposed.metrics["ndcg@10"].mean)


def test_no_label_is_read_before_the_lists_are_written(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, _ = evaluate(Setting(workspace), tiny, EvalPlan(n_users=8))
    real, seen = Dataset.held_out, list[bool]()

    def held_out(self: Dataset, part: Part) -> Any:
        seen.append((workspace / "w" / "rankings.parquet").is_file())
        return real(self, part)

    monkeypatch.setattr(Dataset, "held_out", held_out)
    what_if(Setting(workspace, out=workspace / "w"), tiny, parent, ["rank=off"])
    assert seen == [True]


def test_a_run_that_was_told_everything_has_no_metrics(workspace: Path, tiny: Dataset) -> None:
    parent, _ = recommend(Setting(workspace), tiny, IDS[:2], AgentPlan(before=None))
    _, found = what_if(Setting(workspace), tiny, parent, ["rank=off"])
    assert (found.rows, found.n_scored) == (None, 0)
    assert "nothing is held out" in found.why_no_metrics


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("memry=off", "There is no what-if 'memry'. Did you mean 'memory'"),
        ("memory", "--what-if memory needs a value"),
        ("memory=perhaps", "--what-if memory is on or off, not 'perhaps'"),
        ("max-rounds=0", "--what-if max-rounds takes a number above 0, not '0'"),
        ("fusion=bordo", "There is no fusion 'bordo'. Did you mean 'borda'"),
        ("attributes=gener", "No attribute|There is no attribute 'gener'"),
    ],
)
def test_what_cannot_be_supposed_is_said(workspace: Path, tiny: Dataset, said: str, message: str) -> None:
    parent, _ = recommend(Setting(workspace), tiny, IDS[:1])
    with pytest.raises((UsageError, InputError), match=message):
        what_if(Setting(workspace), tiny, parent, [said])
    with pytest.raises(UsageError, match="is said twice"):
        what_if(Setting(workspace), tiny, parent, ["rank=off", "rank=on"])
    with pytest.raises(UsageError, match="There is no user"):
        what_if(Setting(workspace), tiny, parent, ["rank=off"], ["2"])


def test_a_model_stays_on_the_record_while_it_is_asked_the_same(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    parent, _ = explore_all(Setting(workspace), tiny, IDS, planned(server), pace=Pace(4))
    count = server.count
    run, found = what_if(Setting(workspace), tiny, parent, ["memory=off"])
    assert (server.count, lists(run)) == (count, lists(parent))
    assert found.told is not None
    assert (found.told.n_stayed, found.told.departures) == (8, ())
    assert (found.told.usage["calls"], found.told.usage["dollars"]) == (0, 0)
    assert verify(Setting(workspace), tiny, run) == 8


def test_who_leaves_the_record_is_asked_only_if_that_is_agreed_to(workspace: Path, tiny: Dataset) -> None:
    with LoopbackServer(PlayedSurrogate()) as server:
        parent, _ = explore_all(Setting(workspace), tiny, IDS, planned(server), pace=Pace(4))
        count, bills = server.count, list[DryRun]()

        def refused(left: Sequence[Departure], bill: DryRun) -> bool:
            assert [(each.step, each.part) for each in left] == [(4, "what came of round 3")] * 8
            bills.append(bill)
            return False

        run, found = what_if(Setting(workspace), tiny, parent, ["rank=off"], consent=refused, pace=Pace(4))
        assert (server.count, bills[0].estimate.users) == (count, 8)
        assert found.told is not None
        assert (found.told.n_stayed, found.told.n_asked, found.told.n_unasked) == (0, 0, 8)
        assert (found.rows, found.lists.n_users, found.lists.overlap) == (None, 0, None)
        assert (run.manifest.status, run.manifest.result["users"]) == ("interrupted", 0)
        run, found = what_if(
            Setting(workspace), tiny, parent, ["rank=off"], consent=agreed(True), again=Again(run), pace=Pace(4)
        )
        assert (run.manifest.status, run.manifest.result["users"]) == ("done", 8)
        assert found.told is not None
        assert (found.told.n_asked, found.told.n_unasked, len(found.told.departures)) == (8, 0, 8)
        assert 8 <= found.told.usage["calls"] == server.count - count
        assert found.rows is not None
        assert verify(Setting(workspace), tiny, run) == 8
        there = server.count
        what_if(Setting(workspace), tiny, parent, ["rank=off"], consent=agreed(), again=Again(run))
        assert server.count == there, "a finished run is shown, and asks nobody"
    steps = [step for each in read_trajectories(run.path / "trajectories.jsonl") for step in each.steps]
    ranked = [step.observation.kind for step in steps if step.action.tool == "rank"]
    assert ranked == ["refused"] * 8
    paid = [each for each in read_exchanges(run.path / "exchanges.jsonl") if not each.reply.from_cache]
    assert len(paid) == server.count - count


def test_those_who_left_are_explored_with_what_is_on_record_before_they_left(workspace: Path, tiny: Dataset) -> None:
    """The rank tool is not used for every second user: those stay, whatever is supposed of it."""
    lock, users = threading.Lock(), dict[str, int]()

    def script(asked: dict[str, Any]) -> Scripted:
        read = read_request(asked)
        if read.protocol == "rank":
            return PlayedSurrogate()(asked)
        with lock:
            number = users.setdefault(asked["messages"][1]["content"], len(users))
        if read.rounds == 2 and number % 2:
            return written(read, ("finish", {"items": read.latest(read.n)}))
        return PlayedSurrogate()(asked)

    with LoopbackServer(script) as server:
        parent, _ = explore_all(Setting(workspace), tiny, IDS, planned(server))
        count = server.count
        run, found = what_if(Setting(workspace), tiny, parent, ["rank=off"], consent=agreed(True), pace=Pace(4))
        assert found.told is not None
        assert (found.told.n_stayed, found.told.n_asked) == (4, 4)
        assert server.count - count == found.told.usage["calls"] == 4  # each finishes with its next answer
    assert {(each.step, each.part) for each in found.told.departures} == {(4, "what came of round 3")}
    pairs = list(against(Setting(workspace), str(parent.path), str(run.path), None))
    assert [here.user_id for here, _ in pairs] == IDS
    left = {each.user_id for each in found.told.departures}
    for here, there in pairs:
        parted = divergence(here, there)
        assert (parted.step if parted else None) == (3 if here.user_id in left else None)


def test_what_the_model_is_told_of_rounds_and_attributes_leaves_the_record_at_once(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    parent, _ = explore_all(Setting(workspace), tiny, IDS[:3], planned(server), pace=Pace(3))
    for said in ("max-rounds=4", "attributes=genre"):
        _, found = what_if(Setting(workspace), tiny, parent, [said])
        assert found.told is not None
        assert [(each.step, each.part) for each in found.told.departures] == [(1, "the system text")] * 3


def test_another_backbone_is_seen_in_what_came_of_the_first_round(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    from toolrec_cli.models.training import TrainingSettings
    from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder

    parent, _ = explore_all(Setting(workspace), tiny, IDS[:3], planned(server), pace=Pace(3))
    quick = TrainingSettings(epochs=1, batch_size=16, seed=7)
    shape = {"embedding_size": 16, "n_layers": 1, "n_heads": 2, "max_length": 20, "dropout": 0.1}
    other = pretrain(Setting(workspace, seed=7), tiny, BackbonePlan(shape=shape, training=quick, threads=1))
    with pytest.raises(InputError, match="has no encoder on this backbone"):
        what_if(Setting(workspace), tiny, parent, [f"backbone={other.name}"])
    for attribute in ("genre", "release_year"):
        plan = EncoderPlan(
            attribute, shape={"embedding_size": 8}, training=quick, threads=1, controls=False, backbone=other.name
        )
        train_encoder(Setting(workspace, seed=7), tiny, plan)
    assert verify(Setting(workspace), tiny, parent) == 3, "held to the backbone it had"
    _, found = what_if(Setting(workspace), tiny, parent, [f"backbone={other.name}"])
    assert found.told is not None
    assert [(each.step, each.part) for each in found.told.departures] == [(2, "what came of round 1")] * 3
    assert found.also_changed == ()


def test_another_model_may_be_asked_where_the_record_ends(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    parent, _ = explore_all(Setting(workspace), tiny, IDS[:3], planned(server), pace=Pace(3))
    with LoopbackServer(PlayedSurrogate()) as second:

        def elsewhere(recorded: ModelPlan) -> ModelPlan:
            return replace(recorded, options=replace(recorded.options, model="other", base_url=second.base_url))

        run, found = what_if(
            Setting(workspace), tiny, parent, ["rank=off"], model=elsewhere, consent=agreed(True), pace=Pace(3)
        )
        assert second.count == 3
    assert found.surrogate == {"as recorded": "played", "what if": "other"}
    assert found.also_changed == ("model", "model:endpoint", "model:settings")
    assert json.loads((run.path / "what-if.json").read_text())["told"]["usage"]["calls"] == 3
    assert open_run(run.path).manifest.status == "done"
