"""The paper's `plan`: the model writes all its calls down before it sees anything; they are carried out, and it orders the rest.

A plan that cannot be read is asked for once more, saying what is wrong. A call of it that cannot be carried out brings nothing.
"""

from typing import Any, cast

from toolrec_cli.agent.baseline import Answer, Baseline, Call, Desk
from toolrec_cli.agent.llm_ranker import RankHabits, most_questions
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.rank_question import who_asks
from toolrec_cli.agent.speech import faults, reading, schemas
from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.llm.messages import Reply
from toolrec_cli.tools.protocol import User
from toolrec_cli.tools.retrieve import MAX_K

_HOW = 'Answer with one JSON object: {"thought": "…", "calls": [{"attribute": …, "k": …, "value": …}], "rank": …}.'

Plan = tuple[list[Call], str | None]
"""The calls, and what their items are to be ordered by."""


def answer(desk: Desk, user: User) -> Answer:
    """What the planned calls bring, in the model's order by what it planned to order by. Raises what the model raises."""
    plan = _planned(desk, user)
    return Answer((), ()) if plan is None else desk.ordered(desk.brought(user, plan[0]), plan[1])


def most_calls(limits: Limits) -> int:
    """As many as the surrogate could make, and still order and finish."""
    return max(1, limits.max_rounds - 2)


def _planned(desk: Desk, user: User) -> Plan | None:
    most = most_calls(desk.explorer.limits)
    now = f"Plan at most {most} calls, and by what their items are to be put in order."
    system, asked = desk.told("plan", calls=most), "\n".join([*who_asks(desk.brought(user, [])), now])
    words = asked
    for _ in range(1 + desk.habits.reruns):
        reply = desk.ask(system, words, _schema(desk.brief))
        if (plan := _read(reply, most)) is not None:
            return plan
        fault = faults.broken(reply, "")
        words = f"{asked}\n\nYou were asked this before. {fault.reason if fault else 'The answer held no call.'} {_HOW}"
    return None


def _schema(brief: Brief) -> dict[str, Any]:
    call = schemas.closed(schemas.properties("retrieve", brief))
    thought, rank = {"type": "string"}, {"type": ["string", "null"]}
    return schemas.closed({"thought": thought, "calls": {"type": "array", "items": call}, "rank": rank})


def _read(reply: Reply, most: int) -> Plan | None:
    """The plan in a reply; what is wrong with a call's arguments is for the tool to say."""
    if faults.broken(reply, ""):
        return None
    found = reading.object_in(reply.text, "calls") or {}
    listed: Any = found.get("calls")
    said = [cast("dict[str, Any]", each) for each in cast("list[Any]", listed)] if isinstance(listed, list) else []
    calls = [Call(e.get("attribute"), e.get("k", 0), e.get("value")) for e in said if isinstance(e, dict)]  # pyright: ignore[reportUnnecessaryIsInstance]
    attribute = found.get("rank")
    return (calls[:most], attribute if isinstance(attribute, str) else None) if calls else None


def _most(habits: RankHabits, limits: Limits) -> int:
    return 1 + habits.reruns + most_questions(MAX_K * most_calls(limits), habits)


BASELINE = Baseline(answer, _most, lambda habits: 1 + habits.samples, ("plan",))
