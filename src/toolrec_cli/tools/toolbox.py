"""The tools at hand, and the door they are called through: whatever is wrong with a call becomes a `Refused`."""

from collections.abc import Sequence

from pydantic import ValidationError

from toolrec_cli.errors import unknown
from toolrec_cli.tools.protocol import Accepted, Action, Context, Proposal, Refused, Tool

_NAMED = 5


class Toolbox:
    """Tools by name, in the order they were given."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = {tool.name: tool for tool in tools}

    def legal(self, context: Context) -> list[str]:
        """What can be called now: no rank or finish before there are candidates, only finish in the last round."""
        if not context.candidates:
            return [name for name in self.tools if name == "retrieve"]
        return [name for name in self.tools if name == "finish" or not context.last_round]

    def call(self, action: Action, context: Context) -> Proposal | Accepted | Refused:
        """Carry out `action`; a wrong tool, wrong arguments or a wrong moment is refused with what to do instead."""
        legal = self.legal(context)
        if action.tool not in self.tools:
            return Refused(unknown("tool", action.tool, self.tools), f"Call one of: {', '.join(legal)}.")
        if action.tool not in legal:
            return Refused(_why_not_now(action.tool, context), f"Call one of: {', '.join(legal)}.")
        tool = self.tools[action.tool]
        try:
            arguments = tool.Arguments.model_validate(action.arguments)
        except ValidationError as error:
            return Refused(_in_words(action.tool, error), f"{tool.name}: {tool.about}")
        return tool(arguments, context)


def _why_not_now(tool: str, context: Context) -> str:
    if not context.candidates:
        return f"There is nothing to {tool} yet: no item has been retrieved."
    return f"Round {context.step} of {context.max_rounds} is the last: the list must be finished now."


def _in_words(tool: str, error: ValidationError) -> str:
    """The validation errors as one sentence."""
    problems = [
        f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg'][0].lower()}{e['msg'][1:]}, not {e['input']!r:.80}"
        for e in error.errors()[:_NAMED]
    ]
    more = f"; and {error.error_count() - _NAMED} more" if error.error_count() > _NAMED else ""
    return f"{tool} was called wrongly ({'; '.join(problems)}{more})."
