"""toolrec recommend, as a function: trajectories and lists, of what history, and the same in whatever company."""

import gc
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.agent.codec import encode, read_trajectories
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.trajectory import Shown, Status, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.operations.evaluating import evaluate
from toolrec_cli.operations.exploring import AgentPlan, recommend
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir, open_run

Explored = tuple[RunDir, list[Trajectory]]


@pytest.fixture(scope="module")
def shared(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """A copy of `tiny_workspace` to make many runs in."""
    return Setting(Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("exploring") / "w")))


@pytest.fixture(scope="module")
def everybody(shared: Setting, tiny: Dataset) -> Explored:
    """All 80 users, in one run."""
    return recommend(shared, tiny, tiny.users["user_id"].to_list())


def items_of(dataset: Dataset, user_id: str, before: Part | None) -> list[str]:
    """A user's history as ids."""
    history = dataset.before(before).history(dataset.user_index(user_id))
    return [dataset.catalog.item_id(int(item)) for item in history]


def test_a_trajectory_and_a_list_are_recorded_for_every_user(everybody: Explored, tiny: Dataset) -> None:
    run, done = everybody
    assert [trajectory.user_id for trajectory in done] == tiny.users["user_id"].to_list()
    assert list(read_trajectories(run.path / "trajectories.jsonl")) == done
    lines = [("surrogate", t.user_id, entry.rank, entry.item_id) for t in done for entry in t.ranking]
    schema = {"row": pl.String, "user_id": pl.String, "rank": pl.Int32, "item_id": pl.String}
    assert_frame_equal(pl.read_parquet(run.path / "rankings.parquet"), pl.DataFrame(lines, schema, orient="row"))
    assert open_run(run.path).manifest.result == {
        "users": 80,
        "statuses": {"finished": 80},
        "mean_rounds": sum(len(t.steps) for t in done) / 80,
        "untuned": "nothing is tuned yet (type: toolrec tune sample)",
    }


def test_every_list_holds_ten_items_that_were_shown_and_are_new_to_the_user(everybody: Explored, tiny: Dataset) -> None:
    for trajectory in everybody[1]:
        shown = [step.observation.items for step in trajectory.steps if isinstance(step.observation, Shown)]
        listed = [entry.item_id for entry in trajectory.ranking]
        assert len(set(listed)) == 10
        assert set(listed) <= {item.item_id for items in shown for item in items}
        assert not set(listed) & set(items_of(tiny, trajectory.user_id, Part.TEST))


def test_a_user_gets_the_same_alone_in_any_order_or_among_all(
    shared: Setting, tiny: Dataset, everybody: Explored
) -> None:
    """Bit for bit, down to the scores in the record."""
    expected = {trajectory.user_id: encode(trajectory) for trajectory in everybody[1]}
    for company in (["1"], ["42"], ["80"], ["80", "3", "42"], ["17", "1"]):
        _, done = recommend(shared, tiny, company)
        assert [encode(trajectory) for trajectory in done] == [expected[user_id] for user_id in company]


def test_an_evaluation_explores_as_recommend_does(shared: Setting, tiny: Dataset, everybody: Explored) -> None:
    run, _ = evaluate(shared, tiny)
    recorded = (run.path / "trajectories.jsonl").read_bytes()
    assert recorded == (everybody[0].path / "trajectories.jsonl").read_bytes()


@pytest.mark.parametrize(("before", "more"), [(Part.VALIDATION, -1), (Part.TEST, 0), (None, 1)])
def test_the_history_ends_where_it_is_told_to(shared: Setting, tiny: Dataset, before: Part | None, more: int) -> None:
    """--full-history is None: every interaction."""
    _, [trajectory] = recommend(shared, tiny, ["42"], AgentPlan(before=before))
    history = items_of(tiny, "42", before)
    assert trajectory.n_history == len(history) == len(items_of(tiny, "42", Part.TEST)) + more
    assert [entry.item_id for entry in trajectory.newest] == history[-10:]
    assert not {entry.item_id for entry in trajectory.ranking} & set(history)


def test_only_the_tools_asked_for_are_used(shared: Setting, tiny: Dataset) -> None:
    run, [trajectory] = recommend(shared, tiny, ["42"], AgentPlan(attributes=["genre"]))
    asked = {step.action.arguments["attribute"] for step in trajectory.steps if step.action.tool == "retrieve"}
    assert asked <= {None, "genre"}
    assert set(run.manifest.inputs) == {"backbone", "encoder:genre"}


@pytest.mark.parametrize("n", [1, 3, 40])
def test_the_list_is_as_long_as_it_was_asked_to_be(shared: Setting, tiny: Dataset, n: int) -> None:
    _, [trajectory] = recommend(shared, tiny, ["42"], AgentPlan(limits=Limits(n=n)))
    assert (trajectory.status, len(trajectory.ranking)) == (Status.FINISHED, n)


@pytest.mark.parametrize(("max_rounds", "status"), [(1, Status.FORCED), (2, Status.FINISHED), (3, Status.FINISHED)])
def test_the_rounds_are_kept(shared: Setting, tiny: Dataset, max_rounds: int, status: Status) -> None:
    run, [trajectory] = recommend(shared, tiny, ["42"], AgentPlan(limits=Limits(max_rounds=max_rounds)))
    assert len(trajectory.steps) <= max_rounds
    assert (trajectory.status, len(trajectory.ranking)) == (status, 10)
    assert run.manifest.result["statuses"] == {str(status): 1}


def test_progress_and_every_round_are_told(shared: Setting, tiny: Dataset) -> None:
    rounds: list[tuple[str, int]] = []
    progress: list[tuple[str, int, int]] = []
    _, done = recommend(
        shared,
        tiny,
        ["1", "2"],
        on_step=lambda trajectory: rounds.append((trajectory.user_id, len(trajectory.steps))),
        progress=lambda task, at, total, note="": progress.append((task, at, total)),
    )
    assert rounds == [(t.user_id, number) for t in done for number in range(1, 1 + len(t.steps))]
    assert progress == [("users", 1, 2), ("users", 2, 2)]


def test_a_collection_of_garbage_does_not_go_through_what_was_loaded(shared: Setting, tiny: Dataset) -> None:
    """It would stop all threads of a run with a model for 0.2 s; afterwards everything is the collector's again."""
    left_alone = list[int]()
    recommend(shared, tiny, ["1"], progress=lambda *_: left_alone.append(gc.get_freeze_count()))
    assert min(left_alone) > 100_000
    assert gc.get_freeze_count() == 0


def test_what_a_caller_keeps_from_the_collector_is_still_kept_from_it(shared: Setting, tiny: Dataset) -> None:
    gc.freeze()
    try:
        recommend(shared, tiny, ["1"])
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()


def test_an_unknown_user_is_said_before_anything_runs(workspace: Path, tiny: Dataset) -> None:
    there = sorted((workspace / "runs").iterdir())
    with pytest.raises(UsageError, match="There is no user '420'"):
        recommend(Setting(workspace), tiny, ["1", "420"])
    assert sorted((workspace / "runs").iterdir()) == there
