"""From what is typed to the model that is asked: endpoint, key, prices, and the wrappers in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolrec_cli.errors import UsageError
from toolrec_cli.llm.again import MOST, Again
from toolrec_cli.llm.budgeted import Amount, Budget, Budgeted, Limits, amount, charged, worst_usage
from toolrec_cli.llm.cached import Cached, ReplyStore
from toolrec_cli.llm.codec import canonical, digest
from toolrec_cli.llm.endpoint import Api, Endpoint, overridden
from toolrec_cli.llm.heard import Heard
from toolrec_cli.llm.index import ExchangeIndex
from toolrec_cli.llm.keys import Key, find_key
from toolrec_cli.llm.messages import ChatModel, Request, Usage
from toolrec_cli.llm.metered import Ledger, Metered, Spent, current_label
from toolrec_cli.llm.paced import Bucket, Paced
from toolrec_cli.llm.prices import Prices, prices_for
from toolrec_cli.llm.recorded import Exchange, Recorded, Sink, located_exchanges, question_digest
from toolrec_cli.llm.remembered import Remembered
from toolrec_cli.llm.unanswered import Charge, Failure, charges, failures

if TYPE_CHECKING:
    from toolrec_cli.llm.providers.client import OpenAICompatible

BASE_URL = "OPENAI_BASE_URL"
"""The environment variable that counts where no --base-url is given."""

Note = Callable[[str], None]


def cache_path(workspace: Path) -> Path:
    """Where a workspace's response cache lies."""
    return workspace / "cache" / "replies.sqlite"


@dataclass(frozen=True)
class ModelOptions:
    """What is typed about a model. None is: as the endpoint's preset has it, or no limit."""

    model: str
    base_url: str | None = None
    server: str | None = None
    """--server NAME: the endpoint's preset."""
    api: Api | None = None
    settings: tuple[str, ...] = ()
    """--server-setting NAME=VALUE: settings of the preset, overridden one by one."""
    key_file: Path | None = None
    timeout: float = 120.0
    """Seconds that one answer may take."""
    max_retries: int = 5
    concurrency: int = 8
    """Calls under way at once."""
    rpm: float | None = None
    """Calls a minute."""
    limits: Limits = Limits()
    price_input: float | None = None
    price_output: float | None = None
    """$ per million tokens."""
    cache: Path | None = None
    """The response cache's file; None (--no-cache): none."""


@dataclass(frozen=True)
class Earlier:
    """The files of a run that goes on; `settings` is the digest of how its server was asked, as `settings_digest` has it."""

    exchanges: Path
    unanswered: Path
    settings: str
    failures: Path | None = None


@dataclass(frozen=True)
class Stack:
    """A model ready to be asked, and what is to be known about it.

    `model` is remembered (where a run goes on), metered, recorded, cached, heard, asked again, budgeted and paced, the first
    outermost: an answer from the cache is recorded, and costs no budget and no turn; what is asked again costs both.
    """

    model: ChatModel
    endpoint: Endpoint
    prices: Prices
    ledger: Ledger
    budget: Budget
    """Counts only when there is a limit; the ledger counts always."""
    server: "OpenAICompatible"
    store: ReplyStore | None
    heard: Heard
    """Who asks for many users lets it know of them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the server was found not to take."""
        return self.server.notes

    def close(self) -> None:
        """Close connections and cache."""
        self.server.close()
        if self.store is not None:
            self.store.close()


