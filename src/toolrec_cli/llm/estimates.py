"""`--dry-run`: how many calls, tokens and dollars a run can take at most, and how many it may be expected to take."""

from dataclasses import dataclass
from typing import Any

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

    first: the first question whole (system text, schema or tools, the user's history). each_round: what a further round
    adds (the answer, the observation), at most. max_tokens: the limit of one answer, hidden reasoning included.
    answer_tokens: an answer as it may be expected.
    """

    first: int
    each_round: int
    max_tokens: int
    answer_tokens: int = 120


@dataclass(frozen=True)
class Bill:
    """Calls, tokens, and US dollars (None: n/a)."""

    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None


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


def estimate(
    users: int, max_rounds: int, prompt: Prompt, prices: Prices, *, expected_rounds: float = 5.0, repairs: int = 1
) -> Estimate:
    """What `users` users cost.

    At most: every user takes all `max_rounds`, each asked `repairs` times more because an answer could not be used, every
    token a byte long. Expected: `expected_rounds` rounds, no repair, four bytes a token; what a provider gives off for
    cached input is not counted on.
    """
    turns = max_rounds * (1 + repairs)
    most = _bill(users, turns, prompt, prices, bytes_a_token=1, answer=prompt.max_tokens)
    rounds = min(expected_rounds, float(max_rounds))
    expected = _bill(users, rounds, prompt, prices, bytes_a_token=BYTES_A_TOKEN, answer=prompt.answer_tokens)
    return Estimate(users, most, expected, prices.source)


def _bill(users: int, turns: float, prompt: Prompt, prices: Prices, *, bytes_a_token: int, answer: int) -> Bill:
    """The sum over turns 1…`turns`; turn t reads the first question and what t - 1 turns have added."""
    read = turns * prompt.first + prompt.each_round * turns * (turns - 1) / 2
    input_tokens = round(users * read / bytes_a_token)
    output_tokens = round(users * turns * answer)
    calls = round(users * turns)
    one = Usage(-(-input_tokens // max(1, calls)), -(-output_tokens // max(1, calls)))
    a_call = prices.dollars(one)
    return Bill(calls, input_tokens, output_tokens, None if a_call is None else a_call * calls)
