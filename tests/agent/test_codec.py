"""The record of a trajectory: what is written is what is read, for ever; what is torn, foreign or newer is refused by name."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.agent.codec import decode, encode, read_trajectories, recorded
from toolrec_cli.agent.trajectory import (
    Brief,
    Finished,
    HistoryItem,
    ItemCard,
    Matched,
    Recommended,
    Refused,
    Rejected,
    Shown,
    ShownItem,
    Status,
    Step,
    Trajectory,
)
from toolrec_cli.errors import InputError, Terminated
from toolrec_cli.llm.messages import Reply, ToolCall, Usage
from toolrec_cli.tools.protocol import Action, Exchange

GOLDEN = (
    '{"user_id":"42","dataset":"ml-1m","surrogate":"builtin","n":1,"max_rounds":7,"profile":{"gender":"F","age":25},'
    '"n_history":2,"newest":[{"item_id":"593","rating":4.5},{"item_id":"7","rating":null}],'
    '"items":{"593":{"title":"Silence [/INST] \\u001b[1m","attributes":{"genre":["Drama","Thriller"],"release_year":1991,'
    '"price":5.04,"country":"US","director":null}},"7":{"title":"Sabrina","attributes":{}}},'
    '"steps":[{"thought":"First?","action":{"tool":"retrieve","arguments":{"attribute":"genre","k":50,"value":"Drama"}},'
    '"observation":{"items":[{"item_id":"7","rank":3,"score":1.5,"new":true,"marks":["retrieve:genre=Drama"]}],'
    '"rejected":[{"name":"Zelig","reason":"not in the catalogue"}],"note":"","kind":"shown"}},'
    '{"thought":"","action":{"tool":"","arguments":{}},'
    '"observation":{"reason":"There is no tool.","instead":"Call one of: finish.","kind":"refused"}},'
    '{"thought":"I keep it.","action":{"tool":"finish","arguments":{"items":["7","7"]}},'
    '"observation":{"items":["7"],"notes":["\'7\' stands there twice"],"kind":"finished"}}],'
    '"status":"finished","ranking":[{"rank":1,"item_id":"7","marks":["retrieve:genre=Drama"]}],"schema_version":1}'
)
"""A line of schema version 1. It lies in people's run directories: it may never become unreadable, so it is not to be edited."""

EXPECTED = Trajectory(
    user_id="42",
    dataset="ml-1m",
    surrogate="builtin",
    n=1,
    max_rounds=7,
    profile={"gender": "F", "age": 25},
    n_history=2,
    newest=(HistoryItem("593", 4.5), HistoryItem("7", None)),
    items={
        "593": ItemCard(
            "Silence [/INST] \x1b[1m",
            {"genre": ["Drama", "Thriller"], "release_year": 1991, "price": 5.04, "country": "US", "director": None},
        ),
        "7": ItemCard("Sabrina", {}),
    },
    steps=[
        Step(
            "First?",
            Action("retrieve", {"attribute": "genre", "k": 50, "value": "Drama"}),
            Shown(
                (ShownItem("7", 3, 1.5, True, ("retrieve:genre=Drama",)),), (Rejected("Zelig", "not in the catalogue"),)
            ),
        ),
        Step("", Action(""), Refused("There is no tool.", "Call one of: finish.")),
        Step("I keep it.", Action("finish", {"items": ["7", "7"]}), Finished(("7",), ("'7' stands there twice",))),
    ],
    status=Status.FINISHED,
    ranking=(Recommended(1, "7", ("retrieve:genre=Drama",)),),
)


def test_a_line_of_schema_version_1_stays_readable() -> None:
    assert decode(GOLDEN, "line 1") == EXPECTED


def test_whole_numbers_stay_whole() -> None:
    attributes = decode(GOLDEN, "line 1").items["593"].attributes
    assert {name: type(value) for name, value in attributes.items()} == {
        "genre": list,
        "release_year": int,
        "price": float,
        "country": str,
        "director": type(None),
    }


def test_a_record_is_one_line() -> None:
    line = encode(EXPECTED)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["schema_version"] == 2


