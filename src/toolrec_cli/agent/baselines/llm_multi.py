"""The paper's `multi`: every retrieval tool is called once, and the model orders what all of them bring.

As many candidates as `llm-single` has, so that the two differ in where they come from: the tools' lists are read place by place
until they hold 50 items together.
"""

from toolrec_cli.agent.baseline import POOL, Answer, Desk, every_tool, in_turn, ordering
from toolrec_cli.tools.protocol import User


def answer(desk: Desk, user: User) -> Answer:
    """The order of what all tools bring, with the marks of each."""
    lists = [list(desk.brought(user, [call]).candidates) for call in every_tool(desk, POOL)]
    return desk.ordered(desk.brought(user, every_tool(desk, max(1, in_turn(lists, POOL)))))


BASELINE = ordering(POOL, answer)
