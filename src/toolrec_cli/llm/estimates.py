"""`--dry-run`: how many calls, tokens and dollars a run can take at most, and how many it may be expected to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolrec_cli.llm.budgeted import template_tokens
from toolrec_cli.llm.messages import Usage
from toolrec_cli.llm.prices import Prices

BYTES_A_TOKEN = 4
"""Of English text and JSON, about; used for what is expected, never for what is the most."""


def about_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text.encode()) // BYTES_A_TOKEN)


@dataclass(frozen=True)
class Prompt:
    """What a user's conversation consists of, in bytes, and how long answers may get, in tokens.

    first: the first question whole (system text, schema or tools, the user's history), at most; usual_first: as it may be
    expected (None: that). each_round: what a further round adds (the answer, the observation), at most; usual_round: as it may
    be expected (None: that). max_tokens: the limit of one answer, hidden reasoning included. answer_tokens: an answer as it may
    be expected.
    """

    first: int
    each_round: int
    max_tokens: int
    answer_tokens: int = 120
    usual_round: int | None = None
    usual_first: int | None = None


@dataclass(frozen=True)
class Ranking:
    """Questions for an order of candidates, a user: their bytes, usual and at most; and how many, at most and expected."""

    size: int = 0
    largest: int = 0
    most: int = 0
    expected: float = 0.0


@dataclass(frozen=True)
class Bill:
    """Calls, tokens, and US dollars (None: n/a)."""

    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None

    def __add__(self, other: "Bill") -> "Bill":
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        tokens = self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens
        return Bill(self.calls + other.calls, *tokens, dollars)


@dataclass(frozen=True)
class Estimate:
    """Before a run: nothing is paid above `most`, unless the server counts tokens shorter than a byte; `expected` is a guess."""

    users: int
    most: Bill
    expected: Bill
    price_source: str

    def as_json(self) -> dict[str, Any]:
        """For `--dry-run --json`."""
        return {
            "users": self.users,
            "at_most": self.most.__dict__,
            "expected": self.expected.__dict__,
            "price_source": self.price_source,
        }


@dataclass(frozen=True)
class DryRun:
    """What would be asked of whom, and the bill."""

    model: str
    base_url: str
    protocol: str
    estimate: Estimate


def estimate(
    users: int,
    max_rounds: int,
    prompt: Prompt,
    prices: Prices,
    *,
    expected_rounds: float = 5.0,
    repairs: int = 1,
    ranking: Ranking | None = None,
    beside: Sequence[Ranking] = (),
    n_beside: int = 0,
) -> Estimate:
    """What `users` users cost.

    At most: every user takes all `max_rounds`, each asked `repairs` times more because an answer could not be used, every
    token a byte long, and as many orders of candidates as `ranking` says. Expected: `expected_rounds` rounds, no repair, four
    bytes a token; what a provider gives off for cached input is not counted on. `beside`: what `n_beside` users are asked
    without a conversation, a baseline each.
    """
    turns = max_rounds * (1 + repairs)
    around = template_tokens(2 * turns)
    most = _bill(users, turns, prompt.first + around, prompt.each_round, prompt.max_tokens, prices)
    rounds = min(expected_rounds, float(max_rounds))
    usual = prompt.each_round if prompt.usual_round is None else prompt.usual_round
    first = (prompt.first if prompt.usual_first is None else prompt.usual_first) / BYTES_A_TOKEN
    expected = _bill(users, rounds, first, usual / BYTES_A_TOKEN, prompt.answer_tokens, prices)
    for n, orders in [(users, ranking), *((n_beside, each) for each in beside)]:
        if orders is not None:
            most += _bill(n, orders.most, orders.largest + template_tokens(2), 0, prompt.max_tokens, prices)
            expected += _bill(n, orders.expected, orders.size / BYTES_A_TOKEN, 0, prompt.answer_tokens, prices)
    return Estimate(users, most, expected, prices.source)


def _bill(users: int, turns: float, first: float, each_round: float, answer: int, prices: Prices) -> Bill:
    """The sum over turns 1…`turns`; turn t reads `first` tokens and the t - 1 times `each_round` that were added since."""
    input_tokens = round(users * (turns * first + each_round * turns * (turns - 1) / 2))
    output_tokens = round(users * turns * answer)
    calls = round(users * turns)
    one = Usage(-(-input_tokens // max(1, calls)), -(-output_tokens // max(1, calls)))
    a_call = prices.dollars(one)
    return Bill(calls, input_tokens, output_tokens, None if a_call is None else a_call * calls)
