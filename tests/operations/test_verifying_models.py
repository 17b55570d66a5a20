"""replay --verify of runs that a language model made: from the recorded exchanges, with the real tools, asking nobody."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from toolrec_cli.agent import prompting
from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import CheckError, InputError
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(PlayedSurrogate(0.3, seed=3)) as running:
        yield running


def planned(server: LoopbackServer, **changes: Any) -> AgentPlan:
    model = ModelPlan(ModelOptions("played", server.base_url, concurrency=4))
    return AgentPlan(limits=Limits(6, 5), model=replace(model, **changes))


def explored(workspace: Path, tiny: Dataset, plan: AgentPlan, n: int = 6) -> RunDir:
    return explore_all(Setting(workspace), tiny, tiny.users["user_id"].to_list()[:n], plan, pace=Pace(4))[0]


@pytest.mark.parametrize(
    "how", [{}, {"samples": 3}, {"protocol": "tools"}, {"protocol": "react", "samples": 2, "merge": "rrf"}]
)
def test_a_models_run_is_verified_with_nobody_to_ask(workspace: Path, tiny: Dataset, how: dict[str, Any]) -> None:
    with LoopbackServer(PlayedSurrogate(0.3, seed=3)) as running:
        run = explored(workspace, tiny, planned(running, **how), 12)
        count = running.count
    assert verify(Setting(workspace), tiny, run) == 12
    assert verify(Setting(workspace), tiny, run, ["2", "5"]) == 2
    assert running.count == count > 12 * 3


def test_an_evaluation_with_its_baseline_is_verified(server: LoopbackServer, workspace: Path, tiny: Dataset) -> None:
    plan = EvalPlan(replace(planned(server), limits=Limits()), n_users=9, baselines=("llm-rank",))
    run, _ = evaluate(Setting(workspace), tiny, plan, pace=Pace(4))
    assert verify(Setting(workspace), tiny, run) == 9


def altered(run: RunDir, file: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """The lines of a log, changed."""
    path = run.path / file
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def failure(workspace: Path, tiny: Dataset, run: RunDir) -> str:
    with pytest.raises(CheckError) as caught:
        verify(Setting(workspace), tiny, run)
    assert caught.value.exit_code == 6
    return caught.value.message


def in_one_model(workspace: Path, tiny: Dataset) -> RunDir:
    """Three users, who are well served."""
    with LoopbackServer(PlayedSurrogate()) as running:
        return explored(workspace, tiny, planned(running), 3)


def test_a_tool_that_does_otherwise_is_told_from_a_prompt(workspace: Path, tiny: Dataset) -> None:
    run = in_one_model(workspace, tiny)
    first = json.loads((run.path / "trajectories.jsonl").read_text().splitlines()[0])["user_id"]

    def other_rank(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[0]["steps"][1]["observation"]["items"][0]["rank"] += 7
        return lines

    altered(run, "trajectories.jsonl", other_rank)
    said = failure(workspace, tiny, run)
    assert said.startswith(f"User {first}, step 2, observation.items.0.rank: recorded 8, now 1. It is a tool")


def test_a_prompt_that_has_changed_is_named_with_its_part(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_one_model(workspace, tiny)
    real = prompting.template

    def template(name: str, version: str = "1") -> str:
        return real(name, version).replace("film", "movie") if name == "rules" else real(name, version) + " Hurry."

    monkeypatch.setattr(prompting, "template", template)
    said = failure(workspace, tiny, run)
    assert "the beginning, brief.system: recorded" in said
    assert "Hurry." in said
    assert said.endswith("It is the prompt that did otherwise.")
    monkeypatch.setattr(
        prompting, "template", lambda name, version="1": real(name, version) + " Now." * (name == "rank")
    )
    assert ", the beginning, brief.digest: recorded" in failure(workspace, tiny, run)


def test_the_part_of_a_later_question_that_is_not_on_record_is_named(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a round is told has changed, but not what came of it."""
    from toolrec_cli.agent.speech import conversation

    run = in_one_model(workspace, tiny)
    real = conversation.observed
    monkeypatch.setattr(conversation, "observed", lambda *given: real(*given) + " Go on.")
    said = failure(workspace, tiny, run)
    assert "step 2, what came of round 1: recorded" in said
    assert "Go on." in said
    assert "It is the prompt that did otherwise." in said


