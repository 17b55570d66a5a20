"""The door to the tools: whatever is wrong with a call is refused with what to do instead, and nothing ever raises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.tools.protocol import Accepted, Action, Context, Proposal, Refused
from tools.small_world import context, ids, toolbox

BEGINNING = context(step=1)
MIDDLE = context(range(1, 13))
LAST = context(range(1, 13), step=7)
EMPTY_LAST = context(step=7)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


def _refusal(action: Action, moment: Context = MIDDLE) -> Refused:
    outcome = toolbox().call(action, moment)
    assert isinstance(outcome, Refused), outcome
    return outcome


@pytest.mark.parametrize(
    ("moment", "legal"),
    [
        (BEGINNING, ["retrieve"]),
        (MIDDLE, ["retrieve", "rank", "finish"]),
        (LAST, ["finish"]),
        (EMPTY_LAST, ["retrieve"]),
    ],
)
def test_what_can_be_called_when(moment: Context, legal: list[str]) -> None:
    assert toolbox().legal(moment) == legal


@pytest.mark.parametrize("tool", ["rank", "finish"])
def test_before_there_are_candidates_there_is_nothing_to_rank_or_to_finish(tool: str) -> None:
    """Defect 10 of the released code: it crashes on the empty list."""
    refusal = _refusal(Action(tool, {"k": 10} if tool == "rank" else {"items": []}), BEGINNING)
    assert refusal == Refused(f"There is nothing to {tool} yet: no item has been retrieved.", "Call one of: retrieve.")


@pytest.mark.parametrize("tool", ["rank", "retrieve"])
def test_in_the_last_round_only_finishing_is_left(tool: str) -> None:
    refusal = _refusal(Action(tool, {"k": 10}), LAST)
    assert refusal == Refused("Round 7 of 7 is the last: the list must be finished now.", "Call one of: finish.")


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("retreive", "There is no tool 'retreive'. Did you mean 'retrieve'?"),
        ("Finish", "There is no tool 'Finish'. Did you mean 'finish'?"),
        ("", "There is no tool ''. There is: retrieve, rank, finish."),
        ("$10", "There is no tool '$10'. There is: retrieve, rank, finish."),
        ("search_web", "There is no tool 'search_web'. There is: retrieve, rank, finish."),
    ],
)
def test_an_unknown_tool_or_an_empty_action_gets_the_tools_there_are(tool: str, said: str) -> None:
    assert _refusal(Action(tool)) == Refused(said, "Call one of: retrieve, rank, finish.")


@pytest.mark.parametrize("tool", ["retrieve", "rank"])
@pytest.mark.parametrize("k", [0, -3, 201, 10**9, 10**400, "10", "$10", 10.0, 2.5, True, None, [10], {"k": 10}])
def test_a_k_that_is_no_count_is_refused_with_how_to_call_the_tool(tool: str, k: object) -> None:
    refusal = _refusal(Action(tool, {"k": k}))
    assert refusal.reason.startswith(f"{tool} was called wrongly (k: ")
    assert refusal.instead.startswith(f"{tool}: {tool}(attribute, k")
    assert "from 1 to 200" in refusal.instead


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action("retrieve"), "retrieve was called wrongly (k: field required, not {})."),
        (
            Action("rank", {"attribute": "genre"}),
            "rank was called wrongly (k: field required, not {'attribute': 'genre'}).",
        ),
        (Action("finish"), "finish was called wrongly (items: field required, not {})."),
        (
            Action("retrieve", {"k": 5, "attributes": "genre"}),
            "retrieve was called wrongly (attributes: extra inputs are not permitted, not 'genre').",
        ),
        (
            Action("rank", {"k": 5, "value": "Drama"}),
            "rank was called wrongly (value: extra inputs are not permitted, not 'Drama').",
        ),
        (
            Action("rank", {"k": 5, "attribute": 7}),
            "rank was called wrongly (attribute: input should be a valid string, not 7).",
        ),
        (
            Action("finish", {"items": "101"}),
            "finish was called wrongly (items: input should be a valid list, not '101').",
        ),
        (
            Action("finish", {"items": ["101", 102]}),
            "finish was called wrongly (items.1: input should be a valid string, not 102).",
        ),
    ],
)
def test_missing_extra_or_mistyped_arguments_are_named(action: Action, said: str) -> None:
    assert _refusal(action).reason == said


@pytest.mark.parametrize("arguments", [[], ["genre", 10], "genre, 10", "```json\n[101]\n```", None, 10])
@pytest.mark.parametrize("tool", ["retrieve", "rank", "finish"])
def test_arguments_that_are_no_object_are_refused(tool: str, arguments: Any) -> None:
    """Defect 9 of the released code: it cuts brackets off a text, and with them the first id."""
    assert _refusal(Action(tool, arguments)).reason.startswith(f"{tool} was called wrongly (arguments: ")


def test_an_unknown_attribute_never_falls_through_to_another_tool() -> None:
    """Defect 10 of the released code."""
    assert _refusal(Action("retrieve", {"attribute": "gener", "k": 5})) == Refused(
        "There is no retrieval tool for 'gener'. Did you mean 'genre'?", "Use one of: genre, year, null."
    )
    assert _refusal(Action("rank", {"attribute": "reputation", "k": 5})) == Refused(
        "There is no attribute to rank by 'reputation'. There is: genre, year, price.",
        "Use one of: genre, year, price.",
    )


@pytest.mark.parametrize(
    "action",
    [
        Action("x" * 100_000),
        Action("retrieve", {"attribute": "x" * 100_000, "k": 5}),
        Action("retrieve", {"attribute": "genre", "k": 5, "value": "x" * 100_000}),
        Action("rank", {"attribute": "x" * 100_000, "k": 5}),
        Action("finish", {"items": ["x" * 100_000]}),
        Action("finish", {"items": list(range(300))}),
        Action("retrieve", {"k": 5} | {f"extra{number}": number for number in range(300)}),
    ],
    ids=["tool", "attribute", "value", "rank attribute", "name", "numbers for names", "extra keys"],
)
def test_a_refusal_stays_short_however_long_the_call(action: Action) -> None:
    """It is read by whoever pays by the word."""
    refusal = _refusal(action)
    assert len(refusal.reason) + len(refusal.instead) < 1_000


@given(st.sampled_from(["retrieve", "rank", "finish"]), json_values, st.sampled_from([BEGINNING, MIDDLE, LAST]))
def test_whatever_the_arguments_are_a_call_never_raises(tool: str, arguments: Any, moment: Context) -> None:
    outcome = toolbox().call(Action(tool, arguments), moment)
    assert isinstance(outcome, Proposal | Accepted | Refused)
    if isinstance(outcome, Refused):
        assert outcome.reason
        assert outcome.instead


likely = st.fixed_dictionaries(
    {},
    optional={
        "attribute": st.sampled_from(["genre", "year", "price", "plot", "none", "", None, "genre "]) | json_values,
        "k": st.integers(-5, 300) | json_values,
        "value": st.sampled_from(["Drama", "drama", "1990s", "1994", "1990-1999", "$10", "", "nan"]) | json_values,
        "items": st.lists(st.sampled_from(ids(range(1, 17))) | st.text(max_size=3), max_size=20) | json_values,
        "why": json_values,
    },
)


@given(st.text(max_size=6) | st.sampled_from(["retrieve", "rank", "finish"]), likely)
def test_calls_that_are_nearly_right_never_raise_either(tool: str, arguments: dict[str, Any]) -> None:
    outcome = toolbox().call(Action(tool, arguments), MIDDLE)
    assert isinstance(outcome, Proposal | Accepted | Refused)


def test_half_a_character_is_refused_and_not_a_crash() -> None:
    r"""JSON may hold one half of a surrogate pair ("\ud83d"), which is no text."""
    half = json.loads('"\\ud83d"')
    for action in (Action(half), Action("retrieve", {"attribute": half, "k": 5}), Action("finish", {"items": [half]})):
        assert _refusal(action).reason
