"""The LLM surrogate: whatever a model says, the user has a valid list or a counted failure, and all of it is recorded."""

from itertools import pairwise

import pytest

from agent.playing import (
    PROTOCOLS,
    Says,
    TinyHouse,
    assert_rebuilt,
    assert_sound,
    brief,
    called,
    house,
    played,
)
from agent.scripted import kinds, listed
from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.agent.llm_surrogate import LLMSurrogate, requests
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.trajectory import Finished, Refused, Shown, Status, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import BudgetSpent, ProviderError, UsageError
from toolrec_cli.llm.messages import Reply, Request, Usage
from toolrec_cli.testing.played_model import PlayedModel
from toolrec_cli.testing.surrogate import MISDEEDS, PlayedSurrogate
from tools.small_world import HISTORY, ids, user

RETRIEVE = '{"thought": "First.", "action": {"tool": "retrieve", "attribute": null, "k": 50, "value": null}}'
TEN = ids(range(1, 11))


def finish(items: list[str]) -> str:
    """Finish, as JSON."""
    quoted = ", ".join(f'"{item}"' for item in items)
    return f'{{"thought": "Enough.", "action": {{"tool": "finish", "items": [{quoted}]}}}}'


def explored(*replies: Reply | str, protocol: str = "json") -> Trajectory:
    """One exploration of the small world by replies in turn."""
    return house(Says(*replies), brief(protocol)).explore(user())


@pytest.fixture(scope="module", params=PROTOCOLS)
def tiny_house(request: pytest.FixtureRequest, tiny_workspace: object, tiny: Dataset) -> TinyHouse:
    """The tiny data, spoken to in each protocol."""
    return TinyHouse(tiny_workspace, tiny, request.param)  # pyright: ignore[reportArgumentType]


def test_a_whole_exploration_ends_with_the_models_own_list(tiny_house: TinyHouse) -> None:
    """Defect 3 of the released code: the agent's list is thrown away, and one more call makes the answer."""
    model = PlayedModel(PlayedSurrogate())
    trajectory = tiny_house.explorer(model).explore(tiny_house.user(7))
    assert [step.action.tool for step in trajectory.steps] == ["retrieve", "retrieve", "rank", "finish"]
    assert (trajectory.status, trajectory.surrogate) == (Status.FINISHED, "played")
    assert listed(trajectory) == trajectory.steps[-1].action.arguments["items"]
    assert len(model.requests) == sum(len(step.exchanges) for step in trajectory.steps) == 5
    assert_sound(trajectory, tiny_house.history(7))
    assert_rebuilt(trajectory, model)


