"""Runs in which a language model plays the surrogate: what is planned, counted, kept and compared."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolrec_cli.agent.llm_ranker import RankHabits
from toolrec_cli.agent.llm_surrogate import requests
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.trajectory import Status
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import BudgetSpent, ProviderError, UsageError
from toolrec_cli.llm.failures import Broken, Rejected
from toolrec_cli.llm.heard import PATIENCE, Heard
from toolrec_cli.llm.messages import Message, Reply, Request, Usage
from toolrec_cli.llm.recorded import Exchange, earlier_exchanges, question_digest, read_exchanges
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.accounting import ExchangeLog
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.estimating import dry_run, most_ranking
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, assemble, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import recorded
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate, written

QUESTION = Request((Message("user", "What next?"),))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(PlayedSurrogate()) as running:
        yield running


def planned(server: LoopbackServer, **changes: object) -> AgentPlan:
    options = ModelOptions("played", server.base_url, concurrency=4)
    return replace(AgentPlan(limits=Limits(6, 5)), model=replace(ModelPlan(options), **changes))


def test_the_brief_says_the_explorers_own_limits_attributes_and_domain(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    agent = assemble(Setting(workspace), tiny, planned(server))
    brief = agent.speaker.brief if agent.speaker else None
    assert brief is not None
    assert agent.explorer.limits == Limits(6, 5)
    assert "until you hold the 6" in brief.system
    assert (brief.prompt, brief.attributes, brief.protocol) == ("films/2", agent.scorer.attributes, "json")
    books = assemble(Setting(workspace), tiny, planned(server, prompt="books", protocol="react"))
    assert books.speaker is not None
    assert (books.speaker.brief.prompt, books.speaker.brief.protocol) == ("books/2", "react")
    assert "Example 1" in books.speaker.brief.system
    assert server.count == 0


def test_every_question_of_a_run_is_in_its_record_and_can_be_built_again(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    ids = tiny.users["user_id"].to_list()[:5]
    run, outcome = explore_all(Setting(workspace), tiny, ids, planned(server, samples=2), pace=Pace(4))
    assert (outcome.users, outcome.statuses) == (5, {"finished": 5})
    exchanges = read_exchanges(run.path / "exchanges.jsonl")
    assert len(exchanges) == server.count
    asked = {exchange.digest for exchange in exchanges}
    for trajectory in recorded(run).trajectories():
        assert {question_digest(request) for request in requests(trajectory)} <= asked
        assert trajectory.brief is not None
    assert {exchange.label for exchange in exchanges} == set(ids)
    usage = pl.read_parquet(run.path / "usage.parquet")
    assert dict(usage.select("user_id", "calls").iter_rows()) == {
        user: sum(exchange.label == user for exchange in exchanges) for user in ids
    }
    assert "usage.parquet" in run.manifest.outputs


def test_the_built_in_surrogate_beside_a_model_is_what_it_is_alone(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    alone, _ = evaluate(Setting(workspace), tiny, EvalPlan(AgentPlan(), n_users=15, ks=(10, 20)))
    plan = EvalPlan(replace(planned(server), limits=Limits()), n_users=15, ks=(10, 20))
    beside, report = evaluate(Setting(workspace), tiny, plan, pace=Pace(4))
    lists = [pl.read_parquet(run.path / "rankings.parquet") for run in (alone, beside)]
    own = lists[0].filter(pl.col("row") == "surrogate").drop("row")
    assert lists[1].filter(pl.col("row") == "surrogate:builtin").drop("row").equals(own)
    assert [row.name for row in report.rows][-2:] == ["surrogate:builtin", "surrogate"]
    assert report.surrogate == "played"
    stored = json.loads((beside.path / "report.json").read_text())
    assert stored["usage"]["calls"] == server.count
    assert open_run(alone.path).manifest.result.get("usage") is None


def turned_round(asked: dict[str, Any]) -> Scripted:
    """Plays well; candidates it names last first."""
    read = read_request(asked)
    if read.protocol != "rank":
        return PlayedSurrogate()(asked)
    return written(read, ("rank", {"items": read.candidates[::-1][: read.n]}))


def llm_ranked(server: LoopbackServer, ks: tuple[int, ...] = (10,)) -> EvalPlan:
    """An evaluation of twelve users with the baseline llm-rank."""
    return EvalPlan(replace(planned(server), limits=Limits()), n_users=12, baselines=("llm-rank",), ks=ks)


def lists_of(run: Path, row: str) -> dict[str, list[str]]:
    """A row's lists, by user."""
    found = pl.read_parquet(run / "rankings.parquet").filter(pl.col("row") == row).sort("rank")
    return {str(user[0]): rows["item_id"].to_list() for user, rows in found.group_by("user_id", maintain_order=True)}


