"""A run with a model that goes on: nobody is paid twice, with or without a cache, and the account is what it was."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.agent.llm_surrogate import requests
from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import BudgetSpent, ProviderError
from toolrec_cli.llm import budgeted
from toolrec_cli.llm.messages import Message, Request
from toolrec_cli.llm.metered import labelled
from toolrec_cli.llm.recorded import question_digest, read_exchanges
from toolrec_cli.llm.stack import Earlier, ModelOptions, Stack, build, settings_digest
from toolrec_cli.llm.unanswered import charges
from toolrec_cli.operations import modelling
from toolrec_cli.operations.accounting import ExchangeLog
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import Again, recorded
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate

pytestmark = pytest.mark.usefixtures("no_pauses")


def planned(server: LoopbackServer, calls: int | None, **options: Any) -> AgentPlan:
    """Without a cache."""
    limits = budgeted.Limits(calls=calls)
    asked = ModelOptions("played", server.base_url, concurrency=3, limits=limits, **options)
    return AgentPlan(limits=Limits(6, 5), model=ModelPlan(asked))


def never_the_same(script: PlayedSurrogate) -> Any:
    """Plays well, and never says the same twice: as a model at work on many things does."""
    numbers = itertools.count()

    def said(asked: dict[str, Any]) -> Scripted:
        reply = script(asked)
        return replace(reply, text=reply.text.replace("I miss something.", f"I miss something, {next(numbers)}."))

    return said


def test_who_was_under_way_goes_on_with_the_answers_he_had(workspace: Path, tiny: Dataset) -> None:
    """Stopped five times without a cache, at a model that would answer otherwise: every question is asked once."""
    ids, setting, again = tiny.users["user_id"].to_list()[:12], Setting(workspace, out=workspace / "r"), None
    with LoopbackServer(never_the_same(PlayedSurrogate())) as server:
        for calls in (9, 17, 26, 31, 44):
            with pytest.raises(BudgetSpent):
                explore_all(setting, tiny, ids, planned(server, calls), again=again, pace=Pace(3))
            assert server.count == calls
            again = Again(open_run(workspace / "r"))
        run, outcome = explore_all(setting, tiny, ids, planned(server, None), again=again, pace=Pace(3))
        assert outcome.statuses == {"finished": 12}
        asked = Counter(json.dumps(each.body, sort_keys=True) for each in server.received)
        n_asked = server.count
    exchanges = read_exchanges(run.path / "exchanges.jsonl")
    assert len(exchanges) == n_asked
    assert len({(each.label, each.digest) for each in exchanges}) == n_asked
    assert set(asked.values()) == {1}
    of_users = {(each.label, each.digest): each.reply.text for each in exchanges}
    for trajectory in recorded(run).trajectories():
        for request, step in zip(requests(trajectory), trajectory.steps, strict=True):
            assert of_users[trajectory.user_id, question_digest(request)] == step.exchanges[0].text
    used = run.manifest.result["usage"]
    assert (used["calls"], used["cache_hits"]) == (n_asked, 0)
    usage = pl.read_parquet(run.path / "usage.parquet")
    assert dict(usage.select("user_id", "calls").iter_rows()) == Counter(str(each.label) for each in exchanges)


def test_the_baseline_without_tools_is_not_asked_again_either(workspace: Path, tiny: Dataset) -> None:
    setting = Setting(workspace, out=workspace / "e")

    def plan(server: LoopbackServer, calls: int | None) -> EvalPlan:
        return EvalPlan(replace(planned(server, calls), limits=Limits()), n_users=8, baselines=("llm-rank",))

    with LoopbackServer(never_the_same(PlayedSurrogate())) as server:
        with pytest.raises(BudgetSpent):
            evaluate(setting, tiny, plan(server, 8 * 5 + 3), pace=Pace(3))
        _, report = evaluate(setting, tiny, plan(server, None), again=Again(open_run(workspace / "e")), pace=Pace(3))
        asked = Counter(json.dumps(each.body, sort_keys=True) for each in server.received)
    assert report.statuses == {"finished": 8}
    assert set(asked.values()) == {1}


def test_another_server_is_not_answered_for(workspace: Path, tiny: Dataset) -> None:
    """With --allow-drift at another address: what the first one said is not taken for the second one's."""
    ids, setting = tiny.users["user_id"].to_list()[:6], Setting(workspace, out=workspace / "r")
    with LoopbackServer(PlayedSurrogate()) as one, LoopbackServer(PlayedSurrogate()) as other:
        with pytest.raises(BudgetSpent):
            explore_all(setting, tiny, ids, planned(one, 14), pace=Pace(3))
        done = (workspace / "r" / "trajectories.jsonl").read_bytes().count(b"\n")
        drifting = Again(open_run(workspace / "r"), allow_drift=True)
        explore_all(setting, tiny, ids, planned(other, None), again=drifting, pace=Pace(3))
        assert one.count == 14
        assert other.count == 5 * (6 - done)


