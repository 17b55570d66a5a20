"""Two language models on the same users, behind two servers of different skill: what each lists, takes and is worth."""

import json
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import Zygote, until

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import BudgetSpent, UsageError
from toolrec_cli.evaluation.variants import Comparison
from toolrec_cli.llm.budgeted import Limits
from toolrec_cli.llm.stack import ModelOptions, cache_path
from toolrec_cli.operations.ablating import AblationPlan, ablate
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.list_making import BUILTIN
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.rivals import DOLLARS_A_THOUSAND, bills
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.run_dir import RunDir, list_runs, open_run
from toolrec_cli.testing import LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate, good_act, written

QUESTIONS = 5
"""A user of either takes so many."""


def clumsy(asked: dict[str, Any]) -> Scripted:
    """Explores as the deft one does, and finishes with the last items that it was shown, the last of them first."""
    read = read_request(asked)
    tool, arguments = good_act(read)
    return written(read, (tool, {"items": read.shown[-10:][::-1]} if tool == "finish" else arguments))


@pytest.fixture
def servers() -> Iterator[tuple[LoopbackServer, LoopbackServer]]:
    with LoopbackServer(PlayedSurrogate()) as deft, LoopbackServer(clumsy) as other:
        yield deft, other


def model(name: str, server: LoopbackServer, **options: Any) -> ModelPlan:
    return ModelPlan(ModelOptions(name, server.base_url, concurrency=4, price_input=2.0, price_output=8.0, **options))


def planned(servers: tuple[LoopbackServer, LoopbackServer], n_users: int = 6, **options: Any) -> AblationPlan:
    one, other = model("deft", servers[0], **options), model("clumsy", servers[1], **options)
    cheap = replace(other, options=replace(other.options, price_input=0.5, price_output=2.0))
    return AblationPlan(AgentPlan(model=one), n_users, other_model=cheap)


N_USERS = 40


