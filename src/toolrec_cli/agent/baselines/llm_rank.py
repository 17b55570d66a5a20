"""The model puts the backbone's 20 best in order, once: LLMRank, zero-shot (Hou et al., ECIR 2024, arXiv 2305.08845)."""

from toolrec_cli.agent.baseline import Answer, Call, Desk, ordering
from toolrec_cli.tools.protocol import User

CANDIDATES = 20
"""How many it is shown (that paper's setting)."""


def answer(desk: Desk, user: User) -> Answer:
    """The order of the backbone's best."""
    return desk.ordered(desk.brought(user, [Call(None, CANDIDATES)]))


BASELINE = ordering(CANDIDATES, answer)
