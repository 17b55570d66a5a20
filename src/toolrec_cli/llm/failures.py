"""How an answer can fail to come; what a budget has to know of it."""

from toolrec_cli.errors import ProviderError


class Unanswered(ProviderError):
    """The question was sent and no usable answer came back: it may have been billed, and counts as if it had."""
