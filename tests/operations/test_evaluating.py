"""toolrec eval, as a function: every user asked is in the denominator, and the figures can be computed again by hand."""

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.trajectory import Shown, Trajectory, Turn
from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData, ReadOptions
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.evaluation.report import Failure, Report
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.preparing import PrepOptions
from toolrec_cli.operations.preparing import prepare as prep
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.tools.protocol import Action, Context

Evaluated = tuple[RunDir, Report]

ROWS = ["sasrec", "retrieve:genre", "retrieve:release_year", "rrf", "surrogate"]
KS = (1, 5, 10)


@pytest.fixture(scope="module")
def shared(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """A copy of `tiny_workspace` to make many runs in."""
    return Setting(Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("evaluating") / "w")))


@pytest.fixture(scope="module")
def evaluated(shared: Setting, tiny: Dataset) -> Evaluated:
    """All 80 users on the test split."""
    return evaluate(shared, tiny, EvalPlan(ks=KS))


def targets(dataset: Dataset, part: Part = Part.TEST) -> dict[str, str]:
    """user_id -> the id of the held-out item, read off the file with nothing of the program in between."""
    rows = pl.read_parquet(dataset.directory / "interactions.parquet").filter(pl.col("part") == str(part))
    users = pl.read_parquet(dataset.directory / "users.parquet")["user_id"].to_list()
    items = pl.read_parquet(dataset.directory / "items.parquet")["item_id"].to_list()
    pairs = rows.select("user_index", "item_index").iter_rows()
    return {users[user]: items[item - 1] for user, item in pairs}


def places(run: RunDir, dataset: Dataset, row: str) -> dict[str, int]:
    """user_id -> where the held-out item stands in the row's list; 0 where it does not."""
    listed = pl.read_parquet(run.path / "rankings.parquet").filter(pl.col("row") == row)
    found = {(user, item): rank for user, rank, item in listed.select("user_id", "rank", "item_id").iter_rows()}
    return {user: found.get((user, item), 0) for user, item in targets(dataset).items()}


def by_hand(place: int, k: int) -> dict[str, float]:
    """The metrics of one list with one held-out item."""
    hit = 1.0 if 1 <= place <= k else 0.0
    return {
        f"recall@{k}": hit,
        f"ndcg@{k}": hit / math.log2(place + 1) if hit else 0.0,
        f"mrr@{k}": hit / place if hit else 0.0,
        f"hit@{k}": hit,
        f"map@{k}": hit / place if hit else 0.0,
    }


def users_of(run: RunDir) -> list[str]:
    return [trajectory.user_id for trajectory in read_trajectories(run.path / "trajectories.jsonl")]


@pytest.mark.parametrize("row", ROWS)
def test_every_figure_can_be_computed_again_from_the_lists(evaluated: Evaluated, tiny: Dataset, row: str) -> None:
    run, report = evaluated
    found = places(run, tiny, row)
    assert len(found) == report.n_users == 80
    values = [{name: value for k in KS for name, value in by_hand(place, k).items()} for place in found.values()]
    metrics = next(r for r in report.rows if r.name == row).metrics
    assert list(metrics) == [f"{name}@{k}" for k in KS for name in ("recall", "ndcg", "mrr", "hit", "map")]
    for name, interval in metrics.items():
        assert interval.mean == pytest.approx(sum(value[name] for value in values) / 80, abs=1e-12)
        assert 0 <= interval.low <= interval.mean <= interval.high <= 1


@pytest.mark.parametrize("row", ROWS)
def test_the_figure_of_every_user_is_kept(evaluated: Evaluated, tiny: Dataset, row: str) -> None:
    run, _ = evaluated
    frame = pl.read_parquet(run.path / "per_user.parquet")
    assert frame.schema == {"row": pl.String, "user_id": pl.String, "metric": pl.String, "value": pl.Float64}
    assert frame.height == len(ROWS) * 80 * 5 * len(KS)
    kept = frame.filter(pl.col("row") == row).select("user_id", "metric", "value").iter_rows()
    expected = {
        (user, name): value
        for user, place in places(run, tiny, row).items()
        for k in KS
        for name, value in by_hand(place, k).items()
    }
    assert {(user, name): value for user, name, value in kept} == pytest.approx(expected, abs=1e-12)


def test_some_but_not_all_held_out_items_are_found(evaluated: Evaluated) -> None:
    """Or the tests above would compare nothing with nothing."""
    for row in evaluated[1].rows:
        assert 0 < row.metrics["recall@10"].mean < 1


def test_the_report_on_disk_is_the_one_returned(evaluated: Evaluated) -> None:
    run, report = evaluated
    assert json.loads((run.path / "report.json").read_text()) == json.loads(json.dumps(asdict(report)))
    assert (report.dataset, report.split, report.n, report.baseline) == ("sample", "test", 10, "sasrec")
    assert (report.surrogate, report.statuses, report.failures) == ("builtin", {"finished": 80}, ())
    assert [row.name for row in report.rows] == ROWS


