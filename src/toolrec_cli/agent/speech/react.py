"""The paper's text grammar: Thought, Action, Observation; for models that can neither call tools nor be held to a schema."""

import json
from dataclasses import replace

from toolrec_cli.agent import quoting
from toolrec_cli.agent.speech import conversation, faults, grammar, reading
from toolrec_cli.agent.trajectory import Step, Trajectory, Turn
from toolrec_cli.llm.messages import Message, Reply, Request

_HOW = "Answer with two lines, Thought: … and Action: …, the action being one of those you may call."

STOP = "\nObservation:"


class React:
    """`--protocol react`."""

    name = "react"

    def request(self, trajectory: Trajectory) -> Request:
        """The conversation, and where the model is to stop."""
        brief = conversation.brief_of(trajectory)
        return Request(
            conversation.messages(trajectory, _said, _answered),
            stop=(STOP,),
            max_tokens=brief.max_tokens,
            temperature=brief.temperature,
            seed=brief.seed,
        )

    def read(self, reply: Reply) -> Turn:
        """The first action of the text; what the model wrote for an observation is not believed."""
        if fault := faults.broken(reply, _HOW):
            return faults.faulty(reply, fault)
        text = grammar.until_observation(reply.text)
        if found := grammar.action_in(text):
            return Turn(grammar.thought_in(text)[: faults.THOUGHT], found)
        written = reading.object_in(text)
        action = None if written is None else reading.action_of(written)
        if written is None or action is None:
            return faults.faulty(reply, faults.no_action(text, _HOW))
        return Turn(str(written.get("thought") or "")[: faults.THOUGHT], action)


def _said(step: Step) -> Message:
    exchange = conversation.turn_of(step)
    if exchange is None:
        return Message(
            "assistant", f"Thought: {quoting.tame(step.thought, 600)}\nAction: {grammar.spoken(step.action)}"
        )
    played = "Observation" in json.dumps(exchange.raw, ensure_ascii=False)  # the world is not the model's to play
    return conversation.kept(
        replace(exchange, text=grammar.until_observation(exchange.text), raw={} if played else exchange.raw)
    )


def _answered(step: Step, observation: str) -> list[Message]:
    return [Message("user", f"Observation: {observation}")]
