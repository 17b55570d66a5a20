"""The paper's surrogate user: a language model that reads a history, thinks, calls tools, and finishes with a list of its own.

What it is asked is a projection of the trajectory (`agent/speech`); what it answers is read, recorded and carried out by the
loop. A reply that cannot be used is a round of its own: a step with a `Refused` that says what to do instead.
"""

from collections.abc import Iterator
from dataclasses import replace

from toolrec_cli.agent.codec import recorded
from toolrec_cli.agent.speech import speech_called
from toolrec_cli.agent.trajectory import Brief, Trajectory, Turn
from toolrec_cli.llm.messages import ChatModel, Request
from toolrec_cli.tools.protocol import Context


class LLMSurrogate:
    """Implements `SurrogateUser`. Has no state, so that threads may share it.

    model: whoever answers. brief: from `make_brief`, for the same protocol, data set, list length and rounds as the explorer's.
    """

    def __init__(self, model: ChatModel, brief: Brief) -> None:
        self.name = model.name
        self.brief = brief
        self._model = model
        self._speech = speech_called(brief.protocol)

    def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
        """Ask once. Raises ProviderError when nobody answers, BudgetSpent when nobody may be asked."""
        reply = self._model.reply(self._speech.request(trajectory))
        turn = self._speech.read(reply)
        return replace(turn, exchanges=(recorded("turn", reply),))


def requests(trajectory: Trajectory) -> Iterator[Request]:
    """Every question the surrogate was asked in a recorded trajectory, built again from the record alone.

    Raises ValueError for a trajectory that no language model made.
    """
    if trajectory.brief is None:
        raise ValueError("this trajectory was not made by a language model: it has no brief")
    speech = speech_called(trajectory.brief.protocol)
    for number in range(len(trajectory.steps)):
        yield speech.request(replace(trajectory, steps=trajectory.steps[:number]))