def test_a_comparison_is_the_difference_of_the_means(evaluated: Evaluated) -> None:
    base, *others = evaluated[1].rows
    assert base.versus is None
    for row in others:
        assert row.versus
        for name, paired in row.versus.items():
            assert paired.difference == pytest.approx(row.metrics[name].mean - base.metrics[name].mean, abs=1e-12)
            assert paired.low <= paired.difference <= paired.high
            assert 0 < paired.p_value <= 1


def test_candidate_recall_and_rounds_are_those_of_the_record(evaluated: Evaluated, tiny: Dataset) -> None:
    run, report = evaluated
    recorded, wanted = list(read_trajectories(run.path / "trajectories.jsonl")), targets(tiny)
    held = [wanted[trajectory.user_id] in _retrieved(trajectory) for trajectory in recorded]
    assert report.candidate_recall.mean == pytest.approx(sum(held) / 80, abs=1e-12)
    assert report.mean_rounds == pytest.approx(sum(len(t.steps) for t in recorded) / 80, abs=1e-12)


def _retrieved(trajectory: Trajectory) -> set[str]:
    shown = [step.observation for step in trajectory.steps if step.action.tool == "retrieve"]
    return {item.item_id for found in shown if isinstance(found, Shown) for item in found.items}


def test_the_surrogate_s_lists_are_those_of_its_trajectories(evaluated: Evaluated) -> None:
    run, _ = evaluated
    listed = pl.read_parquet(run.path / "rankings.parquet").filter(pl.col("row") == "surrogate").rows()
    recorded = read_trajectories(run.path / "trajectories.jsonl")
    assert listed == [("surrogate", t.user_id, entry.rank, entry.item_id) for t in recorded for entry in t.ranking]


SULKING = {"5", "42", "80"}
ENDLESS = {"7", "8"}