def test_a_run_goes_on_with_the_prompts_it_began_with(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when this program has newer ones: who is told otherwise is another surrogate."""
    ids, setting = tiny.users["user_id"].to_list()[:6], Setting(workspace, out=workspace / "r")
    with LoopbackServer(PlayedSurrogate()) as server:
        with monkeypatch.context() as earlier:
            earlier.setattr(modelling, "VERSION", "1")
            with pytest.raises(BudgetSpent):
                explore_all(setting, tiny, ids, planned(server, 14), pace=Pace(3))
        run, _ = explore_all(setting, tiny, ids, planned(server, None), again=Again(open_run(workspace / "r")))
        assert {each.brief.prompt for each in recorded(run).trajectories() if each.brief} == {"films/1"}
        assert run.manifest.resumed[0]["drift"] == {}
        fresh, _ = explore_all(Setting(workspace), tiny, ids[:1], planned(server, None))
    assert fresh.manifest.inputs["model:prompt"].startswith("films/2 ")


QUESTIONS = [Request((Message("user", f"Question {number}?"),), max_tokens=50) for number in range(9)]


def failing(asked: dict[str, Any]) -> Scripted:
    """Of nine questions two get no answer in time, one an empty one, one a broken connection, one is refused, one uncounted."""
    number = int(asked["messages"][0]["content"].split()[1].rstrip("?"))
    faults = {1: Fault.TIMEOUT, 2: Fault.EMPTY_BODY, 4: Fault.CUT_BODY, 5: Fault.TIMEOUT, 6: Fault.RATE_LIMIT}
    return Scripted("Yes.", fault=faults.get(number))


def stacked(
    server: LoopbackServer, folder: Path, limits: budgeted.Limits, *, again: bool
) -> tuple[Stack, ExchangeLog, ExchangeLog]:
    logs = ExchangeLog(), ExchangeLog()
    options = ModelOptions(
        "m", server.base_url, timeout=0.3, max_retries=2, limits=limits, price_input=1, price_output=2
    )
    files = folder / "exchanges.jsonl", folder / "unanswered.jsonl"
    plain = build(options, {}, folder)
    earlier = Earlier(*files, settings_digest(plain.endpoint)) if again else None
    stack = build(options, {}, folder, sink=logs[0].add, unanswered=logs[1].add, earlier=earlier)
    for log, file in zip(logs, files, strict=True):
        log.open(file)
    return stack, *logs


@pytest.mark.parametrize("limits", [budgeted.Limits(), budgeted.Limits(calls=1000, tokens=10**9, cost=100.0)])
def test_what_was_charged_without_an_answer_is_charged_when_the_run_goes_on(
    tmp_path: Path, limits: budgeted.Limits
) -> None:
    with LoopbackServer(failing) as server:
        stack, log, unanswered = stacked(server, tmp_path, limits, again=False)
        for request in QUESTIONS:
            with labelled("7"):
                try:
                    stack.model.reply(request)
                except ProviderError:
                    continue
        log.close()
        unanswered.close()
        later, *_ = stacked(server, tmp_path, budgeted.Limits(calls=1000), again=True)
        asked = server.count
        with labelled("7"):
            answers = [later.model.reply(QUESTIONS[number]).text for number in (0, 3, 7, 8)]
    assert (answers, server.count) == (["Yes."] * 4, asked)
    lines = list(charges(tmp_path / "unanswered.jsonl"))
    worst = {number: budgeted.worst_usage(QUESTIONS[number]) for number in (1, 2, 4, 5)}
    named = {question_digest(QUESTIONS[number]): number for number in worst}
    assert Counter(named[line.digest] for line in lines) == {1: 1, 2: 3, 4: 1, 5: 1}
    assert all(line.usage == worst[named[line.digest]] and line.label == "7" for line in lines)
    assert later.budget.spent.calls == 4 + 6
    if limits.any:
        assert later.budget.spent.calls == stack.budget.spent.calls
        assert later.budget.spent.tokens == stack.budget.spent.tokens
        assert later.budget.spent.cost == pytest.approx(stack.budget.spent.cost, rel=1e-12)
    assert later.ledger.total.calls == stack.ledger.total.calls == 4
    assert "did not answer within" in lines[0].why


def test_a_budget_that_was_spent_on_silence_is_spent(workspace: Path, tiny: Dataset) -> None:
    """Three tries of one question, each of which may have been billed, and no answer: not a call is left by --resume."""
    ids, setting, play = tiny.users["user_id"].to_list()[:4], Setting(workspace, out=workspace / "r"), PlayedSurrogate()
    count = itertools.count(1)

    def script(asked: dict[str, Any]) -> Scripted:
        return replace(play(asked), fault=Fault.EMPTY_BODY if next(count) in (3, 4, 5) else None)

    with LoopbackServer(script) as server:
        plan = planned(server, 8)
        with pytest.raises(BudgetSpent):
            explore_all(setting, tiny, ids, plan, pace=Pace(1))
        assert server.count == 8
        assert (workspace / "r" / "unanswered.jsonl").read_bytes().count(b"\n") == 3
        with pytest.raises(BudgetSpent, match="8 of 8 calls are made"):
            explore_all(setting, tiny, ids, plan, again=Again(open_run(workspace / "r")), pace=Pace(1))
        assert server.count == 8