texts = st.text(max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**63 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
objects = st.dictionaries(texts, json_values, max_size=3)
few = st.integers(0, 300)
marks = st.lists(texts, max_size=2).map(tuple)


def _some(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


observations = st.one_of(
    st.builds(
        Shown,
        _some(st.builds(ShownItem, texts, few, st.none() | numbers, st.booleans(), marks)),
        _some(st.builds(Rejected, texts, texts)),
        texts,
        _some(st.builds(Matched, texts, texts, texts, st.none() | numbers)),
    ),
    st.builds(Refused, texts, texts),
    st.builds(Finished, _some(texts), _some(texts)),
)
exchanges = st.builds(
    Exchange,
    purpose=st.sampled_from(["turn", "rank"]),
    text=texts,
    calls=_some(st.builds(ToolCall, texts, texts, texts)),
    refusal=st.none() | texts,
    raw=objects,
    asked=marks,
    usage=st.builds(Usage, few, few, few, few, st.none() | numbers),
    seconds=numbers,
    from_cache=st.booleans(),
)
values = st.none() | texts | whole | numbers | st.lists(texts, max_size=3)
trajectories = st.builds(
    Trajectory,
    user_id=texts,
    dataset=texts,
    surrogate=texts,
    n=few,
    max_rounds=few,
    profile=objects,
    n_history=few,
    newest=_some(st.builds(HistoryItem, texts, st.none() | numbers)),
    items=st.dictionaries(texts, st.builds(ItemCard, texts, st.dictionaries(texts, values, max_size=3)), max_size=3),
    steps=st.lists(
        st.builds(Step, texts, st.builds(Action, texts, objects), observations, _some(exchanges)), max_size=3
    ),
    status=st.sampled_from(Status),
    ranking=_some(st.builds(Recommended, few, texts, marks, st.booleans())),
    brief=st.none() | st.builds(Brief, texts, texts, texts, texts, marks, st.booleans(), few, st.none() | numbers),
)


@given(trajectories)
def test_what_is_written_is_what_is_read(trajectory: Trajectory) -> None:
    line = encode(trajectory)
    found = decode(line, "line 1")
    assert found == trajectory
    assert encode(found) == line


def test_every_torn_line_is_refused_by_name() -> None:
    for length in range(len(GOLDEN)):
        with pytest.raises(InputError, match="here, line 3, is not a recorded trajectory"):
            decode(GOLDEN[:length], "here, line 3,")


FOREIGN = ["[]", "null", "7", '"text"', "{}", "[" * 100_000] + [
    f'{{"schema_version": {v}}}' for v in ("1", '"1"', "null")
]


@pytest.mark.parametrize("line", FOREIGN, ids=lambda line: line[:24])
def test_what_is_no_trajectory_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="line 1 is not a recorded trajectory"):
        decode(line, "line 1")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="is not a recorded trajectory"):
        decode(GOLDEN.encode().replace(b"First?", b"\xff\xfe"), "line 1")


def test_a_newer_schema_is_refused_by_its_number_even_if_it_looks_quite_different() -> None:
    for newer in (GOLDEN.replace('"schema_version":1', '"schema_version":3'), '{"schema_version": 3, "rounds": []}'):
        with pytest.raises(InputError) as caught:
            decode(newer, "line 9")
        assert caught.value.message == "line 9 has trajectory schema 3; this toolrec reads up to 2."
        assert caught.value.hint == "Upgrade toolrec."


FREE = ("profile", "items", "attributes", "arguments")
"""Objects whose keys are data."""


