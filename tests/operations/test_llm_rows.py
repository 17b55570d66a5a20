"""The rows of an evaluation in which the model does not explore: asked of everybody, counted apart, never above the dry run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.agent.baseline import LLM_BASELINES
from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.llm.budgeted import worst_usage
from toolrec_cli.llm.recorded import read_exchanges
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.estimating import dry_run
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.testing import LoopbackServer, Scripted
from toolrec_cli.testing.asked import Asked, read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate, written

ALL = tuple(LLM_BASELINES.names())
QUESTIONS = {"chat-rec": 1, "llm-multi": 1, "llm-plan": 2, "llm-rank": 1, "llm-single": 1}
"""How many questions a user of a model that behaves well takes."""


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(PlayedSurrogate()) as running:
        yield running


def planned(server: LoopbackServer, **changes: Any) -> AgentPlan:
    options = ModelOptions("played", server.base_url, concurrency=4)
    return AgentPlan(limits=Limits(), model=replace(ModelPlan(options), **changes))


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
def test_everybody_is_in_every_row_and_each_rows_calls_are_its_own(
    server: LoopbackServer, workspace: Path, tiny: Dataset, protocol: str
) -> None:
    plan = EvalPlan(planned(server, protocol=protocol), n_users=8, baselines=("popularity", *ALL))
    run, report = evaluate(Setting(workspace), tiny, plan, pace=Pace(4))
    assert [row.name for row in report.rows][-7:-2] == list(ALL)
    assert tuple(report.llm_rows) == ALL
    lists = pl.read_parquet(run.path / "rankings.parquet")
    for name, row in report.llm_rows.items():
        assert row.ends == {"ordered": 8, "filled": 0, "refused": 0, "rejected": 0}
        assert (row.usage["calls"], row.usage["failures"]) == (8 * QUESTIONS[name], 0)
        own = lists.filter(pl.col("row") == name)
        assert own.group_by("user_id").len()["len"].to_list() == [10] * 8
    beside = sum(row.usage["calls"] for row in report.llm_rows.values())
    assert report.usage is not None
    assert report.usage["calls"] == server.count == beside + 8 * 5
    exchanges = read_exchanges(run.path / "exchanges.jsonl")
    assert len(exchanges) == server.count
    assert {f"prompt:{name}" for name in ("llm-plan", "chat-rec")} <= run.manifest.inputs.keys()


def test_who_gets_no_answer_is_a_miss_in_that_row_and_nowhere_else(workspace: Path, tiny: Dataset) -> None:
    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        return Scripted("I would rather not.") if read_request(asked).protocol in ("plan", "titles") else play(asked)

    with LoopbackServer(script) as server:
        run, report = evaluate(
            Setting(workspace), tiny, EvalPlan(planned(server), n_users=8, baselines=ALL), pace=Pace(4)
        )
    ends = {name: row.ends for name, row in report.llm_rows.items()}
    assert ends["llm-plan"] == ends["chat-rec"] == {"ordered": 0, "filled": 0, "refused": 8, "rejected": 0}
    assert ends["llm-single"]["ordered"] == 8
    scores = {row.name: row.metrics["ndcg@10"] for row in report.rows}
    assert (scores["llm-plan"].mean, scores["chat-rec"].mean, scores["llm-plan"].n) == (0.0, 0.0, 8)
    assert "llm-plan" not in pl.read_parquet(run.path / "rankings.parquet")["row"].unique()


def greedy(asked: dict[str, Any]) -> Scripted:
    """Takes all there is to take: 200 items at a time, orders by words of its own, long lists, every round to the last.

    What it orders is wrong always, so that each question for an order is asked again.
    """
    read = read_request(asked)
    if read.protocol in ("rank", "titles"):
        return written(
            read, ("rank", {"items": [*read.candidates, *(f"Never heard of {n} {'x' * 80}" for n in range(20))]})
        )
    if read.protocol == "plan":
        calls = [{"attribute": attribute, "k": 200, "value": None} for attribute in (None, *read.attributes) * 3]
        return written(read, ("plan", {"calls": calls, "rank": "words of its own, and many of them " * 4}))
    return written(read, _act(read), thought="I want it all. " * 8)


def _act(read: Asked) -> tuple[str, dict[str, Any]]:
    if read.legal == ("finish",):
        return "finish", {"items": [f"Nothing like it {n}" for n in range(300)]}
    if read.rounds < 3 or "rank" not in read.legal:
        return "retrieve", {"attribute": [None, *read.attributes][read.rounds % 3], "k": 200, "value": None}
    return "rank", {"attribute": f"{read.rounds} words of its own, and many of them", "k": 200}


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
@pytest.mark.parametrize(
    "script", [PlayedSurrogate(), PlayedSurrogate(0.5, 7), greedy], ids=["well", "badly", "greedy"]
)
def test_no_run_takes_more_than_the_dry_run_says_at_most(
    workspace: Path, tiny: Dataset, protocol: str, script: Any
) -> None:
    """Counted in bytes, as the bound is: the server's own tokens are a quarter of that. All 80 users, three rankings each."""
    with LoopbackServer(script) as server:
        plan = planned(server, protocol=protocol, samples=2)
        ids = tiny.users["user_id"].to_list()
        bill = dry_run(Setting(workspace), tiny, ids, plan, len(ids), beside=ALL).estimate
        assert server.count == 0
        run, report = evaluate(Setting(workspace), tiny, EvalPlan(plan, baselines=ALL), pace=Pace(4))
    exchanges = read_exchanges(run.path / "exchanges.jsonl")
    taken = [worst_usage(replace(each.request, max_tokens=0)).input_tokens for each in exchanges]
    assert report.n_users == 80
    assert len(exchanges) <= bill.most.calls
    assert sum(taken) <= bill.most.input_tokens
    of_users: dict[str | None, int] = {}
    for each, size in zip(exchanges, taken, strict=True):
        of_users[each.label] = of_users.get(each.label, 0) + size
    assert max(of_users.values()) <= bill.most.input_tokens / 80
    assert bill.expected.input_tokens < bill.most.input_tokens


