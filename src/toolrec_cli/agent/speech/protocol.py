"""What a way of speaking to a language model has to do."""

from typing import Protocol

from toolrec_cli.agent.trajectory import Trajectory, Turn
from toolrec_cli.llm.messages import Reply, Request


class Speech(Protocol):
    """One protocol. It has no state: what is asked is a projection of the trajectory, and of nothing else."""

    @property
    def name(self) -> str:
        """As in --protocol, and the name of its prompt template."""
        ...

    def request(self, trajectory: Trajectory) -> Request:
        """The question for the round after the last step. The trajectory must bear a brief."""
        ...

    def read(self, reply: Reply) -> Turn:
        """The turn that a reply holds; or, where it holds none that can be used, a turn with a fault. Never raises."""
        ...