def _difficult(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some surrogates never call a tool that exists; others ask for items and never finish."""
    answer = BuiltinSurrogate.next_turn

    def next_turn(self: BuiltinSurrogate, context: Context, trajectory: Trajectory) -> Turn:
        if trajectory.user_id in SULKING:
            return Turn("I would rather dance.", Action("dance", {}))
        if trajectory.user_id in ENDLESS:
            return Turn("More.", Action("retrieve", {"attribute": None, "k": 20}))
        return answer(self, context, trajectory)

    monkeypatch.setattr(BuiltinSurrogate, "next_turn", next_turn)


def test_users_without_a_list_of_their_own_stay_in_the_denominator(
    shared: Setting, tiny: Dataset, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defect 4 of the released code: it deletes such users before averaging."""
    _difficult(monkeypatch)
    run, report = evaluate(shared, tiny, EvalPlan(ks=KS))
    assert (report.n_users, len(users_of(run))) == (80, 80)
    assert report.statuses == {"failed": 3, "finished": 75, "forced": 2}
    assert report.failures == (
        Failure("5", "failed", "I would rather dance."),
        Failure("7", "forced", "More."),
        Failure("8", "forced", "More."),
        Failure("42", "failed", "I would rather dance."),
        Failure("80", "failed", "I would rather dance."),
    )
    found = places(run, tiny, "surrogate")
    assert [found[user] for user in SULKING] == [0, 0, 0]
    surrogate = report.rows[-1].metrics["recall@10"].mean
    assert surrogate == pytest.approx(sum(place > 0 for place in found.values()) / 80, abs=1e-12)
    before = places(evaluated[0], tiny, "surrogate")
    assert {user: place for user, place in found.items() if user not in SULKING | ENDLESS} == {
        user: place for user, place in before.items() if user not in SULKING | ENDLESS
    }
    assert [row.metrics for row in report.rows[:-1]] == [row.metrics for row in evaluated[1].rows[:-1]]


def test_whoever_does_not_finish_counts_with_the_best_of_memory(
    shared: Setting, tiny: Dataset, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    _difficult(monkeypatch)
    run, _ = evaluate(shared, tiny, EvalPlan(ks=KS))
    lists = pl.read_parquet(run.path / "rankings.parquet").filter(pl.col("user_id").is_in(list(ENDLESS)))
    surrogate = lists.filter(pl.col("row") == "surrogate").drop("row")
    assert surrogate.rows() == lists.filter(pl.col("row") == "sasrec").drop("row").rows()
    assert surrogate.height == 20


def test_a_user_who_has_everything_already_is_a_miss(tmp_path: Path) -> None:
    """There is nothing to recommend to u0: the held-out item stands in the history too."""
    rows = [(f"u{user}", f"i{item}", item) for user in range(4) for item in range(8 - user)]
    rows.append(("u0", "i0", 9))
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
    log = pl.DataFrame(rows, schema, orient="row")
    items = log.select("item_id").unique().sort("item_id").with_columns(title="item_id", genre="item_id")
    raw = RawData(log, items, None, {"genre": Kind.CATEGORICAL}, files={})
    dataset = prepare("table", raw, "toys", tmp_path / "datasets" / "toys", skip_bad=False, progress=silent)
    setting = _trained(tmp_path, dataset)
    run, report = evaluate(setting, dataset, EvalPlan(ks=(10,)))
    assert (report.n_users, report.statuses) == (4, {"failed": 1, "finished": 3})
    assert [(failure.user_id, failure.status) for failure in report.failures] == [("u0", "failed")]
    assert places(run, dataset, "surrogate")["u0"] == 0
    assert users_of(run) == ["u0", "u1", "u2", "u3"]


def _trained(workspace: Path, dataset: Dataset) -> Setting:
    """A workspace with a small backbone, and an encoder of genre."""
    setting, once = Setting(workspace), TrainingSettings(epochs=1, batch_size=16)
    shape = {"embedding_size": 8, "n_layers": 1, "max_length": 10}
    pretrain(setting, dataset, BackbonePlan(shape=shape, training=once, threads=1))
    train_encoder(setting, dataset, EncoderPlan("genre", shape={"embedding_size": 8}, training=once, threads=1))
    return setting


def test_a_draw_of_users_is_that_of_its_seed(shared: Setting, tiny: Dataset, evaluated: Evaluated) -> None:
    def drawn(seed: int) -> Evaluated:
        return evaluate(Setting(shared.workspace, seed=seed), tiny, EvalPlan(n_users=12, ks=KS))

    (first, report), (again, same), (other, _) = drawn(1), drawn(1), drawn(2)
    assert len(set(users_of(first))) == report.n_users == 12
    assert users_of(again) == users_of(first)
    assert same == report
    assert users_of(other) != users_of(first)
    everybody = {t.user_id: t for t in read_trajectories(evaluated[0].path / "trajectories.jsonl")}
    for trajectory in read_trajectories(first.path / "trajectories.jsonl"):
        assert trajectory == everybody[trajectory.user_id]


def test_more_users_than_there_are_means_all(shared: Setting, tiny: Dataset, evaluated: Evaluated) -> None:
    run, report = evaluate(shared, tiny, EvalPlan(n_users=999, ks=KS))
    assert report == evaluated[1]
    assert (run.path / "trajectories.jsonl").read_bytes() == (evaluated[0].path / "trajectories.jsonl").read_bytes()


def test_the_validation_split_ends_the_history_earlier(shared: Setting, tiny: Dataset) -> None:
    run, report = evaluate(shared, tiny, EvalPlan(AgentPlan(before=Part.VALIDATION), n_users=10))
    assert report.split == "validation"
    lengths = tiny.before(Part.VALIDATION).lengths()
    for trajectory in read_trajectories(run.path / "trajectories.jsonl"):
        assert trajectory.n_history == lengths[tiny.user_index(trajectory.user_id)]
    wanted = targets(tiny, Part.VALIDATION)
    values = pl.read_parquet(run.path / "per_user.parquet").filter(row="surrogate", metric="hit@10")
    listed = pl.read_parquet(run.path / "rankings.parquet").filter(row="surrogate")
    lists = {user: listed.filter(user_id=user)["item_id"].to_list() for user in users_of(run)}
    hits = {user: float(wanted[user] in found) for user, found in lists.items()}
    assert dict(values.select("user_id", "value").iter_rows()) == hits


def test_what_cannot_be_scored_is_refused(workspace: Path, tiny: Dataset) -> None:
    there = sorted((workspace / "runs").iterdir())
    with pytest.raises(UsageError, match="needs a held-out part"):
        evaluate(Setting(workspace), tiny, EvalPlan(AgentPlan(before=None)))
    assert sorted((workspace / "runs").iterdir()) == there


def test_a_data_set_where_nothing_is_held_out_is_refused(tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]})
    items = pl.DataFrame({"item_id": ["x", "y"], "title": ["X", "Y"]})
    raw = RawData(log, items, None, {}, files={})
    dataset = prepare("table", raw, "toys", tmp_path / "datasets" / "toys", skip_bad=False, progress=silent)
    with pytest.raises(InputError, match="Nobody in this data set has a held-out item"):
        evaluate(Setting(tmp_path), dataset)


def test_held_out_items_that_are_in_the_history_already_are_counted(tmp_path: Path) -> None:
    """They are masked, so that no row can find them: whoever reads the figures has to know."""
    again = [("u0", "i3", 100), ("u1", "i4", 100)]
    rows = [(f"u{user}", f"i{(user + step) % 12}", step) for user in range(20) for step in range(8)]
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["user,item,time", *(",".join(map(str, row)) for row in rows + again)]) + "\n")
    dataset = prep(tmp_path, "table", PrepOptions(ReadOptions(interactions=log), "bare"))
    setting, once = Setting(tmp_path), TrainingSettings(epochs=1)
    pretrain(setting, dataset, BackbonePlan(shape={"embedding_size": 8, "max_length": 10}, training=once, threads=1))
    _, report = evaluate(setting, dataset)
    assert (report.n_users, report.out_of_reach) == (20, 2)