def test_five_hundred_explorations_with_one_reply_in_five_gone_wrong(tiny_house: TinyHouse) -> None:
    """0 crashes, 0 invalid lists; who ends without a list of his own says so in his status."""
    for seed in range(7):
        model = PlayedModel(PlayedSurrogate(0.2, seed))
        explorer = tiny_house.explorer(model)
        for index in range(min(80, 500 - 80 * seed)):
            trajectory = explorer.explore(tiny_house.user(index))
            assert_sound(trajectory, tiny_house.history(index))
        assert len(model.requests) >= 4 * (index + 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_request_can_be_built_again_from_the_record_whatever_was_said(protocol: str) -> None:
    for seed in range(40):
        trajectory, model = played(PlayedSurrogate(0.5, seed), protocol)
        assert_rebuilt(trajectory, model)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("deed", MISDEEDS)
def test_one_bad_reply_at_any_moment_costs_at_most_that_round(protocol: str, deed: str) -> None:
    for moment in range(4):
        count = 0

        def script(asked: object, moment: int = moment) -> object:
            nonlocal count
            count += 1
            bad = PlayedSurrogate(1.0, misdeeds=(deed,))
            return bad(asked) if count - 1 == moment else PlayedSurrogate()(asked)  # pyright: ignore[reportArgumentType]

        trajectory, model = played(script, protocol)  # pyright: ignore[reportArgumentType]
        assert trajectory.status in (Status.FINISHED, Status.FORCED)
        assert_sound(trajectory, ids(HISTORY))
        assert_rebuilt(trajectory, model)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("deed", MISDEEDS)
def test_the_same_bad_reply_for_ever_ends_in_a_list_or_a_counted_failure(protocol: str, deed: str) -> None:
    trajectory, model = played(PlayedSurrogate(1.0, misdeeds=(deed,)), protocol)
    assert_sound(trajectory, ids(HISTORY))
    assert_rebuilt(trajectory, model)
    assert len(encode(trajectory)) < 700_000


UNUSABLE = {
    "no call": Reply("Let me think about it."),
    "half a JSON": Reply(RETRIEVE[:40]),
    "cut off": Reply(RETRIEVE, finish_reason="length"),
    "declined": Reply("", refusal="I'm sorry."),
    "says it cannot": Reply("I cannot choose for others."),
    "empty": Reply(""),
    "only spaces": Reply(" \n "),
    "filtered": Reply("", finish_reason="content_filter"),
    "a list": Reply("[1, 2]"),
    "a tool that is no name": Reply('{"action": {"tool": 7}}'),
    "nested": Reply('{"action": ' * 5_000),
    "a huge number": Reply('{"action": {"tool": "retrieve", "k": ' + "9" * 5_000 + "}}"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", UNUSABLE)
def test_a_reply_that_cannot_be_used_is_a_round_that_says_what_to_do_instead(protocol: str, name: str) -> None:
    model = Says(UNUSABLE[name], RETRIEVE, finish(TEN))
    trajectory = house(model, brief(protocol)).explore(user())
    assert kinds(trajectory) == ["refused", "shown", "finished"]
    assert (trajectory.status, listed(trajectory)) == (Status.FINISHED, TEN)
    refused = trajectory.steps[0].observation
    assert isinstance(refused, Refused)
    assert refused.reason
    assert refused.instead
    assert trajectory.steps[0].action.tool == ""
    told = model.requests[1].messages[-1]
    assert told.role == "user"
    assert "Not done: " in told.content
    assert_rebuilt(trajectory, model)


def test_what_is_cut_off_is_refused_before_it_is_parsed_even_if_it_reads_well() -> None:
    trajectory = explored(Reply(finish(TEN), finish_reason="length"), RETRIEVE, finish(TEN))
    assert trajectory.steps[0].observation == Refused(
        "The reply was cut off at the token limit.",
        "Think in one or two sentences, then act. "
        'Answer with one JSON object: {"thought": "…", "action": {"tool": "…", …}}.',
    )


def test_of_several_calls_the_first_is_taken_and_the_others_are_told_that_they_were_not() -> None:
    five = called("retrieve", '{"k": 50}', *[("retrieve", f'{{"k": {k}}}') for k in (1, 2, 3, 4)])
    model = Says(five, called("finish", '{"items": ["' + '", "'.join(TEN) + '"]}'))
    trajectory = house(model, brief("tools")).explore(user())
    answers = model.requests[1].messages[3:]
    assert [message.call_id for message in answers] == [f"call_{place}" for place in range(5)]
    assert answers[0].content.startswith("14 items, 14 of them new to you")
    assert all(message.content.startswith("Not done: one call a round") for message in answers[1:])
    assert model.requests[1].messages[2].raw == five.raw
    assert trajectory.steps[0].action.arguments == {"k": 50}
    assert_rebuilt(trajectory, model)


def test_a_call_whose_arguments_are_broken_does_not_go_back_as_a_call() -> None:
    """Servers answer 400 or 500 to a history that holds one."""
    model = Says(called("retrieve", '{"k": 5'), RETRIEVE)
    trajectory = house(model, brief("tools")).explore(user())
    _, _, said, answered = model.requests[1].messages
    assert (said.raw, said.content) == (None, 'retrieve({"k": 5)')
    assert (answered.role, answered.call_id) == ("user", None)
    assert kinds(trajectory)[:2] == ["refused", "shown"]


@pytest.mark.parametrize("protocol", ["json", "react"])
def test_a_message_goes_back_as_the_server_sent_it(protocol: str) -> None:
    raw = {"role": "assistant", "content": RETRIEVE, "thought_signature": "abc", "odd": [1, None]}
    model = Says(Reply(RETRIEVE, raw=raw), finish(TEN))
    house(model, brief(protocol)).explore(user())
    assert model.requests[1].messages[2].raw == raw


def test_a_megabyte_of_thought_is_neither_kept_nor_sent_back() -> None:
    long = RETRIEVE.replace("First.", "First. " * 150_000)
    model = Says(Reply(long, raw={"content": long}), finish(TEN))
    trajectory = house(model, brief()).explore(user())
    assert kinds(trajectory) == ["shown", "finished"]
    assert len(trajectory.steps[0].thought) == 4_000
    assert len(encode(trajectory)) < 50_000
    assert len(model.requests[1].messages[2].content) == 2_000
    assert model.requests[1].messages[2].raw is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_conversation_only_ever_grows(protocol: str) -> None:
    """Providers cache what a request has in common with the one before."""
    trajectory, _ = played(PlayedSurrogate(0.4, 3), protocol)
    asked = list(requests(trajectory))
    assert len(asked) > 3
    for before, after in pairwise(asked):
        assert after.messages[: len(before.messages)] == before.messages


def offered(request: Request) -> list[str]:
    """The tools that a request's schema or tool list offers."""
    if request.tools:
        return [tool.name for tool in request.tools]
    assert request.schema is not None
    action = request.schema["properties"]["action"]
    return [each["properties"]["tool"]["enum"][0] for each in action.get("anyOf", [action])]


@pytest.mark.parametrize("protocol", ["json", "tools"])
def test_only_what_is_legal_is_offered_unless_the_offer_is_to_stay_the_same(protocol: str) -> None:
    told = brief(protocol, max_rounds=3)
    model = PlayedModel(PlayedSurrogate())
    house(model, told, limits=Limits(10, 3)).explore(user())
    asked = [offered(r) for r in model.requests if r.tools or "thought" in (r.schema or {})["properties"]]
    assert asked == [["retrieve"], ["retrieve", "rank", "finish"], ["finish"]]
    _, steady = played(PlayedSurrogate(), protocol, legal_only=False)
    schemas = {str((r.tools, r.schema)) for r in steady.requests if "candidates:\n" not in r.messages[1].content}
    assert len(schemas) == 1


def test_in_the_last_round_the_model_is_told_and_a_short_list_is_filled_up_and_marked() -> None:
    model = Says(RETRIEVE, RETRIEVE.replace("50", "20"), finish(ids([9, 3, 15])))
    trajectory = house(model, brief(max_rounds=3), limits=Limits(10, 3)).explore(user())
    assert (
        model.requests[2]
        .messages[-1]
        .content.endswith("Round 3 of 3. This is the last round: finish now. You may call: finish.")
    )
    assert (trajectory.status, listed(trajectory)[:3]) == (Status.PADDED, ids([9, 3, 1]))
    assert [entry.padded for entry in trajectory.ranking] == [False] * 2 + [True] * 8
    last = trajectory.steps[-1].observation
    assert isinstance(last, Finished)
    assert last.notes == (
        "'115' is already in the history",
        "the list had 2 valid items of 10: the last 8 were added from memory",
    )


def test_the_same_action_for_ever_is_told_so_and_then_only_finish_is_left() -> None:
    model = Says(RETRIEVE)
    trajectory = house(model, brief()).explore(user())
    assert kinds(trajectory) == ["shown", "refused", "refused"]
    assert trajectory.status is Status.FORCED
    assert "This is exactly what you did in round 1" in model.requests[2].messages[-1].content
    assert offered(model.requests[2]) == ["finish"]


def test_titles_in_a_list_are_looked_up_and_it_is_said_how() -> None:
    named = ["Alpha", "bravo", "The Charlie", *TEN[3:]]
    trajectory = explored(RETRIEVE, finish(named))
    assert (trajectory.status, listed(trajectory)) == (Status.FINISHED, TEN)
    last = trajectory.steps[-1].observation
    assert isinstance(last, Finished)
    assert last.notes == ("'bravo' was taken for '102' (normalised)", "'The Charlie' was taken for '103' (normalised)")


def test_the_brief_and_what_was_paid_are_in_the_record() -> None:
    paid = Reply(RETRIEVE, usage=Usage(100, 20, 80, 5, 0.25), model="m-1", seconds=1.23456, retries=2, from_cache=True)
    trajectory = decode(encode(explored(paid, finish(TEN))), "line 1")
    assert trajectory.brief == brief()
    assert trajectory.brief.prompt == "films/2"
    [exchange] = trajectory.steps[0].exchanges
    assert (exchange.usage, exchange.model, exchange.seconds) == (Usage(100, 20, 80, 5, 0.25), "m-1", 1.235)
    assert (exchange.purpose, exchange.retries, exchange.from_cache) == ("turn", 2, True)


@pytest.mark.parametrize("error", [ProviderError("503"), BudgetSpent("$1 is spent")])
def test_what_the_world_did_is_no_observation(error: Exception) -> None:
    class Fails(Says):
        def reply(self, request: Request) -> Reply:
            raise error

    with pytest.raises(type(error)):
        house(Fails(""), brief()).explore(user())


def test_an_unknown_protocol_is_named_with_its_near_miss() -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="Did you mean 'tools'"):
        LLMSurrogate(Says(""), replace(brief(), protocol="tool"))


def test_a_trajectory_of_the_builtin_surrogate_has_no_questions() -> None:
    from agent.scripted import explore, retrieve

    with pytest.raises(ValueError, match="it has no brief"):
        next(requests(explore(retrieve(k=5))))


def test_the_same_alone_as_among_others(tiny_house: TinyHouse) -> None:
    def explorer() -> Explorer:
        return tiny_house.explorer(PlayedModel(PlayedSurrogate(0.3, 5)))

    among = [encode(explorer().explore(tiny_house.user(index))) for index in (3, 4, 5)]
    assert among[1] == encode(explorer().explore(tiny_house.user(4)))


def test_what_a_tool_showed_reaches_the_model_with_its_marks() -> None:
    trajectory, model = played()
    second = trajectory.steps[1].observation
    assert isinstance(second, Shown)
    assert '"by": ["retrieve:none", "retrieve:year"]' in model.requests[2].messages[-1].content
