"""Strangers' text in a prompt stays inside its quotes, and on a terminal it stays text."""

import json
import re
import unicodedata
from io import StringIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.hostile import HOSTILE
from agent.playing import PROTOCOLS, Says
from toolrec_cli.agent import quoting
from toolrec_cli.agent.demonstrations import demonstrations
from toolrec_cli.agent.llm_ranker import LLMRanker
from toolrec_cli.agent.llm_surrogate import LLMSurrogate
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.prompting import make_brief
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.messages import Request
from toolrec_cli.render.trace import opening, step_panel
from toolrec_cli.testing.played_model import PlayedModel
from toolrec_cli.testing.surrogate import PlayedSurrogate
from toolrec_cli.tools.protocol import User
from tools.small_world import WrittenScores, toolbox

UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
SAFE = re.compile(r"<|>|`|\[/?[A-Z]")


def test_there_are_forty() -> None:
    assert len(HOSTILE) == len(set(HOSTILE)) == 40


def _assert_tame_line(line: str) -> None:
    assert len(line.splitlines()) == 1
    assert not [c for c in line if unicodedata.category(c) in UNSEEN]
    assert not SAFE.search(line)


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_a_hostile_text_makes_one_line_of_json_that_says_what_it_said(text: str) -> None:
    line = quoting.item(text, text, {text: text, "id": "7", "title": "8", "genre": [text] * 50})
    _assert_tame_line(line)
    read = json.loads(line)
    assert read["id"] == text
    assert read["title"] == quoting.tame(text)
    assert len(read["title"]) <= quoting.TITLE
    assert len(read["genre"]) <= quoting.LABELS


@given(st.text())
def test_any_id_comes_back_as_it_is_and_any_text_stays_on_its_line(text: str) -> None:
    line = quoting.item(text, text, {"a": text})
    _assert_tame_line(line)
    assert json.loads(line)["id"] == text


def _world(protocol: str) -> tuple[Explorer, PlayedModel, User]:
    """Eighty items: each hostile text is a title, an id, a genre; the attribute and the profile are hostile too."""
    titles = [*HOSTILE, *(f"Tame {number}" for number in range(40))]
    ids = [f"{text[:300]}#{number}" for number, text in enumerate(titles)]
    genres = [[text[:300], HOSTILE[2]] for text in titles]
    frame = pl.DataFrame({"item_id": ids, "title": titles, "ge</system>nre": genres})
    items = Catalog(frame, [Attribute("ge</system>nre", Kind.MULTI, 1.0, 41)])
    facets, names = Facets(items), ("ge</system>nre",)
    shown = demonstrations(items, facets, names)
    brief = make_brief(items, facets, names, protocol=protocol, domain="films", demonstrations=shown)
    scores = [float(-number) for number in range(80)]
    model = PlayedModel(PlayedSurrogate(), name=HOSTILE[3])
    tools = toolbox(WrittenScores({None: scores, names[0]: scores[::-1]}, 80), LLMRanker(model, brief))
    profile = {HOSTILE[4]: HOSTILE[2], "job": HOSTILE[28], "age": 25}
    history = np.array([1, 4, 13, 15, 29, 40], dtype=np.int32)
    return (
        Explorer(LLMSurrogate(model, brief), tools, items, facets, names, "hostile", Limits()),
        model,
        User(0, HOSTILE[1], profile, history, None),
    )


def _assert_structure(request: Request) -> None:
    """Outside of our own words every line is JSON, and no line of ours is a stranger's."""
    for message in request.messages:
        if message.role in ("assistant", "system"):
            continue
        lines = message.content.split("\n")
        for line in lines:
            _assert_tame_line(line or " ")
            assert not line.startswith("{") or {"id", "title"} <= json.loads(line).keys()
        assert sum(line.startswith("Round ") for line in lines) in (0, 1)
        assert not any(line.startswith(("Observation:", "Action:", "Thought:")) for line in lines[1:])
    system = request.messages[0].content
    assert not [c for c in system if unicodedata.category(c) in UNSEEN and c != "\n"]
    assert "</system>" not in system
    assert "<|im_end|>" not in system


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_forty_hostile_titles_break_no_prompt_and_the_list_is_the_models_own(protocol: str) -> None:
    explorer, model, asked = _world(protocol)
    trajectory = explorer.explore(asked)
    assert str(trajectory.status) == "finished"
    assert len(trajectory.ranking) == 10
    for request in model.requests:
        _assert_structure(request)


def test_a_question_for_an_order_has_as_many_lines_as_candidates() -> None:
    explorer, model, asked = _world("json")
    explorer.explore(asked)
    [rank] = [r for r in model.requests if " candidates:\n" in r.messages[1].content and len(r.messages) == 2]
    head, _, rest = rank.messages[1].content.partition(" candidates:\n")
    assert len([line for line in rest.split("\n") if line.startswith("{")]) == int(head.split("The ")[-1])


def _drawn(trajectory: Trajectory) -> str:
    console = Console(file=StringIO(), width=120, highlight=False, color_system=None)
    console.print(opening(trajectory))
    for number in range(1, len(trajectory.steps) + 1):
        console.print(step_panel(trajectory, number, 200))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_forty_hostile_titles_break_no_terminal(protocol: str) -> None:
    explorer, _, asked = _world(protocol)
    drawn = _drawn(explorer.explore(asked))
    assert not [c for c in drawn if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
    assert all(line[:1] in "╭│╰" for line in drawn.splitlines())


@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_what_a_hostile_model_says_breaks_no_terminal_and_no_later_prompt(text: str) -> None:
    said = json.dumps({"thought": text, "action": {"tool": "retrieve", "attribute": text, "k": 5, "value": text}})
    explorer, _, asked = _world("json")
    model = Says(said, json.dumps({"thought": text, "action": {"tool": text, text: text}}), text)
    assert isinstance(explorer.surrogate, LLMSurrogate)
    surrogate = LLMSurrogate(model, explorer.surrogate.brief)
    trajectory = Explorer(
        surrogate, explorer.toolbox, explorer.catalog, explorer.facets, explorer.attributes, "hostile", Limits()
    ).explore(asked)
    for request in model.requests:
        _assert_structure(request)
    drawn = _drawn(trajectory)
    assert not [c for c in drawn if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


@pytest.mark.parametrize(
    "text", [*HOSTILE, "rank:" + "<" * 100, "rank:" + "漢" * 100, 'rank:"' * 50, "retrieve:genre=Drama"]
)
def test_a_mark_is_sent_in_few_bytes(text: str) -> None:
    told = quoting.mark(text)
    assert quoting.sent(quoting.dumps(told)) <= quoting.MARK + 4
    assert told == text or len(text) > len(told) or not text.isprintable() or text == " "
    assert quoting.mark("retrieve:genre=Drama") == "retrieve:genre=Drama"
