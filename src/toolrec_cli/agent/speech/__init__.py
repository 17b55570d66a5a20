"""Ways of speaking to a language model: a request from the trajectory, a turn from the reply. A file is a protocol."""

from toolrec_cli.agent.speech.json_turns import JsonTurns
from toolrec_cli.agent.speech.protocol import Speech
from toolrec_cli.agent.speech.react import React
from toolrec_cli.agent.speech.tool_calls import ToolCalls
from toolrec_cli.errors import UsageError, unknown

SPEECHES: dict[str, Speech] = {speech.name: speech for speech in (JsonTurns(), ToolCalls(), React())}
"""By the name that --protocol takes; the first is the default."""


def speech_called(name: str) -> Speech:
    """The protocol called `name`. Raises UsageError with the near miss."""
    if name not in SPEECHES:
        raise UsageError(unknown("protocol", name, SPEECHES))
    return SPEECHES[name]