def test_a_greedy_model_comes_near_the_bound(workspace: Path, tiny: Dataset) -> None:
    """Else it would say nothing: of 60 items there are few to take, so the calls are nearer than the bytes."""
    with LoopbackServer(greedy) as server:
        plan, ids = planned(server), tiny.users["user_id"].to_list()[:4]
        most = dry_run(Setting(workspace), tiny, ids, plan, len(ids)).estimate.most
        run, _ = explore_all(Setting(workspace), tiny, ids, plan, pace=Pace(4))
    exchanges = read_exchanges(run.path / "exchanges.jsonl")
    taken = sum(worst_usage(replace(each.request, max_tokens=0)).input_tokens for each in exchanges)
    assert most.calls * 3 / 4 <= len(exchanges) <= most.calls
    assert most.input_tokens / 5 <= taken <= most.input_tokens


def test_a_budget_of_what_the_dry_run_says_is_never_reached(workspace: Path, tiny: Dataset) -> None:
    """Although each question is set aside at its worst before it is asked, with four under way."""
    with LoopbackServer(PlayedSurrogate()) as server:
        plan = planned(server)
        ids = tiny.users["user_id"].to_list()
        most = dry_run(Setting(workspace), tiny, ids, plan, len(ids)).estimate.most
        assert plan.model is not None
        limits = replace(plan.model.options.limits, tokens=most.input_tokens + most.output_tokens, calls=most.calls)
        limited = replace(plan.model, options=replace(plan.model.options, limits=limits))
        _, outcome = explore_all(Setting(workspace), tiny, ids, replace(plan, model=limited), pace=Pace(4))
    assert outcome.statuses == {"finished": 80}


def test_the_bound_rests_on_no_sample(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    """Whoever the five are whose prompts are looked at, what is said to be the most is the same."""
    ids = tiny.users["user_id"].to_list()
    bills = [dry_run(Setting(workspace, seed=seed), tiny, ids, planned(server), 80).estimate for seed in (1, 2, 3)]
    assert len({bill.most.input_tokens for bill in bills}) == 1
    assert len({bill.expected.input_tokens for bill in bills}) > 1


def test_a_dry_run_counts_each_baselines_calls(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    ids, plan = tiny.users["user_id"].to_list()[:10], planned(server)
    for name, usual in QUESTIONS.items():
        found = dry_run(Setting(workspace), tiny, ids, plan, 0, beside=[name]).estimate
        assert found.expected.calls == 10 * usual
        assert found.most.calls >= found.expected.calls
    both = dry_run(Setting(workspace), tiny, ids, plan, 10, beside=ALL).estimate
    assert both.expected.calls == 10 * (5 + 1 + sum(QUESTIONS.values()))


def test_the_lists_of_a_baseline_are_in_its_row_as_the_model_said_them(workspace: Path, tiny: Dataset) -> None:
    """Chat-REC's answers in the other order: its row holds the last ten of the backbone's twenty, from behind."""

    def script(asked: dict[str, Any]) -> Scripted:
        read = read_request(asked)
        return (
            Scripted("\n".join(read.candidates[::-1][:10])) if read.protocol == "titles" else PlayedSurrogate()(asked)
        )

    with LoopbackServer(script) as server:
        plan = EvalPlan(planned(server), n_users=12, baselines=("chat-rec",), ks=(10, 30))
        run, report = evaluate(Setting(workspace), tiny, plan, pace=Pace(4))
    assert report.llm_rows["chat-rec"].ends["ordered"] == 12
    lists = pl.read_parquet(run.path / "rankings.parquet").sort("rank")
    for user in lists["user_id"].unique():
        own, best = (
            lists.filter((pl.col("user_id") == user) & (pl.col("row") == row))["item_id"].to_list()
            for row in ("chat-rec", "sasrec")
        )
        assert own == [*best[10:20][::-1], *best[:10], *best[20:]]
    stored = json.loads((run.path / "report.json").read_text())["llm_rows"]["chat-rec"]
    assert stored["usage"]["calls"] == 12
