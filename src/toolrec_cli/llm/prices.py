"""What tokens cost: as the server says, as the user says, as the public lists say, or not known. Not known is never 0."""

from collections.abc import Callable
from dataclasses import dataclass

from toolrec_cli.errors import UsageError
from toolrec_cli.llm.endpoint import Endpoint
from toolrec_cli.llm.messages import Usage

MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """US dollars for a call's tokens. `known` False: every amount is n/a unless the server names it itself."""

    of_tokens: Callable[[Usage], float] | None
    source: str
    """Where the prices are from: "given", "genai-prices: openai/gpt-5-mini", "n/a: a local server"."""

    @property
    def known(self) -> bool:
        return self.of_tokens is not None

    def dollars(self, usage: Usage) -> float | None:
        """What a call cost: the server's own word first. None when nobody knows."""
        if usage.cost is not None:
            return usage.cost
        return None if self.of_tokens is None else self.of_tokens(usage)


def prices_for(
    model: str, endpoint: Endpoint, price_input: float | None = None, price_output: float | None = None
) -> Prices:
    """The prices of `model` at `endpoint`. `price_input` and `price_output`, $ per million tokens, go before every list.

    Raises UsageError when only one of the two is given, or one is below 0.
    """
    if price_input is not None and price_output is not None:
        return _given(price_input, price_output)
    if price_input is not None or price_output is not None:
        raise UsageError(
            "A price is set for input and output tokens together.",
            hint="Give both: --price-input DOLLARS --price-output DOLLARS, per million tokens.",
        )
    if endpoint.local:
        return Prices(None, "n/a: a local server")
    return _listed(model, endpoint)


def _given(price_input: float, price_output: float) -> Prices:
    if price_input < 0 or price_output < 0:
        raise UsageError("A price is 0 or more.", hint="--price-input and --price-output are $ per million tokens.")

    def dollars(usage: Usage) -> float:
        return (usage.input_tokens * price_input + usage.output_tokens * price_output) / MILLION

    return Prices(dollars, "given")


def _listed(model: str, endpoint: Endpoint) -> Prices:
    """From genai-prices: a snapshot of public price lists, cached tokens at their own price."""
    import genai_prices

    def dollars(usage: Usage) -> float:
        tokens = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
        )
        return float(genai_prices.calc_price(tokens, model, provider_api_url=endpoint.base_url).total_price)

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=MILLION, output_tokens=MILLION), model, provider_api_url=endpoint.base_url
        )
    except (LookupError, ValueError):
        return Prices(None, f"n/a: no price of {model} at {endpoint.base_url} is known")
    if found.model_price.input_mtok is None and found.model_price.output_mtok is None:
        return Prices(None, f"n/a: {found.provider.id} names no price of {model}")
    return Prices(dollars, f"genai-prices: {found.provider.id}/{found.model.id}")
