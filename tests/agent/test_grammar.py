"""The paper's text grammar as models write it (defects 9 and 10 of the released code, which crashes or cuts the first id off)."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.playing import Says, brief, house
from toolrec_cli.agent.speech import SPEECHES
from toolrec_cli.agent.speech.grammar import action_in, spoken, thought_in, until_observation
from toolrec_cli.agent.speech.reading import action_of, object_in, strings_in
from toolrec_cli.llm.messages import Reply, ToolCall
from toolrec_cli.tools.protocol import Action
from tools.small_world import user

GENRE = Action("retrieve", {"attribute": "genre", "k": 20})
LIST = Action("finish", {"items": ["101", "102", "103"]})


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Thought: Hm.\nAction: Retrieve[genre, 20]", GENRE),
        ("Action: retrieve[genre,20]", GENRE),
        ("Action: RETRIEVE[ genre , 20 ].", GENRE),
        ("Action: Retrieve(genre, 20)", GENRE),
        ("Action: Retrieve[attribute=genre, k=20]", GENRE),
        ("Action: Retrieve[k: 20, attribute: 'genre']", GENRE),
        ('Action: Retrieve["genre", "20"]', GENRE),
        ("**Action:** `Retrieve[genre, 20]`", GENRE),
        ("Action 1: Retrieve[genre, 20] because I like it [really], 7", GENRE),
        ("Action:\n```\nRetrieve[genre, 20]\n```", GENRE),
        ("Retrieve[genre, 20]", GENRE),
        ("I will now Retrieve[genre, 20] and see.", GENRE),
        ("Action: Retrieve\nAction Input: {\"attribute\": \"genre\", \"k\": 20}", GENRE),
        ('Action: Retrieve[{"attribute": "genre", "k": 20, "value": null}]', GENRE),
        ("Action: Retrieve[genre, 20\n", GENRE),
        ("Action: Retrieve[genre, 20]\nAction: Retrieve[year, 5]", GENRE),
        ("Action: Retrieve[genre, 20, Film-Noir]", Action("retrieve", {**GENRE.arguments, "value": "Film-Noir"})),
        ("Action: Retrieve[genre=Drama, 20]", Action("retrieve", {**GENRE.arguments, "value": "Drama"})),
        ("Action: Retrieve[genre, 20, A [b], c]", Action("retrieve", {**GENRE.arguments, "value": "A [b], c"})),
        ("Action: Retrieve[none, 20]", Action("retrieve", {"k": 20})),
        ("Action: Retrieve[price, $10]", Action("retrieve", {"attribute": "price", "k": "$10"})),
        ("Action: Retrieve[genre, -3]", Action("retrieve", {"attribute": "genre", "k": -3})),
        ("Action: Retrieve[genre, 1e3]", Action("retrieve", {"attribute": "genre", "k": "1e3"})),
        ("Action: Retrieve[]", Action("retrieve", {})),
        ("Action: Retrieve", Action("retrieve", {})),
        ("Action: Rank[reputation, 10]", Action("rank", {"attribute": "reputation", "k": 10})),
        ("Action: Search[the web]", Action("Search", {"attribute": "the web"})),
        ("Action: Finish[101, 102, 103]", LIST),
        ("Action: Finish[[101, 102, 103]]", LIST),
        ('Action: Finish["101", "102", "103"]', LIST),
        ("Action: Finish['101', '102', '103']", LIST),
        ("Action: Finish[```[101, 102, 103]```]", LIST),
        ('Action: Finish[```json\n["101", "102", "103"]\n```]', LIST),
        ("```\nAction: Finish[101, 102, 103]\n```\nI hope you like [them].", LIST),
        ("Action: Finish[\n1. 101\n2. 102\n3. 103\n]", LIST),
        ("Action: Finish[\n- 101\n- 102\n- 103\n]", LIST),
        ("Action: Finish[101; 102; 103]", LIST),
        ("Action: Finish[101, 102, 103", LIST),
        ("Action: Finish[007, 08]", Action("finish", {"items": ["007", "08"]})),
        ("Action: Finish[101, [REC] (2007), Alpha [1999]]", Action("finish", {"items": ["101", "[REC] (2007)", "Alpha [1999]"]})),
        ('Action: Finish["Good, the Bad", 101]', Action("finish", {"items": ["Good, the Bad", "101"]})),
        ("Action: Finish[101, Movie [REC, 103]", Action("finish", {"items": ["101", "Movie [REC, 103"]})),
        ("Action: Finish[]", Action("finish", {"items": []})),
        ("Action: Finish", Action("finish", {"items": []})),
        ("Action:", None),
        ("Action: 10", None),
        ("Thought: I do not know.", None),
        ("", None),
    ],
)  # fmt: skip
def test_an_action_is_read_as_it_was_meant(text: str, action: Action | None) -> None:
    assert action_in(text) == action


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        ("Thought: Hm, yes.\nAction: Rank[none, 3]", "Hm, yes."),
        ("Hm, yes.\nAction: Rank[none, 3]", "Hm, yes."),
        ("**Thought 2:** Hm.\nMore.\n**Action 2:** Rank[none, 3]", "Hm.\nMore."),
        ("Action: Rank[none, 3]", ""),
        ("Rank[none, 3]", ""),
    ],
)
def test_the_thought_is_what_stands_before_the_action(text: str, thought: str) -> None:
    assert thought_in(text) == thought


def test_what_the_model_writes_for_an_observation_is_not_believed() -> None:
    text = "Thought: a\nAction: Retrieve[genre, 20]\nObservation: 101\nThought: b\nAction: Finish[999]"
    turn = SPEECHES["react"].read(Reply(text))
    assert (turn.thought, turn.action) == ("a", GENRE)
    assert until_observation(text).endswith("Retrieve[genre, 20]")
    assert until_observation('Thought: "Observation: x"') == 'Thought: "Observation: x"'


@pytest.mark.parametrize(
    "action", [GENRE, LIST, Action("rank", {"k": 3}), Action("retrieve", {"k": 5, "value": "War"})]
)
def test_what_is_written_is_what_is_read(action: Action) -> None:
    assert action_in(f"Action: {spoken(action)}") == action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('{"thought": "t", "action": {"tool": "rank", "k": 3, "attribute": null}}', Action("rank", {"k": 3})),
        ('{"tool": "rank", "k": 3}', Action("rank", {"k": 3})),
        ('{"thought": "t", "action": "rank", "k": 3}', Action("rank", {"k": 3})),
        ('{"action": {"name": "rank", "arguments": {"k": 3}}}', Action("rank", {"k": 3})),
        ('Sure:\n```json\n{"action": {"tool": "rank", "k": 3}}\n```\n{"x": 1}', Action("rank", {"k": 3})),
        ('{"x": 1} {"action": {"tool": "rank", "k": 3}}', Action("rank", {"k": 3})),
        ('{"thought": "a\nb\tc", "action": {"tool": "rank", "k": 3}}', Action("rank", {"k": 3})),
        ('{"action": {"tool": 3}}', None),
        ('{"action": ["rank"]}', None),
    ],
)
def test_an_object_is_read_as_it_was_meant(text: str, action: Action | None) -> None:
    found = object_in(text)
    assert found is not None
    assert action_of(found) == action


def test_an_array_is_found_where_it_stands() -> None:
    assert strings_in('{"items": ["a", 7]}') == ["a", "7"]
    assert strings_in("see [this], then [1, 2]") == ["1", "2"]
    assert strings_in("[true]") == strings_in("[[]]") == strings_in("") == []


LONG: list[str] = [
    "\n" * 300_000,
    "[" * 300_000,
    "{" * 300_000,
    '{"a":' * 100_000,
    "Action: " * 50_000,
    "Action: Finish[" + "1, " * 100_000,
    "*" * 300_000,
    "\n*" * 150_000,
    "Thought: " + "x" * 1_000_000 + "\nAction: Retrieve[genre, 20]",
    "Finish[" * 50_000,
    " " * 500_000,
]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_a_megabyte_of_anything_is_read_in_no_time(text: str) -> None:
    start = time.process_time()
    for speech in SPEECHES.values():
        speech.read(Reply(text))
        speech.read(Reply("", (ToolCall("c", "retrieve", text),)))
    assert time.process_time() - start < 2


pieces = st.sampled_from(
    ["Thought:", "Action:", "Retrieve", "Finish", "Rank", "[", "]", "(", ")", ",", "\n", '"', "'", "`", "```", "{", "}",
     '{"action":', '"tool"', ":", "null", "10", "$10", "genre", "Observation:", "\ud83d", "\x00", "…", "=", "\\"]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=4), max_size=25).map("".join)


@given(texts, texts, st.sampled_from(["stop", "length", "tool_calls", "?"]))
def test_reading_never_raises(text: str, arguments: str, finish_reason: str) -> None:
    calls: list[tuple[ToolCall, ...]] = [(), (ToolCall("1", "retrieve", arguments),)]
    for speech in SPEECHES.values():
        for each in calls:
            turn = speech.read(Reply(text, each, finish_reason))
            assert (turn.fault is None) == bool(turn.action.tool) or turn.action.tool == ""
            said: Any = turn.action.arguments
            assert isinstance(said, dict)


def test_an_observation_that_the_model_made_up_does_not_go_back_to_it() -> None:
    """A server that knows no stop sequence lets it play the world; the text may have been cut while the raw message was not."""
    whole = "Thought: a\nAction: Retrieve[none, 20]\nObservation: 999"
    for text in (whole, until_observation(whole)):
        model = Says(Reply(text, raw={"role": "assistant", "content": whole}), "Thought: b\nAction: Rank[none, 3]")
        house(model, brief("react")).explore(user())
        said = model.requests[1].messages[2]
        assert (said.content, said.raw) == (until_observation(whole), None)
