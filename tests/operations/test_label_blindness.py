"""Nothing that runs while a list is made can see the held-out item."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy.typing as npt
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.agent.baseline import LLM_BASELINES
from toolrec_cli.data import dataset as datasets
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData
from toolrec_cli.data.sources.sample import make
from toolrec_cli.evaluation.baseline import BASELINES
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.ablating import AblationPlan, ablate
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, recommend
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.stressing import StressPlan, stress
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.operations.tuning import tune
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate

MARKERS = ("marker-a", "marker-b")
"""Items that are held out for testing, and occur nowhere else."""

N_USERS = 40
ONCE = TrainingSettings(epochs=1, batch_size=16)


def marked(odd: str, even: str) -> RawData:
    """The sample, smaller, with the last item of every other user replaced by one marker, of the rest by the other."""
    raw = make(N_USERS, 40)
    last = pl.int_range(pl.len()).reverse().over("user_id") == 0
    marker = pl.when(pl.col("user_id").cast(pl.Int64) % 2 == 1).then(pl.lit(odd)).otherwise(pl.lit(even))
    log = raw.interactions.with_columns(item_id=pl.when(last).then(marker).otherwise("item_id"))
    named = pl.Series("item_id", MARKERS)
    markers = raw.items.head(2).with_columns(named, named.alias("title"))
    return RawData(log, pl.concat([raw.items, markers]), raw.users, raw.kinds, files={})


def made(workspace: Path, odd: str, even: str) -> tuple[Setting, Dataset]:
    """A workspace with such a data set, a backbone and an encoder."""
    raw = marked(odd, even)
    dataset = prepare("sample", raw, "films", workspace / "datasets" / "films", skip_bad=False, progress=silent)
    setting = Setting(workspace)
    shape = {"embedding_size": 8, "n_layers": 1, "max_length": 20}
    pretrain(setting, dataset, BackbonePlan(shape=shape, training=ONCE, threads=1))
    train_encoder(setting, dataset, EncoderPlan("genre", shape={"embedding_size": 8}, training=ONCE, threads=1))
    return setting, dataset


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Setting, Dataset]]:
    """Two workspaces that differ in their test items only."""
    orders = (MARKERS, MARKERS[::-1])
    return [made(tmp_path_factory.mktemp("twin"), *order) for order in orders]


def held_out(dataset: Dataset) -> list[str]:
    return [dataset.catalog.item_id(int(item)) for item in dataset.held_out(Part.TEST)]


def test_the_twins_differ_in_every_held_out_item_and_in_nothing_else(twins: list[tuple[Setting, Dataset]]) -> None:
    (_, one), (_, other) = twins
    assert held_out(one) == list(MARKERS) * (N_USERS // 2)
    assert held_out(other) == list(MARKERS[::-1]) * (N_USERS // 2)
    frames = [pl.read_parquet(dataset.directory / "interactions.parquet") for _, dataset in twins]
    before = [frame.filter(pl.col("part") != "test") for frame in frames]
    assert_frame_equal(*before)
    markers = [one.catalog.resolve(name).item_index for name in MARKERS]  # type: ignore[union-attr]
    assert not before[0]["item_index"].is_in(markers).any()
    assert_frame_equal(one.catalog.frame, other.catalog.frame)


def test_training_does_not_see_them(twins: list[tuple[Setting, Dataset]]) -> None:
    weights = [sorted(path.read_bytes() for path in s.runs.glob("*/model/weights.safetensors")) for s, _ in twins]
    assert len(weights[0]) == 2
    assert weights[0] == weights[1]


def test_tuning_does_not_see_them(twins: list[tuple[Setting, Dataset]], tmp_path: Path) -> None:
    runs = [tune(Setting(s.workspace, out=tmp_path / str(i)), dataset) for i, (s, dataset) in enumerate(twins)]
    for file in ("model/weights.safetensors", "evidence.safetensors"):
        assert len({(run.path / file).read_bytes() for run in runs}) == 1


def test_swapping_them_changes_no_trajectory_and_no_list(twins: list[tuple[Setting, Dataset]]) -> None:
    (one, first), (other, second) = [evaluate(setting, dataset) for setting, dataset in twins]
    assert (one.path / "trajectories.jsonl").read_bytes() == (other.path / "trajectories.jsonl").read_bytes()
    lists = [pl.read_parquet(run.path / "rankings.parquet") for run in (one, other)]
    assert_frame_equal(*lists)
    assert (first.n_users, second.n_users) == (N_USERS, N_USERS)
    assert lists[0]["item_id"].is_in(MARKERS).any(), "no list held a marker: the scores could not differ"
    assert first.rows != second.rows


def test_they_are_read_only_after_the_lists_are_written(
    twins: list[tuple[Setting, Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, dataset = twins[0]
    out, read, parts = tmp_path / "run", datasets.read_held_out, []

    def guarded(path: Path, part: Part, n_users: int) -> npt.NDArray[object]:
        assert (out / "rankings.parquet").is_file(), "a held-out item was read before the lists were written"
        assert (out / "trajectories.jsonl").read_bytes().count(b"\n") == 10
        parts.append(part)
        return read(path, part, n_users)

    monkeypatch.setattr(datasets, "read_held_out", guarded)
    _, report = evaluate(Setting(setting.workspace, out=out), dataset, EvalPlan(n_users=10))
    assert (parts, report.n_users) == ([Part.TEST], 10)


def test_recommending_never_reads_them(
    twins: list[tuple[Setting, Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a held-out item was read")

    monkeypatch.setattr(datasets, "read_held_out", forbidden)
    setting, dataset = twins[0]
    _, done = recommend(Setting(setting.workspace, out=tmp_path / "run"), dataset, ["1", "2"])
    assert [str(trajectory.status) for trajectory in done] == ["finished", "finished"]


def test_the_histories_that_lists_are_made_from_hold_none_of_them(twins: list[tuple[Setting, Dataset]]) -> None:
    for _, dataset in twins:
        markers = {dataset.catalog.resolve(name).item_index for name in MARKERS}  # type: ignore[union-attr]
        assert not markers & set(dataset.before(Part.TEST).items.tolist())
        assert markers <= set(dataset.before(None).items.tolist())


def two_models(setting: Setting, dataset: Dataset) -> RunDir:
    with LoopbackServer(PlayedSurrogate()) as server:
        one, other = (ModelPlan(ModelOptions(name, server.base_url)) for name in ("one", "other"))
        return ablate(setting, dataset, "models", AblationPlan(AgentPlan(model=one), 8, other_model=other))[0]


COMPARED: dict[str, Callable[[Setting, Dataset], RunDir]] = {
    "baselines": lambda setting, dataset: evaluate(setting, dataset, EvalPlan(baselines=tuple(BASELINES.names())))[0],
    **{
        kind: lambda setting, dataset, kind=kind: ablate(setting, dataset, kind, AblationPlan(noise=(1,)))[0]
        for kind in ("rounds", "attributes", "memory", "rank", "parts", "encoders")
    },
    "models": two_models,
    **{
        kind: lambda setting, dataset, kind=kind: stress(setting, dataset, kind, StressPlan(rates=(0.2,)))[0]
        for kind in ("ids", "histories")
    },
}


@pytest.mark.parametrize("what", list(COMPARED))
def test_no_list_of_any_comparison_sees_them(
    twins: list[tuple[Setting, Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The same lists whatever is held out, and written before it is read."""
    read = datasets.read_held_out
    lists: list[pl.DataFrame] = []
    for number, (setting, dataset) in enumerate(twins):
        out = tmp_path / str(number)

        def guarded(path: Path, part: Part, n_users: int, out: Path = out) -> npt.NDArray[object]:
            assert part is Part.VALIDATION or (out / "rankings.parquet").is_file(), "read before the lists were written"
            return read(path, part, n_users)

        monkeypatch.setattr(datasets, "read_held_out", guarded)
        run = COMPARED[what](Setting(setting.workspace, out=out), dataset)
        lists.append(pl.read_parquet(run.path / "rankings.parquet"))
    assert_frame_equal(*lists)


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
def test_no_prompt_of_a_language_model_depends_on_them(
    twins: list[tuple[Setting, Dataset]], tmp_path: Path, protocol: str
) -> None:
    """The surrogate's, the rank tool's, and those of every baseline: the same questions, byte for byte, and the same lists."""
    asked: list[list[str]] = []
    lists: list[pl.DataFrame] = []
    for number, (setting, dataset) in enumerate(twins):
        with LoopbackServer(PlayedSurrogate()) as server:
            model = ModelPlan(ModelOptions("played", server.base_url), protocol=protocol)  # type: ignore[arg-type]
            plan = EvalPlan(AgentPlan(model=model), n_users=10, baselines=tuple(LLM_BASELINES.names()))
            run, report = evaluate(Setting(setting.workspace, out=tmp_path / str(number)), dataset, plan)
            asked.append([json.dumps(each.body) for each in server.received])
        assert sum(sum(row.ends.values()) for row in report.llm_rows.values()) == 10 * len(LLM_BASELINES.names())
        lists.append(pl.read_parquet(run.path / "rankings.parquet"))
    assert len(asked[0]) >= 10 * (5 + 6)
    assert asked[0] == asked[1]
    assert_frame_equal(*lists)