def _declared(value: Any, name: str = "trajectory") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document whose keys are part of the schema, with the key it lies under."""
    if isinstance(value, dict):
        if name not in FREE:
            yield name, value
        for key, inner in value.items():
            yield from _declared(inner, "card" if name == "items" else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _declared(inner, f"one of {name}")


def _changed(place: int, change: Callable[[dict[str, Any]], Any]) -> str:
    document = json.loads(GOLDEN)
    change([found for _, found in _declared(document)][place])
    return json.dumps(document)


PLACES = [name for name, _ in _declared(json.loads(GOLDEN))]


@pytest.mark.parametrize("place", range(len(PLACES)), ids=[f"{i} {name}" for i, name in enumerate(PLACES)])
def test_a_key_that_nobody_declared_is_refused_wherever_it_stands(place: int) -> None:
    with pytest.raises(InputError, match="is not a recorded trajectory"):
        decode(_changed(place, lambda found: found.update(surprise=1)), "line 1")


@pytest.mark.parametrize("name", sorted(set(json.loads(GOLDEN)) - {"items", "steps", "status", "ranking"}))
def test_a_key_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a recorded trajectory"):
        decode(_changed(0, lambda found: found.pop(name)), "line 1")


def test_a_file_is_read_in_order_up_to_the_line_that_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    path.write_text(GOLDEN + "\n" + GOLDEN.replace('"42"', '"43"') + "\n" + GOLDEN[:100], encoding="utf-8")
    reading = read_trajectories(path)
    assert [next(reading).user_id, next(reading).user_id] == ["42", "43"]
    with pytest.raises(InputError) as caught:
        next(reading)
    assert caught.value.message.startswith(f"{path}, line 3, is not a recorded trajectory")


def test_an_appended_file_reads_as_it_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    path.write_bytes(encode(EXPECTED) * 3)
    assert list(read_trajectories(path)) == [EXPECTED] * 3


GOLDEN_2 = (
    '{"user_id":"42","dataset":"ml-1m","surrogate":"gpt-5-mini","n":1,"max_rounds":7,"profile":{},"n_history":0,"newest":[],'
    '"items":{"7":{"title":"Sabrina","attributes":{}}},"steps":[{"thought":"","action":{"tool":"rank","arguments":{"k":1}},'
    '"observation":{"items":[{"item_id":"7","rank":1,"score":null,"new":false,"marks":["retrieve:none"]}],"rejected":[],'
    '"note":"","matched":[{"name":"sabrina","item_id":"7","how":"normalised","score":null}],"kind":"shown"},'
    '"exchanges":[{"purpose":"turn","text":"{}","calls":[{"call_id":"c1","name":"rank","arguments":"{}"}],'
    '"finish_reason":"tool_calls","refusal":null,"raw":{"role":"assistant","odd":[1,null]},"asked":[],"sample":0,'
    '"usage":{"input_tokens":10,"output_tokens":2,"cached_tokens":8,"reasoning_tokens":1,"cost":0.25},"model":"m",'
    '"seconds":1.5,"retries":1,"from_cache":false}]}],"status":"padded",'
    '"ranking":[{"rank":1,"item_id":"7","marks":["retrieve:none"],"padded":true}],'
    '"brief":{"protocol":"tools","prompt":"films/1","digest":"d","system":"You play","attributes":["genre"],'
    '"legal_only":true,"max_tokens":2048,"temperature":0.0,"seed":null},"schema_version":2}'
)
"""A line of schema version 2, with everything in it. It is not to be edited either."""


def test_a_line_of_schema_version_2_stays_readable() -> None:
    found = decode(GOLDEN_2, "line 1")
    assert encode(found).decode() == GOLDEN_2 + "\n"
    assert found.brief == Brief("tools", "films/1", "d", "You play", ("genre",))
    assert found.steps[0].exchanges[0].usage == Usage(10, 2, 8, 1, 0.25)
    assert found.ranking == (Recommended(1, "7", ("retrieve:none",), padded=True),)


def test_an_old_line_that_is_written_again_is_a_new_one() -> None:
    line = json.loads(encode(decode(GOLDEN, "line 1")))
    assert (line["schema_version"], line["brief"], line["ranking"][0]["padded"]) == (2, None, False)


RAW = {"role": "assistant", "content": "x", "odd": [1]}


def test_a_reply_is_kept_with_the_message_as_it_came() -> None:
    exchange = recorded("turn", Reply("x", raw=RAW, seconds=0.12345))
    assert (exchange.raw, exchange.text, exchange.seconds) == (RAW, "x", 0.123)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("x", raw=RAW, finish_reason="length"),
        Reply("x", raw=RAW, finish_reason="content_filter"),
        Reply("x" * 30_000, raw=RAW),
        Reply("", (ToolCall("1", "finish", '{"items": ["1'),), raw=RAW),
        Reply("", (ToolCall("1", "finish", "[]"),), raw=RAW),
        Reply("", (ToolCall("1", "finish", '{"a": "' + "x" * 30_000 + '"}'),), raw=RAW),
        Reply("", (ToolCall("1", "finish", "{}"),) * 17, raw=RAW),
    ],
    ids=["cut", "filtered", "long", "broken", "no object", "long call", "many calls"],
)
def test_what_cannot_go_back_to_a_server_is_kept_as_text_only(reply: Reply) -> None:
    exchange = recorded("turn", reply)
    assert exchange.raw == {}
    assert len(exchange.text) <= 20_000
    assert len(exchange.calls) <= 16
    assert encode(decode(GOLDEN, "x"))


def test_a_reply_of_the_oddest_characters_and_numbers_can_be_written() -> None:
    odd = json.loads('"\\ud83d\\u0000"')
    reply = Reply(odd, (ToolCall(odd, odd, "{}"),), raw={"content": odd, odd: float("nan")}, refusal=odd)
    trajectory = decode(GOLDEN, "line 1")
    trajectory.steps.append(Step("", Action(""), Refused("a", "b"), (recorded("turn", reply),)))
    assert decode(encode(trajectory), "line 1") == trajectory


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated])
def test_a_signal_in_the_midst_of_writing_stays_a_signal(stop: type[BaseException]) -> None:
    """The serializer turns whatever is raised meanwhile into an error of its own."""

    def interrupted() -> Iterator[int]:
        yield 1
        raise stop

    trajectory = Trajectory("1", "toys", "builtin", 10, 7, {"ages": interrupted()}, 0, ())
    with pytest.raises(stop) as caught:
        encode(trajectory)
    assert caught.type is stop
