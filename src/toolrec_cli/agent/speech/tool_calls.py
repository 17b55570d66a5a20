"""Native tool calls: the model calls a tool, and the tool's message answers that call by its id."""

from toolrec_cli.agent.speech import conversation, faults, json_turns, reading, schemas
from toolrec_cli.agent.trajectory import Step, Trajectory, Turn
from toolrec_cli.llm.messages import Message, Reply, Request
from toolrec_cli.tools.protocol import Action, Refused

_HOW = "Call exactly one of the tools."
_NOT_DONE = "Not done: one call a round, and the first was taken. Call it again if you still want it."


class ToolCalls:
    """`--protocol tools`."""

    name = "tools"

    def request(self, trajectory: Trajectory) -> Request:
        """The conversation, and the tools that may be called."""
        brief = conversation.brief_of(trajectory)
        return Request(
            conversation.messages(trajectory, _said, _answered),
            tools=schemas.tool_specs(brief, conversation.offered(trajectory)),
            max_tokens=brief.max_tokens,
            temperature=brief.temperature,
            seed=brief.seed,
        )

    def read(self, reply: Reply) -> Turn:
        """The first call; a model that writes its call as text is understood too."""
        if fault := faults.broken(reply, _HOW):
            return faults.faulty(reply, fault)
        if not reply.calls:
            found = reading.object_in(reply.text)
            action = None if found is None else reading.action_of(found)
            if found is None or action is None:
                return faults.faulty(reply, faults.no_action(reply.text, _HOW))
            return Turn(str(found.get("thought") or "")[: faults.THOUGHT], action)
        call = reply.calls[0]
        arguments = reading.whole_object(call.arguments or "{}")
        if arguments is None:
            reason = f"The arguments of {call.name!r:.60} are no JSON object: {call.arguments!r:.80}."
            return faults.faulty(reply, Refused(reason, _HOW))
        thought = str(arguments.pop("thought", None) or reply.text)
        said = {key: value for key, value in arguments.items() if value is not None}
        return Turn(thought[: faults.THOUGHT], Action(call.name, said))


def _said(step: Step) -> Message:
    exchange = conversation.turn_of(step)
    return json_turns.spoken(step) if exchange is None else conversation.kept(exchange)


def _answered(step: Step, observation: str) -> list[Message]:
    """To the first call the observation, to the others that they were not carried out; where none went back, a plain message."""
    exchange = conversation.turn_of(step)
    if exchange is None or not exchange.raw or not exchange.calls:
        return [Message("user", observation)]
    first, *others = exchange.calls
    answers = [Message("tool", observation, call_id=first.call_id)]
    return answers + [Message("tool", _NOT_DONE, call_id=call.call_id) for call in others]