def endpoint_of(options: ModelOptions, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that is meant. Raises UsageError."""
    from toolrec_cli.llm.providers.presets import endpoint_for

    url = options.base_url or (environment.get(BASE_URL) or None if options.server is None else None)
    endpoint = endpoint_for(url, options.model, options.server)
    api = () if options.api is None else (f"api={options.api}",)
    return overridden(endpoint, (*options.settings, *api))


def settings_digest(endpoint: Endpoint) -> str:
    """SHA-256 of all that makes a server's answers other ones."""
    return digest(canonical(endpoint.identity()))


def build(
    options: ModelOptions,
    environment: Mapping[str, str],
    workspace: Path,
    *,
    sink: Sink | None = None,
    unanswered: Callable[[Charge], None] | None = None,
    failed: Callable[[Failure], None] = lambda failure: None,
    note: Note | None = None,
    earlier: Earlier | None = None,
    around: Callable[[ChatModel], ChatModel] | None = None,
) -> Stack:
    """The model. `sink` gets every exchange, `unanswered` what may have been billed without one, `failed` each question that
    ended without one, `note` what is to be said on the way; `earlier` is a run that goes on: its answers serve again, and count
    in ledger and budget as they did then. What `around` makes of the model is asked before the cache is, and recorded.

    Asks nobody anything yet. Raises UsageError for settings that make no sense, InputError for a key file, a cache or a record
    that cannot be used.
    """
    _check(options)
    endpoint = endpoint_of(options, environment)
    prices = prices_for(options.model, endpoint, options.price_input, options.price_output)
    ledger = Ledger(prices)
    already, index = _read(earlier, ledger, endpoint.headroom) if earlier else (Amount(), None)
    budget = Budget(options.limits, prices, already, kept=options.cache is not None or sink is not None)
    server = _server(options, endpoint, find_key(endpoint.key_names, environment, workspace, options.key_file), note)
    bucket = None if options.rpm is None else Bucket(options.rpm)
    model: ChatModel = Paced(server, options.concurrency, bucket)
    model = Budgeted(model, budget, endpoint.headroom, _charging(options.model, unanswered))
    model = heard = Heard(Again(model, min(MOST, options.max_retries)), answered=ledger.total.calls > 0)
    store = None if options.cache is None else ReplyStore(options.cache)
    if store is not None:
        model = Cached(model, store, endpoint.identity())
    if around is not None:
        model = around(model)
    if sink is not None:
        model = Recorded(model, sink)
    model = Metered(model, ledger, failed=failed)
    if earlier is not None and index is not None and earlier.settings == settings_digest(endpoint):
        model = Remembered(model, index)
    return Stack(model, endpoint, prices, ledger, budget, server, store, heard)


def _server(options: ModelOptions, endpoint: Endpoint, key: Key | None, note: Note | None) -> "OpenAICompatible":
    from toolrec_cli.llm.providers.client import OpenAICompatible

    told: Note = note or (lambda text: None)
    return OpenAICompatible(
        options.model, endpoint, key, timeout=options.timeout, max_retries=options.max_retries, note=told
    )


def _read(earlier: Earlier, ledger: Ledger, headroom: int) -> tuple[Amount, ExchangeIndex]:
    """All that its budget was charged with, the ledger being told too; and where its answers are."""
    already, index = Amount(), ExchangeIndex(earlier.exchanges, ())
    for place, exchange in located_exchanges(earlier.exchanges):
        ledger.add(exchange.label, ledger.spent_on(exchange.reply))
        already += _spent_then(exchange, ledger.prices, headroom)
        index.add(place, exchange.label, exchange.digest)
    for charge in charges(earlier.unanswered):
        already += amount(ledger.prices, charge.usage)
    for failure in failures(earlier.failures) if earlier.failures else ():
        ledger.add(failure.label, Spent(failures=1))
    return already, index


def _spent_then(exchange: Exchange, prices: Prices, headroom: int) -> Amount:
    """What an exchange on record has taken from the budget."""
    if exchange.reply.from_cache:
        return Amount()
    return amount(prices, charged(exchange.reply, worst_usage(exchange.request, headroom)))


def _charging(model: str, sink: Callable[[Charge], None] | None) -> Callable[[Request, Usage, str], None]:
    def charge(request: Request, usage: Usage, why: str) -> None:
        if sink is not None:
            sink(Charge(question_digest(request), model, current_label(), usage, why))

    return charge


def _check(options: ModelOptions) -> None:
    if not options.model.strip():
        raise UsageError("Which model?", hint="Name it as the server does: --model gpt-5-mini")
    if options.concurrency < 1:
        raise UsageError(f"--concurrency is 1 or more, not {options.concurrency}.")
    if options.timeout <= 0:
        raise UsageError(f"--timeout is above 0 seconds, not {options.timeout:g}.")
    if options.max_retries < 0:
        raise UsageError(f"--max-retries is 0 or more, not {options.max_retries}.")
