"""What a language model was asked in a recorded trajectory, and what has changed in a question that is not on record."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from toolrec_cli.agent.comparing import n_alike
from toolrec_cli.agent.llm_surrogate import requests
from toolrec_cli.agent.rank_question import rank_requests
from toolrec_cli.agent.speech import speech_called
from toolrec_cli.agent.trajectory import Refused, Trajectory
from toolrec_cli.llm.codec import request_json
from toolrec_cli.llm.failures import Rejected, Unheard
from toolrec_cli.llm.messages import Request
from toolrec_cli.llm.recorded import Exchange, question_digest

Difference = tuple[str, Any, Any]
"""What differs, in words, and both values."""

SAME = "nothing of the question: exchanges.jsonl lacks its answer"


def refusal_of(then: Trajectory, *, exactly: bool = True) -> Callable[[Request], Rejected | None]:
    """What to raise for the question that got no answer then: that ended the exploration, and is its last step.

    Not `exactly`: any question without an answer counts as that one (a refused question for an order is kept nowhere).
    """
    refused = _refused(then)
    if refused is None:
        return lambda _: None
    if not exactly:
        return lambda _: refused
    *_, last = requests(then)
    digest = question_digest(last)
    return lambda request: refused if question_digest(request) == digest else None


def _refused(then: Trajectory) -> Rejected | None:
    if then.brief is None or not then.steps:
        return None
    seen, last = then.steps[-1].observation, then.steps[-1]
    if last.exchanges or last.action.tool or not isinstance(seen, Refused):
        return None
    return (Unheard if then.unheard else Rejected)(seen.reason)


def question_changed(then: Trajectory, now: Trajectory, asked: Request, on_record: Sequence[Exchange]) -> Difference:
    """What in `asked`, the next question of `now`, is not as in that question on record for this user which is most like it.

    In words, and both values. SAME where the trajectory itself says that the very question was asked.
    """
    if not on_record:
        return "any question: there is none of this user on record", None, asked.messages[-1].content
    digest, expected = question_digest(asked), set(map(question_digest, _rebuilt(then)))
    nearest = max(on_record, key=lambda each: _likeness(each.request, asked))
    if {digest, nearest.digest} <= expected:  # it is another question's record, and this one's is gone
        return SAME, None, asked.messages[-1].content
    is_turn = now.brief is not None and question_digest(speech_called(now.brief.protocol).request(now)) == digest
    return _difference(nearest.request, asked, _part_of_turn if is_turn else _part_of_order)


def _rebuilt(then: Trajectory) -> Iterator[Request]:
    if then.brief is not None:
        yield from requests(then)
        yield from rank_requests(then)


def _likeness(one: Request, other: Request) -> tuple[int, int, int]:
    """How many messages two questions begin with alike, how near they are in length, and how alike the next message begins."""
    pairs = list(zip(one.messages, other.messages, strict=False))
    same = next((place for place, (mine, theirs) in enumerate(pairs) if mine != theirs), len(pairs))
    beginning = n_alike(*(each.content for each in pairs[same])) if same < len(pairs) else 0
    return same, -abs(len(one.messages) - len(other.messages)), beginning


def _difference(then: Request, now: Request, part: Callable[[Request, int], str]) -> Difference:
    """The first of two questions' parts that differs."""
    for place, (mine, theirs) in enumerate(zip(then.messages, now.messages, strict=False)):
        if mine != theirs:
            before, after = (
                str(each.content if mine.content != theirs.content else each.raw) for each in (mine, theirs)
            )
            return part(now, place), before, after
    if len(then.messages) != len(now.messages):
        return "how many messages it has", len(then.messages), len(now.messages)
    one, other = request_json(then), request_json(now)
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            return _SETTINGS.get(name, name), one.get(name), other.get(name)
    return SAME, None, None


_SETTINGS = {"schema": "the schema of the answer", "tools": "the tools offered", "stop": "where it is to stop"}


def _part_of_turn(request: Request, place: int) -> str:
    if place < 2:
        return ("the system text", "the opening (profile and history)")[place]
    rounds = sum(message.role == "assistant" for message in request.messages[: place + 1])
    said = request.messages[place].role == "assistant"
    return f"what the model said in round {rounds}" if said else f"what came of round {rounds}"


def _part_of_order(request: Request, place: int) -> str:
    return ("the system text of the question for an order", "the question for an order")[min(place, 1)]
