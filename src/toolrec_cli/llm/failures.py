"""How an answer can fail to come; what a budget, and a run over many users, have to know of it."""

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.messages import Request


class Unanswered(ProviderError):
    """The question was sent and no usable answer came back: it may have been billed, and counts as if it had."""


class Unusable(Unanswered):
    """An answer came with status 200 and is none (empty, a web page, half of it): the next try may bring one."""


class Broken(ProviderError):
    """The server fails at this question (500), however often it is asked: another one may be answered."""


class Rejected(ProviderError):
    """No answer to this question (for its content, its length, or since the server fails at it): the next one may get one."""


class Unheard(Rejected):
    """The server failed at this question, and answered others: asked another time, it may get an answer."""


class NotOnRecord(ProviderError):
    """The record has no answer to this question (`request`), and nobody was asked."""

    def __init__(self, request: Request) -> None:
        super().__init__(
            "The record has no answer to this question: something that is told to the model has changed.",
            hint="Ask the model itself (--model), or replay with what the run was made with.",
        )
        self.request = request


class Absent(ProviderError):
    """The server has no such interface: perhaps it has the other one."""
