"""What asking a language model will cost, and what it has cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.llm.estimates import Bill, DryRun
from toolrec_cli.render.console import foreign, print_json, say, stdout
from toolrec_cli.wording import counted

SCHEMA_VERSION = 1


def print_dry_run(found: DryRun, *, as_json: bool) -> None:
    """The bill, at most and expected, on stdout."""
    if as_json:
        print_json(dry_run_document(found))
        return
    _print_bill(found)
    _say_what_counts(found.estimate.price_source)


def print_dry_runs(found: Sequence[DryRun], *, as_json: bool) -> None:
    """Several bills, one after the other."""
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "models": [dry_run_document(each) for each in found]})
        return
    for each in found:
        _print_bill(each)
    _say_what_counts(", ".join(dict.fromkeys(each.estimate.price_source for each in found)))


def _print_bill(found: DryRun) -> None:
    bill = found.estimate
    console = stdout()
    about = f"{found.model} at {found.base_url}, protocol {found.protocol}: {counted(bill.users, 'user')}; nothing was asked"
    console.print(foreign(about, "bold"), soft_wrap=True)  # no title of the table, which is narrower
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for column in ("", "calls", "tokens in", "tokens out", "dollars"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("at most", *_cells(bill.most))
    table.add_row("expected", *_cells(bill.expected))
    console.print(table)


def _say_what_counts(price_source: str) -> None:
    say(
        f"Prices: {price_source}. At most: every round taken with 200 items asked for, as many orders as can be asked for, "
        "each once more since it was wrong, the longest items of the catalogue in each list, every answer as long as allowed, a "
        "token a byte: a bound and no guess; --max-cost or --max-tokens set a lower one. Expected: five rounds, 30 items in a "
        "list, an order of 50 a user, the prompts of five of them, four bytes a token. Not counted: what a server bills above "
        "its token limit, or for tries that the SDK repeats. Answers that are in the cache cost nothing.",
        style="dim",
        prose=True,
    )


def dry_run_document(found: DryRun) -> dict[str, Any]:
    """`--dry-run --json`."""
    asked = {"model": found.model, "base_url": found.base_url, "protocol": found.protocol}
    return {"schema_version": SCHEMA_VERSION, **asked, **found.estimate.as_json()}


def _cells(bill: Bill) -> list[Text]:
    money = "n/a" if bill.dollars is None else f"{bill.dollars:,.2f}"
    return [Text(f"{bill.calls:,}"), Text(f"{bill.input_tokens:,}"), Text(f"{bill.output_tokens:,}"), Text(money)]


def say_usage(result: Mapping[str, Any], kept: str = "the cache") -> None:
    """One line on what a run has asked of a model, and what its server was found not to take; nothing without a model.

    `kept`: where answers came from that nobody was asked for.
    """
    if (used := result.get("usage")) is not None:
        say(spoken_usage(used, kept))
    for note in result.get("notes", ()):
        say(str(note), style="dim")


def spoken_usage(used: Mapping[str, Any], kept: str = "the cache") -> str:
    """ "12 calls, 3 answers from the cache, 1,234 tokens in (1,000 cached), 56 out (20 reasoning), $0.0012."."""
    money = "dollars n/a" if used["dollars"] is None else f"${used['dollars']:.4f}"
    failed = f", {used['failures']:,} without an answer" if used["failures"] else ""
    return (
        f"{used['calls']:,} calls{failed}, {used['cache_hits']:,} answers from {kept}, "
        f"{used['input_tokens']:,} tokens in{_aside(used['cached_tokens'], 'cached')}, "
        f"{used['output_tokens']:,} out{_aside(used['reasoning_tokens'], 'reasoning')}, {money}."
    )


def _aside(count: int, what: str) -> str:
    return f" ({count:,} {what})" if count else ""