def test_a_model_that_orders_nothing_has_no_lists_and_not_the_backbones(workspace: Path, tiny: Dataset) -> None:
    """Of the four questions of llm-rank one is answered, one half, one with nonsense, and one not at all."""
    users = dict[str, int]()

    def script(asked: dict[str, Any]) -> Scripted:
        read, told = read_request(asked), asked["messages"][1]["content"]
        if "The 20 candidates:" not in told:
            return turned_round(asked)
        kind = users.setdefault(told.partition("\nOrder them by")[0], len(users)) % 4
        if kind == 3:
            return Scripted(fault=Fault.CONTENT)
        return (
            Scripted("I cannot decide.")
            if kind == 2
            else written(read, ("rank", {"items": read.candidates[-1 - 9 * (kind == 0) :]}))
        )

    with LoopbackServer(script) as server:
        run, report = evaluate(Setting(workspace), tiny, llm_ranked(server), pace=Pace(4))
    assert report.llm_rows["llm-rank"].ends == {"ordered": 3, "filled": 3, "refused": 3, "rejected": 3}
    llm, backbone = lists_of(run.path, "llm-rank"), lists_of(run.path, "sasrec")
    assert len(llm) == 6
    assert all(own != backbone[user] for user, own in llm.items())
    stored = json.loads((run.path / "report.json").read_text())["llm_rows"]["llm-rank"]
    assert stored["ends"] == report.llm_rows["llm-rank"].ends
    assert (stored["usage"]["calls"], stored["usage"]["failures"]) == (12 - 3 + 6, 3)


