"""A final list as a table and as JSON documents: declared keys, titles as they are."""

import json

import pytest

from agent.scripted import explore, finish, rank, retrieve
from toolrec_cli.agent.trajectory import ItemCard, Recommended, Status, Trajectory
from toolrec_cli.render.ranking import print_rankings, ranking_document, trajectory_document
from tools.small_world import ids

HOSTILE = "[/INST] \x1b[31m[rec]\nnext"


def _finished() -> Trajectory:
    return explore(
        retrieve(k=3), retrieve("genre", 1), rank(k=4), finish(ids([2, 14])), finish(ids([2, 14, 1, 3])), n=4
    )


def _hostile(user_id: str = "7") -> Trajectory:
    return Trajectory(
        user_id=user_id,
        dataset="d",
        surrogate="s",
        n=1,
        max_rounds=7,
        profile={},
        n_history=0,
        newest=(),
        items={"[a]": ItemCard(HOSTILE, {"genre": ["[b]", "c\x1b[0m"]})},
        status=Status.FORCED,
        ranking=(Recommended(1, "[a]", ()),),
    )


def test_the_document_of_a_ranking_has_the_declared_keys() -> None:
    document = ranking_document(_finished())
    assert {name: value for name, value in document.items() if name != "items"} == {
        "schema_version": 1,
        "user_id": "u0",
        "dataset": "small",
        "surrogate": "scripted",
        "status": "finished",
        "rounds": 5,
    }
    assert [item["item_id"] for item in document["items"]] == ids([2, 14, 1, 3])
    assert document["items"][1] == {
        "rank": 2,
        "item_id": "114",
        "title": "Twin",
        "tool": "retrieve:genre",
        "tools": ["retrieve:genre", "rank:none"],
        "padded": False,
        "attributes": {"genre": ["Comedy"], "year": 1995, "price": 14.0, "plot": "Two clowns."},
    }


def test_what_was_added_to_a_short_list_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    padded = explore(retrieve(k=3), finish(ids([2])), n=3, max_rounds=2)
    document = ranking_document(padded)
    assert (document["status"], [item["padded"] for item in document["items"]]) == ("padded", [False, True, True])
    print_rankings([padded], as_json=False)
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[-3:] == ["1", "2+", "3+"]


def test_a_failure_is_a_document_without_items() -> None:
    document = ranking_document(explore(finish([])))
    assert (document["status"], document["items"]) == ("failed", [])


def test_one_user_is_one_document_and_many_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_rankings([_finished()], as_json=True)
    alone = capsys.readouterr()
    print_rankings([_finished(), _hostile()], as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(alone.out) == ranking_document(_finished())
    assert [json.loads(line) for line in lines] == [ranking_document(_finished()), ranking_document(_hostile())]
    assert alone.err == ""


def test_json_keeps_a_title_to_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    print_rankings([_hostile()], as_json=True)
    out = capsys.readouterr().out
    assert json.loads(out)["items"][0]["title"] == HOSTILE
    assert "\x1b" not in out


def test_the_table_shows_hostile_text_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_rankings([_hostile("[u]\x1b[1m")], as_json=False)
    captured = capsys.readouterr()
    assert "[/INST] [31m[rec] next" in captured.out
    assert "For user [u][1m · forced: not the surrogate's own list" in captured.out
    assert "[b], c[0m" in captured.out
    assert "\x1b" not in captured.out
    assert captured.err == ""


def test_the_table_names_the_tools_that_brought_an_item_but_not_the_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    print_rankings([_finished()], as_json=False)
    out = capsys.readouterr().out
    assert "rank" not in out
    assert out.count("retrieve: none") == 3
    assert "retrieve: genre" in out
    assert "not the surrogate's own list" not in out


def test_the_document_of_a_trajectory_is_its_record() -> None:
    document = trajectory_document(_finished())
    assert document["schema_version"] == 2
    assert [step["observation"]["kind"] for step in document["steps"]] == [
        "shown",
        "shown",
        "shown",
        "refused",
        "finished",
    ]