def test_a_question_for_an_order_that_has_changed_is_named(
    workspace: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolrec_cli.agent import llm_ranker

    run = in_one_model(workspace, tiny)
    real = llm_ranker.question
    monkeypatch.setattr(llm_ranker, "question", lambda *given: real(*given) + " Be quick.")
    said = failure(workspace, tiny, run)
    assert "step 3, the question for an order: recorded" in said
    assert "Be quick." in said


def test_a_recorded_question_for_an_order_is_compared_too(workspace: Path, tiny: Dataset) -> None:
    run = in_one_model(workspace, tiny)

    def other_question(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[0]["steps"][2]["exchanges"][1]["asked"][1] += " Please."
        return lines

    altered(run, "trajectories.jsonl", other_question)
    said = failure(workspace, tiny, run)
    assert "step 3, exchanges.1.asked.1: recorded" in said
    assert said.endswith("It is the prompt that did otherwise.")


def test_an_answer_that_was_tampered_with_or_lost_is_no_fault_of_the_prompt(workspace: Path, tiny: Dataset) -> None:
    run = in_one_model(workspace, tiny)
    log = run.path / "exchanges.jsonl"
    kept = log.read_bytes()

    def other_answer(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[0]["reply"]["text"] = lines[0]["reply"]["text"].replace("I miss something.", "I miss nothing.")
        return lines

    altered(run, "exchanges.jsonl", other_answer)
    said = failure(workspace, tiny, run)
    assert "step 1, thought: recorded 'I miss something.', now 'I miss nothing.'. It is the record" in said
    log.write_bytes(b"".join(kept.splitlines(keepends=True)[1:]))
    assert "nothing of the question: exchanges.jsonl lacks its answer" in failure(workspace, tiny, run)
    log.unlink()
    with pytest.raises(InputError, match="recorded no exchanges"):
        verify(Setting(workspace), tiny, run)


def test_a_model_that_answers_otherwise_every_time_is_verified(workspace: Path, tiny: Dataset) -> None:
    """As with a temperature."""
    draw = Random(1)

    def moody(asked: dict[str, Any]) -> Scripted:
        said = PlayedSurrogate()(asked)
        return replace(said, text=said.text.replace("I miss something.", f"I miss {draw.random()}."))

    with LoopbackServer(moody) as running:
        run = explored(workspace, tiny, planned(running), 2)
    one, other = (json.loads(line) for line in (run.path / "trajectories.jsonl").read_text().splitlines())
    assert one["steps"][0]["thought"] != other["steps"][0]["thought"]
    assert verify(Setting(workspace), tiny, run) == 2


def test_who_was_asked_again_after_a_kill_is_verified_by_his_last_sitting(workspace: Path, tiny: Dataset) -> None:
    run = in_one_model(workspace, tiny)

    def killed_before(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As if everybody had been asked twice already, with other answers, by a run that kept no answers and was killed."""
        dead = json.loads(json.dumps([line for line in lines if len(line["request"]["messages"]) < 6]))
        for line in dead:
            line["reply"]["text"] = (
                '{"thought": "x", "action": {"tool": "retrieve", "attribute": null, "k": 9, "value": null}}'
            )
        return [*dead, *lines]

    altered(run, "exchanges.jsonl", killed_before)
    with (run.path / "exchanges.jsonl").open("ab") as log:
        log.write(b'{"schema_version": 1, "dig')
    assert verify(Setting(workspace), tiny, run) == 3


@pytest.mark.parametrize("at", ["turn", "rank"])
def test_a_question_that_the_server_refused_is_refused_again(workspace: Path, tiny: Dataset, at: str) -> None:
    def script(asked: dict[str, Any]) -> Scripted:
        read = read_request(asked)
        refused = read.protocol == "rank" if at == "rank" else read.rounds == 2
        return Scripted(fault=Fault.CONTENT) if refused else PlayedSurrogate()(asked)

    with LoopbackServer(script) as running:
        run = explored(workspace, tiny, planned(running), 3)
    assert all(json.loads(line)["status"] == "forced" for line in (run.path / "trajectories.jsonl").open())
    assert verify(Setting(workspace), tiny, run) == 3


def test_a_finer_prompt_setting_of_the_endpoint_is_taken_from_the_record(workspace: Path, tiny: Dataset) -> None:
    """Whether only what is legal is offered is a setting of the server's; its address need not be known any more."""
    with LoopbackServer(PlayedSurrogate()) as running:
        options = ModelOptions("played", running.base_url, settings=("dynamic_schema=false",))
        run = explored(workspace, tiny, planned(running, options=options), 2)
    assert verify(Setting(workspace), tiny, run) == 2
