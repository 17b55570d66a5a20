"""The paper's `single`: one retrieval tool, the plain backbone's, is called once, and the model orders what it brings."""

from toolrec_cli.agent.baseline import POOL, Answer, Call, Desk, ordering
from toolrec_cli.tools.protocol import User


def answer(desk: Desk, user: User) -> Answer:
    """The order of the backbone's best 50."""
    return desk.ordered(desk.brought(user, [Call(None, POOL)]))


BASELINE = ordering(POOL, answer)
