"""What is not known is n/a, never 0; what the server or the user says goes first; a dry run bounds the bill."""

import pytest

from toolrec_cli.errors import UsageError
from toolrec_cli.llm.estimates import Prompt, about_tokens, estimate
from toolrec_cli.llm.messages import Usage
from toolrec_cli.llm.prices import Prices, prices_for
from toolrec_cli.llm.providers.presets import endpoint_for

OPENAI = endpoint_for(preset="openai", model="gpt-4.1-mini")
LOCAL = endpoint_for(preset="ollama")


def test_a_known_model_has_the_listed_price_and_cached_tokens_their_own() -> None:
    prices = prices_for("gpt-4.1-mini", OPENAI)
    assert prices.source == "genai-prices: openai/gpt-4.1-mini"
    whole, cached = prices.dollars(Usage(1000, 100)), prices.dollars(Usage(1000, 100, cached_tokens=800))
    assert whole is not None
    assert cached is not None
    assert 0 < cached < whole < 0.01


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        ("no-such-model-9", OPENAI),
        ("gpt-4.1-mini", endpoint_for("https://llm.example/v1")),
        ("gpt-4.1-mini", endpoint_for("http://localhost:8000/v1")),
        ("qwen3:8b", LOCAL),
    ],
)
def test_what_is_not_known_is_not_0(model: str, endpoint: object) -> None:
    prices = prices_for(model, endpoint)  # type: ignore[arg-type]
    assert not prices.known
    assert prices.dollars(Usage(10**6, 10**6)) is None
    assert prices.source.startswith("n/a")


def test_the_user_may_say_a_price_and_the_server_the_last_word() -> None:
    prices = prices_for("qwen3:8b", LOCAL, 2.0, 10.0)
    assert prices.dollars(Usage(500_000, 100_000)) == pytest.approx(2.0)
    assert prices.dollars(Usage(500_000, 100_000, cost=0.5)) == 0.5
    free = prices_for("x", LOCAL, 0.0, 0.0)
    assert free.dollars(Usage(10, 10)) == 0.0


@pytest.mark.parametrize(("price_input", "price_output"), [(1.0, None), (None, 1.0), (-1.0, 1.0)])
def test_half_a_price_and_a_negative_one_are_refused(price_input: float | None, price_output: float | None) -> None:
    with pytest.raises(UsageError):
        prices_for("x", OPENAI, price_input, price_output)


PER_TOKEN = Prices(lambda usage: usage.input_tokens * 0.001 + usage.output_tokens * 0.01, "given")


def test_a_dry_run_says_the_most_and_the_expected() -> None:
    prompt = Prompt(first=8000, each_round=2000, max_tokens=1024, answer_tokens=100)
    found = estimate(10, 7, prompt, PER_TOKEN, expected_rounds=4, repairs=1)
    assert (found.most.calls, found.expected.calls) == (140, 40)
    assert found.expected.input_tokens == 10 * (4 * 2000 + 500 * 6)
    assert found.expected.output_tokens == 4000
    assert found.expected.dollars == pytest.approx(11.0 * 10 + 40, rel=1e-3)
    assert found.most.input_tokens > 10 * (14 * 8000 + 2000 * 91)
    assert found.most.output_tokens == 140 * 1024
    assert found.most.dollars is not None
    assert found.most.dollars > 10 * (found.expected.dollars or 0)


def test_a_dry_run_without_prices_says_none() -> None:
    found = estimate(3, 7, Prompt(8000, 2000, 1024), Prices(None, "n/a: a local server"))
    assert found.as_json()["at_most"]["dollars"] is None
    assert found.as_json()["price_source"] == "n/a: a local server"
    assert estimate(0, 7, Prompt(8000, 2000, 1024), PER_TOKEN).most.calls == 0


def test_more_rounds_than_there_are_are_not_expected() -> None:
    assert estimate(1, 3, Prompt(100, 100, 10), PER_TOKEN, expected_rounds=5).expected.calls == 3


def test_tokens_by_rule_of_thumb() -> None:
    assert [about_tokens(text) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]