@pytest.fixture(scope="module")
def home(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the two were compared."""
    return Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("rivals") / "w"))


@pytest.fixture(scope="module")
def made(home: Path, tiny: Dataset) -> tuple[RunDir, Comparison]:
    with LoopbackServer(PlayedSurrogate()) as deft, LoopbackServer(clumsy) as other:
        return ablate(Setting(home), tiny, "models", planned((deft, other), N_USERS))


def test_rows_prices_and_reading(made: tuple[RunDir, Comparison]) -> None:
    run, found = made
    one, other, builtin = found.rows
    assert ([row.name for row in found.rows], found.reference) == (["deft", "clumsy", BUILTIN], BUILTIN)
    assert (one.against, other.against, other.also, builtin.versus) == (BUILTIN, BUILTIN, "deft", None)
    assert one.metrics["ndcg@10"].mean > other.metrics["ndcg@10"].mean > 0
    assert other.versus_also is not None
    lost = other.metrics["ndcg@10"].mean - one.metrics["ndcg@10"].mean
    assert other.versus_also["ndcg@10"].difference == pytest.approx(lost)
    for row, price_in, price_out in ((one, 2.0, 8.0), (other, 0.5, 2.0)):
        told = row.measured
        assert told["calls"] == N_USERS * QUESTIONS
        dollars = (told["tokens in"] * price_in + told["tokens out"] * price_out) / 1e6
        assert told["dollars"] == pytest.approx(dollars, abs=1e-6)
        assert told[DOLLARS_A_THOUSAND] == pytest.approx(dollars / N_USERS * 1000, rel=1e-4)
        assert (told["no list"], told["no answer"], told["unfinished"]) == (0, 0, 0)
        assert row.versus is not None
        gained = row.versus["ndcg@10"].difference
        point = None if gained <= 0 else pytest.approx(told[DOLLARS_A_THOUSAND] / (100 * gained))
        assert told.get("$ per point") == point
    assert len(found.reading) == 2
    assert "clumsy against deft" in found.reading[0]
    assert found.reading[1].startswith("For 1,000 users deft adds ")
    assert {"variants.parquet", "variants.svg", "rankings.parquet", "report.json"} <= set(run.manifest.outputs)
    assert (run.path / "variants.svg").read_text().count("<circle") == 3


def test_the_table_has_every_comparison(made: tuple[RunDir, Comparison]) -> None:
    table = pl.read_parquet(made[0].path / "variants.parquet").filter(figure="ndcg@10")
    pairs = [("deft", BUILTIN), ("clumsy", BUILTIN), ("clumsy", "deft"), (BUILTIN, None)]
    assert table.select("variant", "against").rows() == pairs
    assert table["difference"].null_count() == 1


def test_each_is_a_run_of_its_own_within_that_can_be_verified(
    made: tuple[RunDir, Comparison], home: Path, tiny: Dataset
) -> None:
    run, found = made
    lists = pl.read_parquet(run.path / "rankings.parquet")
    for folder, row in (("model-1", "deft"), ("model-2", "clumsy")):
        own = open_run(run.path / folder)
        assert (own.manifest.status, own.manifest.inputs["model"]) == ("done", row)
        theirs = pl.read_parquet(own.path / "rankings.parquet").drop("row").sort("user_id", "rank")
        assert lists.filter(row=row).drop("row").sort("user_id", "rank").equals(theirs)
        assert verify(Setting(home), tiny, own) == N_USERS
    assert {each.name for each in list_runs(home / "runs")} & {"model-1", "model-2"} == set()
    used = run.manifest.result["usage"]
    assert used["calls"] == 2 * N_USERS * QUESTIONS
    assert used["dollars"] == pytest.approx(sum(row.measured.get("dollars", 0) for row in found.rows), abs=1e-5)


def test_what_was_in_the_cache_has_its_price_and_is_not_paid_again(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    plan = planned(servers, cache=cache_path(workspace))
    _, before = ablate(Setting(workspace), tiny, "models", plan)
    asked = [server.count for server in servers]
    run, after = ablate(Setting(workspace), tiny, "models", plan)
    assert [server.count for server in servers] == asked
    prices = [row.measured.get("dollars") for row in before.rows]
    assert [row.measured.get("dollars") for row in after.rows] == prices
    assert (run.manifest.result["usage"]["calls"], run.manifest.result["usage"]["dollars"]) == (0, 0)


def test_failures_are_each_model_s_own(workspace: Path, tiny: Dataset) -> None:
    def mute(asked: dict[str, Any]) -> Scripted:
        return Scripted("I would rather not.")

    with LoopbackServer(PlayedSurrogate()) as one, LoopbackServer(mute) as two:
        _, found = ablate(Setting(workspace), tiny, "models", planned((one, two), n_users=8))
    deft, silent, builtin = found.rows
    assert (deft.measured["no list"], silent.measured["no list"]) == (0, 8)
    assert (silent.metrics["ndcg@10"].mean, silent.metrics["ndcg@10"].n) == (0.0, 8)
    assert "$ per point" not in silent.measured
    assert "no list" not in builtin.measured


def test_a_price_that_nobody_knows_is_said_and_is_not_0(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    plan = planned(servers, n_users=5)
    assert plan.other_model
    free = replace(plan.other_model, options=replace(plan.other_model.options, price_input=None, price_output=None))
    _, found = ablate(Setting(workspace), tiny, "models", replace(plan, other_model=free))
    assert DOLLARS_A_THOUSAND in found.rows[0].measured
    assert not {DOLLARS_A_THOUSAND, "dollars"} & found.rows[1].measured.keys()
    assert "at a price that is not known" in found.reading[1]


def test_one_budget_is_for_both_and_more_of_it_goes_on(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    """Enough for the first and half of the second: what is done stays, and nobody is asked again."""
    few = planned(servers, n_users=8, limits=Limits(calls=8 * QUESTIONS + 20))
    out = workspace / "run"
    with pytest.raises(BudgetSpent) as stopped:
        ablate(Setting(workspace, out=out), tiny, "models", few)
    assert stopped.value.__notes__[-1] == f"Kept: {out}. Go on: toolrec eval --resume {out}"
    assert sum("Kept" in note for note in stopped.value.__notes__) == 1
    assert [server.count for server in servers] == [8 * QUESTIONS, 20]
    more = planned(servers, n_users=8, limits=Limits(calls=16 * QUESTIONS))
    _, found = ablate(Setting(workspace), tiny, "models", more, again=Again(open_run(out)))
    assert [row.measured.get("calls") for row in found.rows] == [8 * QUESTIONS, 8 * QUESTIONS, None]
    assert [server.count for server in servers] == [8 * QUESTIONS, 8 * QUESTIONS]


def test_another_model_is_another_comparison(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    plan = planned(servers, n_users=8, limits=Limits(calls=8 * QUESTIONS + 3))
    with pytest.raises(BudgetSpent):
        ablate(Setting(workspace, out=workspace / "run"), tiny, "models", plan)
    again = Again(open_run(workspace / "run"))
    changed = replace(plan, agent=AgentPlan(model=model("another", servers[0])))
    with pytest.raises(UsageError, match=r"inputs\.model-1 was 'deft at http"):
        ablate(Setting(workspace), tiny, "models", changed, again=again)


def test_the_bill_is_known_beforehand(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    one, other = bills(Setting(workspace), tiny, planned(servers))
    assert (one.model, other.model, one.estimate.users, other.estimate.users) == ("deft", "clumsy", 6, 6)
    assert one.estimate.expected.dollars == pytest.approx(4 * other.estimate.expected.dollars)
    assert [server.count for server in servers] == [0, 0]


def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    plan, there = planned(servers), sorted((workspace / "runs").iterdir())
    assert plan.other_model
    unpriced = replace(plan.other_model.options, price_input=None, price_output=None, limits=Limits(cost=1.0))
    wrong = {
        "sets two language models": replace(plan, other_model=None),
        "--max-cost cannot be kept": replace(plan, other_model=replace(plan.other_model, options=unpriced)),
    }
    for message, each in wrong.items():
        with pytest.raises(UsageError, match=message):
            ablate(Setting(workspace), tiny, "models", each)
    with pytest.raises(UsageError, match="--ablate rounds is of the built-in surrogate"):
        ablate(Setting(workspace), tiny, "rounds", plan)
    assert sorted((workspace / "runs").iterdir()) == there
    assert [server.count for server in servers] == [0, 0]


def test_two_of_one_name_are_told_apart(
    workspace: Path, tiny: Dataset, servers: tuple[LoopbackServer, LoopbackServer]
) -> None:
    plan = AblationPlan(AgentPlan(model=model("m", servers[0])), 4, other_model=model("m", servers[1]))
    _, found = ablate(Setting(workspace), tiny, "models", plan)
    assert [row.name for row in found.rows] == ["m (1)", "m (2)", BUILTIN]


@pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "no cache"])
def test_killed_it_goes_on_and_pays_for_nothing_twice(
    zygote: Zygote, tiny_workspace: Path, tmp_path: Path, cached: bool
) -> None:
    """Once while the first is asked, once while the second is: at most what was under way is asked again."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path / "w"))
    at_once, n_users = 2, 8
    asked: Counter[str] = Counter()

    def noting(script: Any) -> Any:
        def answer(request: dict[str, Any]) -> Scripted:
            asked[json.dumps(request, sort_keys=True)] += 1
            return script(request)

        return answer

    with (
        LoopbackServer(noting(PlayedSurrogate()), latency=0.01, keep=False) as one,
        LoopbackServer(noting(clumsy), latency=0.01, keep=False) as two,
    ):
        words = ["eval", "--ablate", "models", "--users", str(n_users), "-w", workspace]
        words += ["--model", "deft", "--base-url", one.base_url, "--concurrency", str(at_once)]
        words += ["--against-model", "clumsy", "--against-base-url", two.base_url]
        words += [] if cached else ["--no-cache"]
        whole = zygote.call(*words, "--json")
        assert whole.returncode == 0, whole.stderr
        questions = asked.total()
        asked.clear()
        shutil.rmtree(workspace / "cache", ignore_errors=True)
        run, resume = tmp_path / "run", ["eval", "--resume", tmp_path / "run", "-w", workspace, "--json"]
        for begin, wanted in (([*words, "--out", run], questions // 4), (resume, 3 * questions // 4)):
            child = zygote.start(*begin, slow=0)
            until(lambda wanted=wanted: asked.total() >= wanted, child)
            child.send(signal.SIGKILL)
            assert child.end().returncode == -9
        said = zygote.call(*resume)
        assert said.returncode == 0, said.stderr
    assert len(asked) == questions
    assert asked.total() - questions <= 2 * at_once * (1 if cached else QUESTIONS)
    expected, found = json.loads(whole.stdout), json.loads(said.stdout)
    for ours, theirs in zip(found["rows"], expected["rows"], strict=True):
        assert {**ours, "measured": None} == {**theirs, "measured": None}
    assert found["reading"] == expected["reading"]
