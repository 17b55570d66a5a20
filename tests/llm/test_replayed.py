"""Answers from the record: each user his own, in order, and none held that is not asked for."""

import json
import tracemalloc
from pathlib import Path

import pytest
from doubles import question

from toolrec_cli.errors import InputError
from toolrec_cli.llm.failures import NotOnRecord, Rejected
from toolrec_cli.llm.index import ExchangeIndex, last_sitting
from toolrec_cli.llm.messages import Reply, Request
from toolrec_cli.llm.metered import labelled
from toolrec_cli.llm.recorded import Exchange, question_digest
from toolrec_cli.llm.replayed import FromRecord, Replayed


def exchange(label: str | None, asked: Request, said: str) -> Exchange:
    return Exchange(question_digest(asked), "m", label, asked, Reply(said))


def written(path: Path, exchanges: list[Exchange], torn: str = "") -> Path:
    path.write_text("".join(json.dumps(each.as_json()) + "\n" for each in exchanges) + torn)
    return path


def never(_: Request) -> None:
    """No question was refused."""


ASKED, THEN = question("a"), question("b")
LOG = [
    exchange("1", ASKED, "one"),
    exchange("2", ASKED, "two"),
    exchange("1", THEN, "first"),
    exchange('a "label", "request": {', ASKED, "three"),
    exchange("1", THEN, "second"),
    exchange(None, ASKED, "nobody's"),
]


def test_two_users_with_one_question_get_each_his_own_answer_in_order() -> None:
    model = Replayed(LOG)
    with labelled("2"):
        assert model.reply(ASKED).text == "two"
        with pytest.raises(NotOnRecord) as caught:
            model.reply(THEN)
        assert caught.value.request == THEN
    with labelled("1"):
        assert [model.reply(THEN).text for _ in range(4)] == ["first", "second", "second", "second"]
        assert model.reply(ASKED).text == "one"
    with labelled("a stranger"):
        assert model.reply(ASKED).text == "nobody's"
    assert [model.reply(ASKED).text for _ in range(5)] == ["one", "two", "three", "nobody's", "nobody's"]


def test_the_index_finds_each_users_exchanges(tmp_path: Path) -> None:
    index = ExchangeIndex(written(tmp_path / "e.jsonl", LOG, torn='{"schema_version": 1, "digest": "'))
    found = {label: [each.reply.text for each in index.of(label)] for label in ("1", "2", LOG[3].label, None, "x")}
    assert found == {
        "1": ["one", "first", "second"],
        "2": ["two"],
        'a "label", "request": {': ["three"],
        None: ["nobody's"],
        "x": [],
    }


def test_who_was_asked_from_the_beginning_again_is_served_from_his_last_sitting() -> None:
    sittings = [exchange("1", asked, said) for asked, said in ((ASKED, "a"), (THEN, "b"), (ASKED, "c"), (THEN, "d"))]
    assert [each.reply.text for each in last_sitting(sittings)] == ["c", "d"]
    assert last_sitting([]) == []


@pytest.mark.parametrize("line", ["[]", "nonsense", '{"schema_version": 9, "label": "1", "request": {}}'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "e.jsonl", LOG[:1], torn=line + "\n")
    with pytest.raises(InputError, match="Line 2 of"):
        ExchangeIndex(path)


def test_an_index_holds_no_exchange(tmp_path: Path) -> None:
    """20,000 exchanges of 10,000 characters would be 200 MB."""
    path = tmp_path / "e.jsonl"
    line = json.dumps(exchange("LABEL", question("x" * 10_000), "y").as_json()) + "\n"
    with path.open("w") as log:
        log.writelines(line.replace("LABEL", str(user)) for user in range(2_000) for _ in range(10))
    tracemalloc.start()
    index = ExchangeIndex(path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index.of("1234")) == 1  # ten times the opening question: the last sitting
    assert held < 2_000_000
    assert peak < 4_000_000


class Asked:
    """Counts what it is asked."""

    name = "live"

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        return Reply("live")


def test_what_is_not_on_record_goes_to_a_model_only_if_it_may(tmp_path: Path) -> None:
    inner = Asked()
    model = FromRecord(ExchangeIndex(written(tmp_path / "e.jsonl", LOG)), "m", inner)
    with model.serving("2", never) as sitting:
        assert (model.reply(ASKED).text, sitting.left) == ("two", None)
        sitting.rounds = 1
        with pytest.raises(NotOnRecord):
            model.reply(THEN)
        assert (sitting.left, sitting.left_in, inner.requests) == (THEN, 2, [])
    model.may_ask = True
    with model.serving("2", never) as sitting:
        assert [model.reply(asked).text for asked in (ASKED, THEN)] == ["two", "live"]
        assert (sitting.left, sitting.left_in, inner.requests) == (THEN, 1, [THEN])
    with model.serving("1", lambda request: Rejected("Too long.") if request == question("c") else None):
        with pytest.raises(Rejected, match="Too long"):
            model.reply(question("c"))
        assert model.reply(question("d")).text == "live"
