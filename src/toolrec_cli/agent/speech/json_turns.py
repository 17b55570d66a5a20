"""One JSON object a turn: {"thought": …, "action": {"tool": …, its arguments}}. Most servers can hold a model to that."""

import json

from toolrec_cli.agent.speech import conversation, faults, reading, schemas
from toolrec_cli.agent.trajectory import Step, Trajectory, Turn
from toolrec_cli.llm.messages import Message, Reply, Request

_HOW = 'Answer with one JSON object: {"thought": "…", "action": {"tool": "…", …}}.'


class JsonTurns:
    """`--protocol json`."""

    name = "json"

    def request(self, trajectory: Trajectory) -> Request:
        """The conversation, and the schema of what may be done."""
        brief = conversation.brief_of(trajectory)
        return Request(
            conversation.messages(trajectory, _said, _answered),
            schema=schemas.turn_schema(brief, conversation.offered(trajectory)),
            max_tokens=brief.max_tokens,
            temperature=brief.temperature,
            seed=brief.seed,
        )

    def read(self, reply: Reply) -> Turn:
        """The object's thought and action; the schema may not have been enforced, so text around it is forgiven."""
        if fault := faults.broken(reply, _HOW):
            return faults.faulty(reply, fault)
        found = reading.object_in(reply.text)
        action = None if found is None else reading.action_of(found)
        if found is None or action is None:
            return faults.faulty(reply, faults.no_action(reply.text, _HOW))
        return Turn(str(found.get("thought") or "")[: faults.THOUGHT], action)


def spoken(step: Step) -> Message:
    """A step that no language model said, as one would have said it."""
    action = {"tool": step.action.tool, **step.action.arguments}
    return Message("assistant", json.dumps({"thought": step.thought, "action": action}, ensure_ascii=False))


def _said(step: Step) -> Message:
    exchange = conversation.turn_of(step)
    return spoken(step) if exchange is None else conversation.kept(exchange)


def _answered(step: Step, observation: str) -> list[Message]:
    return [Message("user", observation)]
