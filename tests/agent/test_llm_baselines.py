"""A language model that does not explore: what each baseline shows it, and what is made of its answer."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from agent.hostile import HOSTILE
from agent.playing import PROTOCOLS, Says, brief
from agent.test_quoting import _assert_tame_line, _world  # pyright: ignore[reportPrivateUsage]
from toolrec_cli.agent.baseline import LLM_BASELINES, Answer, Call, Desk, in_turn
from toolrec_cli.agent.baselines.llm_plan import most_calls
from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.llm_ranker import RankHabits
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.messages import ChatModel, Reply
from toolrec_cli.testing.played_model import PlayedModel
from toolrec_cli.testing.surrogate import MISDEEDS, PlayedSurrogate
from tools.small_world import HISTORY, catalog, ids, toolbox, user

NAMES = ("chat-rec", "llm-multi", "llm-plan", "llm-rank", "llm-single")


def desk(model: ChatModel, protocol: str = "json", n: int = 5) -> Desk:
    """Over the small world: `None` likes the first items best, "genre" the last, "year" those in the middle."""
    items = catalog()
    explorer = Explorer(BuiltinSurrogate(), toolbox(), items, Facets(items), ("genre", "year"), "small", Limits(n, 4))
    return Desk(model, brief(protocol), RankHabits(), explorer)


def answered(name: str, *replies: str | Reply, protocol: str = "json") -> tuple[Answer, Says]:
    """One user's answer, and the model with what it was asked."""
    model = Says(*replies)
    return LLM_BASELINES.get(name).answer(desk(model, protocol), user()), model


def order(*items: int) -> str:
    return json.dumps({"items": ids(items)})


def listed(model: Says, question: int = 0) -> list[dict[str, object]]:
    """The candidates of a question, as they were told."""
    told = model.requests[question].messages[1].content.partition(" candidates:\n")[2]
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


def test_a_baseline_is_a_file() -> None:
    assert tuple(LLM_BASELINES.names()) == NAMES


def test_single_orders_what_the_backbone_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.agent.baselines.llm_single.POOL", 6)
    answer, model = answered("llm-single", order(5, 4, 3, 2, 1))
    assert (answer.named, answer.candidates) == ((5, 4, 3, 2, 1), (1, 2, 3, 4, 5, 6))
    assert [each["by"] for each in listed(model)] == [["retrieve:none"]] * 6
    assert len(model.requests) == 1