def test_the_model_without_tools_is_a_baseline(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    """The model that is played turns the order round: its first places are the last of the backbone's best 20."""
    with LoopbackServer(turned_round) as other:
        plan = llm_ranked(other, ks=(10, 30))
        run, report = evaluate(Setting(workspace), tiny, plan, pace=Pace(4))
    assert [row.name for row in report.rows][-3:] == ["llm-rank", "surrogate:builtin", "surrogate"]
    assert report.llm_rows["llm-rank"].ends == {"ordered": 12, "filled": 0, "refused": 0, "rejected": 0}
    llm, backbone = lists_of(run.path, "llm-rank"), lists_of(run.path, "sasrec")
    assert len(llm) == 12
    for user, own in llm.items():
        best = backbone[user]
        assert own == [*best[10:20][::-1], *best[:10], *best[20:]]
    asked = [exchange.request.messages[1].content for exchange in read_exchanges(run.path / "exchanges.jsonl")]
    once = [text for text in asked if "The 20 candidates:" in text and "Name the 10 best." in text]
    assert len(once) >= 12
    with pytest.raises(UsageError, match="The baseline llm-rank is a language model's"):
        evaluate(Setting(workspace), tiny, EvalPlan(baselines=("llm-rank",)))


def test_a_stopped_run_counts_what_it_has_spent(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    ids = tiny.users["user_id"].to_list()[:12]
    plan = planned(server)
    assert plan.model is not None
    limits = replace(plan.model.options.limits, calls=25)
    plan = replace(plan, model=replace(plan.model, options=replace(plan.model.options, limits=limits)))
    with pytest.raises(BudgetSpent):
        explore_all(Setting(workspace, out=workspace / "r"), tiny, ids, plan, pace=Pace(3))
    manifest = open_run(workspace / "r").manifest
    assert manifest.status == "interrupted"
    assert (manifest.result["usage"]["calls"], server.count) == (25, 25)
    assert sum(not each.reply.from_cache for each in earlier_exchanges(workspace / "r" / "exchanges.jsonl")) == 25
    assert pl.read_parquet(workspace / "r" / "usage.parquet")["calls"].sum() == 25


def test_the_same_plan_again_is_answered_from_the_cache(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    plan = planned(server)
    assert plan.model is not None
    cached = replace(plan.model.options, cache=workspace / "cache" / "replies.sqlite")
    plan = replace(plan, model=replace(plan.model, options=cached))
    ids = tiny.users["user_id"].to_list()[:4]
    explore_all(Setting(workspace), tiny, ids, plan, pace=Pace(2))
    n_asked = server.count
    run, _ = explore_all(Setting(workspace), tiny, ids, plan, pace=Pace(2))
    assert server.count == n_asked
    used = run.manifest.result["usage"]
    assert (used["calls"], used["cache_hits"], used["input_tokens"]) == (0, n_asked, 0)


def test_a_dry_run_measures_real_prompts(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    ids = tiny.users["user_id"].to_list()
    found = dry_run(Setting(workspace), tiny, ids, planned(server), 40)
    assert (found.model, found.protocol, server.count) == ("played", "json", 0)
    bill = found.estimate
    assert (bill.users, bill.expected.calls, bill.most.calls) == (
        40,
        40 * 6,
        40 * (5 + most_ranking(5, RankHabits(), 60)),
    )
    run, _ = explore_all(Setting(workspace), tiny, ids[:40], planned(server), pace=Pace(4))
    used = run.manifest.result["usage"]
    assert used["input_tokens"] / 2 < bill.expected.input_tokens < 8 * used["input_tokens"]
    assert used["input_tokens"] < bill.most.input_tokens


def test_a_dry_run_of_a_resumed_evaluation_counts_the_baseline_for_everybody(
    server: LoopbackServer, workspace: Path, tiny: Dataset
) -> None:
    """Who has a trajectory is not explored for again, but the lists of llm-rank are made anew."""
    ids = tiny.users["user_id"].to_list()[:10]
    left = [dry_run(Setting(workspace), tiny, ids, planned(server, samples=2), n, beside=["llm-rank"]) for n in (0, 10)]
    nobody, everybody = (found.estimate for found in left)
    assert (nobody.expected.calls, nobody.most.calls) == (10 * 2, 10 * 2 * 2)
    assert everybody.expected.calls == 10 * (5 + 2 + 2)
    assert nobody.most.input_tokens > 0
    assert dry_run(Setting(workspace), tiny, ids, planned(server), 0).estimate.most.calls == 0


def test_the_most_questions_for_orders_are_those_of_the_worst_mixture() -> None:
    once = RankHabits(reruns=0)
    assert most_ranking(1, once, 10_000) == 0  # in the first round there is nothing to rank
    assert most_ranking(2, once, 50) == 0  # nor in the last, in which nothing is but finishing
    assert most_ranking(3, once, 50) == 1
    assert most_ranking(3, once, 10_000) == 3  # one round brings 200 candidates: two batches and their winners
    assert most_ranking(4, once, 10_000) == 2 * 3
    assert most_ranking(4, RankHabits(samples=2), 50) == 2 * 2 * 2


class Refusing:
    """Rejects the first questions, then answers."""

    name = "m"

    def __init__(self, first: int) -> None:
        self.left = first

    def reply(self, request: Request) -> Reply:
        self.left -= 1
        if self.left >= 0:
            raise Rejected("The question is too long for m.", hint="Ask for fewer items.")
        return Reply("yes")


def test_a_model_that_rejects_everything_is_no_users_own_failure() -> None:
    model = Heard(Refusing(PATIENCE))
    for _ in range(PATIENCE - 1):
        with pytest.raises(Rejected):
            model.reply(QUESTION)
    with pytest.raises(ProviderError, match=r"None of 5 questions was answered\. The question is too long") as raised:
        model.reply(QUESTION)
    assert not isinstance(raised.value, Rejected)


def test_once_a_question_is_answered_each_refusal_is_its_questions_own() -> None:
    inner = Refusing(0)
    model = Heard(inner)
    assert model.reply(QUESTION).text == "yes"
    inner.left = 10
    for _ in range(10):
        with pytest.raises(Rejected):
            model.reply(QUESTION)


class Failing:
    """Fails at the question "bad", whenever it is asked; the others wait for their turn to be answered."""

    name = "m"

    def __init__(self) -> None:
        self.turns = {text: threading.Event() for text in ("early", "late")}

    def reply(self, request: Request) -> Reply:
        text = request.messages[-1].content
        if text == "bad":
            raise Broken("The server had an error.")
        assert self.turns[text].wait(10)
        return Reply("yes")


def test_whose_failure_it_is_shows_in_a_question_that_was_asked_later() -> None:
    """An answer to one that was under way before says nothing of a server that has gone down since."""
    inner, ends = Failing(), dict[str, BaseException | None]()
    model = Heard(inner)

    def ask(text: str) -> None:
        try:
            model.reply(Request((Message("user", text),)))
            ends[text] = None
        except ProviderError as error:
            ends[text] = error

    threads = {text: threading.Thread(target=ask, args=(text,)) for text in ("early", "bad", "late")}
    threads["early"].start()
    threads["bad"].start()
    threads["bad"].join(0.2)
    threads["late"].start()
    inner.turns["early"].set()
    threads["early"].join(10)
    threads["bad"].join(0.2)
    assert list(ends) == ["early"]
    inner.turns["late"].set()
    for thread in threads.values():
        thread.join(10)
    assert isinstance(ends["bad"], Rejected)


@pytest.mark.parametrize("recovers", [True, False])
def test_a_failure_waits_for_those_who_have_yet_to_ask(recovers: bool) -> None:
    """Between two questions nobody may be asking: that says nothing of the server, for the others are at work."""
    inner, ends = Failing(), list[BaseException]()
    inner.turns["late"].set()
    model = Heard(inner, answered=True)
    bad, late = (Request((Message("user", text),)) for text in ("bad", "late"))

    def one(request: Request) -> None:
        try:
            with model.member():
                model.reply(request)
        except ProviderError as error:
            ends.append(error)

    with model.crowd(20, at_once=8):
        failing = [threading.Thread(target=one, args=(bad,)) for _ in range(PATIENCE - 1)]
        for thread in failing:
            thread.start()
        for thread in failing:
            thread.join(0.1)
        assert not ends
        one(late if recovers else bad)
        for thread in failing:
            thread.join(10)
    assert [isinstance(end, Rejected) for end in ends] == ([True] * (PATIENCE - 1) if recovers else [False] * PATIENCE)


def test_a_failure_waits_for_nobody_when_all_others_have_ended_or_the_run_stops() -> None:
    bad, ends = Request((Message("user", "bad"),)), list[BaseException]()
    model = Heard(Failing(), answered=True)

    def one() -> None:
        with pytest.raises(ProviderError) as raised:
            model.reply(bad)
        ends.append(raised.value)

    for stops in (False, True):
        with model.crowd(3, at_once=2):
            with model.member():
                pass
            thread = threading.Thread(target=one)
            thread.start()
            thread.join(0.1)
            assert thread.is_alive()
            with suppress(KeyError), model.member():
                if stops:
                    raise KeyError("no more")
            thread.join(10)
        assert isinstance(ends.pop(), Rejected) is not stops


def test_a_model_that_fails_at_everything_is_no_users_own_failure() -> None:
    bad = Request((Message("user", "bad"),))
    with pytest.raises(Broken):
        Heard(Failing()).reply(bad)
    model = Heard(Failing(), answered=True)
    for _ in range(PATIENCE - 1):
        with pytest.raises(Rejected):
            model.reply(bad)
    with pytest.raises(ProviderError, match="5 questions in a row were not answered") as raised:
        model.reply(bad)
    assert not isinstance(raised.value, Rejected)


def test_exchanges_of_many_threads_are_whole_lines_and_a_torn_one_is_cut_off(tmp_path: Path) -> None:
    path, log = tmp_path / "exchanges.jsonl", ExchangeLog()
    said = Reply("\ud83d half a character", usage=Usage(3, 4))
    exchange = Exchange(question_digest(QUESTION), "m", "7", QUESTION, said)
    log.add(exchange)  # nothing is open yet
    log.open(path)
    threads = [threading.Thread(target=lambda: [log.add(exchange) for _ in range(25)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    log.add(exchange)
    assert len(read_exchanges(path)) == 200
    path.write_bytes(path.read_bytes() + b'{"schema_version": 1, "dig')
    assert [(each.label, each.reply.usage) for each in earlier_exchanges(path)] == [("7", Usage(3, 4))] * 200
    log.open(path)
    log.add(exchange)
    log.close()
    assert len(read_exchanges(path)) == 201
    assert list(earlier_exchanges(tmp_path / "none.jsonl")) == []


def test_a_user_whose_list_memory_filled_up_is_told_apart(workspace: Path, tiny: Dataset) -> None:
    always_short = PlayedSurrogate(misbehave=1.0, misdeeds=("a list of three",))
    first = PlayedSurrogate()

    def script(asked: dict[str, object]) -> object:
        said = json.dumps(asked.get("messages"))
        return first(asked) if "Round 5 of 5" not in said and "Round 3 of 5" not in said else always_short(asked)

    with LoopbackServer(script) as server:  # type: ignore[arg-type]
        _, report = evaluate(Setting(workspace), tiny, EvalPlan(planned(server), n_users=5), pace=Pace(2))
    assert report.statuses == {str(Status.PADDED): 5}
    assert {failure.reason for failure in report.failures} == {"3 of 6 added from memory"}


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
def test_what_a_dry_run_expects_is_within_twice_of_what_a_run_takes(
    server: LoopbackServer, workspace: Path, tiny: Dataset, protocol: Any
) -> None:
    """Of tokens read, either way; the model on loopback takes four rounds where five are expected. And the bound holds."""
    ids = tiny.users["user_id"].to_list()[:40]
    plan = planned(server, protocol=protocol)
    bill = dry_run(Setting(workspace), tiny, ids, plan, 40).estimate
    used = explore_all(Setting(workspace), tiny, ids, plan, pace=Pace(4))[0].manifest.result["usage"]
    assert used["input_tokens"] / 2 < bill.expected.input_tokens < 2 * used["input_tokens"]
    assert used["calls"] <= bill.expected.calls < 2 * used["calls"]
    assert used["output_tokens"] < bill.expected.output_tokens < bill.most.output_tokens
    assert 100 * used["input_tokens"] > bill.most.input_tokens / 4 > used["input_tokens"], (
        "a token has four bytes there"
    )
