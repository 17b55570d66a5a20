"""A `ChatModel` without a server: requests go to a script as a server would get them, and its words come back as replies."""

import json
from typing import Any

from toolrec_cli.llm.messages import Message, Reply, Request, ToolCall, Usage
from toolrec_cli.testing.replies import Script


class PlayedModel:
    """Implements `ChatModel`. Remembers what it was asked in `requests`; `name` is what --model would be."""

    def __init__(self, script: Script, name: str = "played") -> None:
        self.name = name
        self._script = script
        self.requests: list[Request] = []

    def reply(self, request: Request) -> Reply:
        """What the script says, with the message as a server would send it."""
        self.requests.append(request)
        said = self._script(as_chat(request))
        number = len(request.messages)
        calls = tuple(
            ToolCall(f"call_{number}_{place}", call.name, call.arguments) for place, call in enumerate(said.calls)
        )
        raw: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if calls:
            raw["tool_calls"] = [
                {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in calls
            ]
        asked = sum(len(message.content) for message in request.messages)
        spoken = len(said.text) + sum(len(call.arguments) for call in said.calls)
        usage = Usage(asked // 4, spoken // 4 + 1)
        return Reply(said.text, calls, said.ended, usage, raw, said.refusal, self.name)


def as_chat(request: Request) -> dict[str, Any]:
    """A request in the shape of a chat completion."""
    chat: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
    if request.schema is not None:
        form = {"name": "answer", "strict": True, "schema": request.schema}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.tools:
        chat["tools"] = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}}
            for t in request.tools
        ]
    if request.stop:
        chat["stop"] = list(request.stop)
    if request.seed is not None:
        chat["seed"] = request.seed
    json.dumps(chat).encode()  # what cannot be sent must not be asked
    return chat


def _message(message: Message) -> dict[str, Any]:
    if message.raw:
        return dict(message.raw)
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    return found if message.call_id is None else {**found, "tool_call_id": message.call_id}