def test_multi_orders_what_every_tool_brings_and_no_more_than_single(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read place by place: none 1 2 3, genre 14 13 12, year 8 9 7; three places of each are nine items, four would be twelve."""
    monkeypatch.setattr("toolrec_cli.agent.baselines.llm_multi.POOL", 10)
    answer, model = answered("llm-multi", order(14, 1, 8, 9, 2))
    assert set(answer.candidates) == {1, 2, 3, 14, 13, 12, 8, 9, 7}
    assert answer.named == (14, 1, 8, 9, 2)
    marks = {str(each["id"]): each["by"] for each in listed(model)}
    assert (marks["101"], marks["114"], marks["108"]) == (["retrieve:none"], ["retrieve:genre"], ["retrieve:year"])


PLACES: list[tuple[list[list[int]], int, int]] = [
    ([[1, 2, 3]], 2, 2),
    ([[1, 2], [1, 3]], 3, 2),
    ([[1, 2], [3, 4]], 3, 1),
    ([[1], [2, 3, 4]], 9, 3),
    ([[]], 9, 0),
    ([], 9, 0),
]


@pytest.mark.parametrize(("lists", "n", "depth"), PLACES)
def test_lists_are_read_place_by_place(lists: list[list[int]], n: int, depth: int) -> None:
    assert in_turn(lists, n) == depth


PLAN = {
    "thought": "Something sad, then something new.",
    "calls": [
        {"attribute": "genre", "k": 2, "value": "Drama"},
        {"attribute": "mood", "k": 5, "value": None},
        {"attribute": None, "k": 3, "value": None},
    ],
    "rank": "sadness",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_plan_is_carried_out_as_far_as_it_can_be_and_ordered_by_what_it_says(protocol: str) -> None:
    """Four rounds leave two calls: the second cannot be carried out, and the third is one too many."""
    assert most_calls(Limits(5, 4)) == 2
    answer, model = answered("llm-plan", f"Here it is: {json.dumps(PLAN)}", order(7, 9), protocol=protocol)
    assert answer == Answer((7, 9), (9, 7))
    planning, ordering = model.requests
    assert "retrieve(attribute, k, value)" in planning.messages[0].content
    assert "2 at most; you are shown nothing in between" in planning.messages[0].content
    assert '{"attribute": "genre", "kind": "multi-valued"' in planning.messages[0].content
    assert planning.messages[1].content.endswith(
        "Plan at most 2 calls, and by what their items are to be put in order."
    )
    assert (planning.schema is not None) == (protocol == "json")
    assert 'Order them by this: "sadness".' in ordering.messages[1].content
    assert [each["by"] for each in listed(model, 1)] == [["retrieve:genre=Drama"]] * 2


def test_a_plan_that_cannot_be_read_is_asked_for_once_more_and_then_there_is_none() -> None:
    answer, model = answered("llm-plan", "I would rather not plan.", json.dumps({**PLAN, "calls": []}))
    assert (answer, len(model.requests)) == (Answer((), ()), 2)
    assert "You were asked this before. The answer held no call." in model.requests[1].messages[1].content
    answer, model = answered("llm-plan", Reply('{"calls": [', finish_reason="length"), json.dumps(PLAN), order(9))
    assert (answer.named, len(model.requests)) == (
        (9,),
        4,
    )  # one that is too short an order is asked for once more as well
    assert "The reply was cut off at the token limit." in model.requests[1].messages[1].content


WRONG_CALLS: list[object] = [
    {"attribute": "genre", "k": 0},
    {"attribute": "genre", "k": "ten"},
    {"attribute": ["genre"], "k": 3},
    {"attribute": "genre", "k": 3, "value": {"a": 1}},
    {"attribute": None, "k": 10**9},
    "retrieve",
    None,
    7,
]


@pytest.mark.parametrize("wrong", WRONG_CALLS, ids=str)
def test_a_wrong_call_brings_nothing_and_breaks_nothing(wrong: object) -> None:
    answer, model = answered("llm-plan", json.dumps({"calls": [wrong], "rank": 5}), json.dumps({"calls": [wrong]}))
    assert answer == Answer((), ())
    assert len(model.requests) == 1 + (not isinstance(wrong, dict))
    both = {"calls": [wrong, PLAN["calls"][0]], "rank": None}  # type: ignore[index]
    assert answered("llm-plan", json.dumps(both), order(9, 7))[0].named == (9, 7)


def test_chat_rec_is_told_titles_and_no_ids_and_understands_titles() -> None:
    said = "Here you are:\n1. Charlie - a tramp walks\n2) **Foxtrot**\n- echo\nAlpha\nAlphabet soup\nNo such film\n"
    answer, model = answered("chat-rec", said.replace("**", ""))
    assert answer.named == (3, 6, 5, 1)
    (request,) = model.requests
    assert request.schema is None
    assert not re.search(r'"id"|\b1[01]\d\b', request.messages[1].content.replace('"101"', ""))
    assert "You recommend films to a person." in request.messages[0].content
    assert [each["title"] for each in listed(model)][:3] == ["Alpha", "Bravo", "Charlie"]
    assert request.messages[1].content.endswith(
        "Recommend the 5 that will most likely be chosen next, one title a line."
    )


def test_of_two_candidates_with_one_title_the_likelier_is_meant() -> None:
    answer, _ = answered("chat-rec", "Twin\nTwin")
    assert answer.named == (13,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("deed", [None, *MISDEEDS])
def test_whatever_the_model_does_what_is_named_are_candidates(name: str, protocol: str, deed: str | None) -> None:
    play = PlayedSurrogate(misbehave=float(deed is not None), misdeeds=(deed,) if deed else ())
    model = PlayedModel(play)
    answer = LLM_BASELINES.get(name).answer(desk(model, protocol), user())
    assert len(set(answer.named)) == len(answer.named)
    assert set(answer.named) <= set(answer.candidates)
    assert not set(answer.candidates) & set(HISTORY)
    assert len(model.requests) <= LLM_BASELINES.get(name).most(RankHabits(), Limits(5, 4))
    if deed is None:
        assert len(answer.named) == 5
        assert len(model.requests) == LLM_BASELINES.get(name).usual(RankHabits())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_forty_hostile_titles_break_no_question(name: str, protocol: str) -> None:
    explorer, _, asked = _world(protocol)
    model = PlayedModel(PlayedSurrogate())
    told = replace(brief(protocol), attributes=explorer.attributes)
    answer = LLM_BASELINES.get(name).answer(Desk(model, told, RankHabits(), explorer), asked)
    assert len(answer.named) == 10
    for request in model.requests:
        assert [message.role for message in request.messages] == ["system", "user"]
        for line in request.messages[1].content.split("\n"):
            _assert_tame_line(line or " ")
            if line.startswith("{"):
                assert "title" in json.loads(line)
        lines = request.messages[1].content.split("\n")
        assert sum(line.startswith(("Recommend the ", "Order them by ", "Plan at most ")) for line in lines) == 1
        assert not any(text in request.messages[0].content for text in HOSTILE[:6])


def test_what_is_missing_is_filled_up_with_the_backbones() -> None:
    assert desk(Says("x")).best(user(), 4) == (1, 2, 3, 4)
    full = replace(user(), history=np.arange(1, 17, dtype=np.int32))
    assert desk(Says("x")).best(full, 4) == ()
    assert desk(Says("x")).brought(full, [Call(None, 3)]).candidates == {}
    for name in ("llm-rank", "llm-single", "llm-multi", "chat-rec"):
        model = Says("nobody asks")
        assert LLM_BASELINES.get(name).answer(desk(model), full) == Answer((), ())
        assert model.requests == []
