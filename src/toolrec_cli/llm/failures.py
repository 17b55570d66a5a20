"""How an answer can fail to come; what a budget, and a run over many users, have to know of it."""

from toolrec_cli.errors import ProviderError


class Unanswered(ProviderError):
    """The question was sent and no usable answer came back: it may have been billed, and counts as if it had."""


class Rejected(ProviderError):
    """The server refuses this question for what it holds (its content, its length): the next one may be answered."""
