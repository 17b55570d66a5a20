"""The bill before a model is asked, in plain characters."""

import pytest

from toolrec_cli.llm.estimates import Bill, DryRun, Estimate
from toolrec_cli.render.bill import print_dry_run, print_dry_runs


def bill(users: int, model: str = "qwen/qwen3-8b") -> DryRun:
    estimate = Estimate(users, Bill(1234, 5_000_000, 60_000, 1.5), Bill(7, 89, 10, None), "genai-prices")
    return DryRun(model, "https://openrouter.ai/api/v1", "json", estimate)


def test_what_it_is_a_bill_of_stands_on_one_line_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As the title of a table that is narrower than it, it was broken into three."""
    print_dry_run(bill(1), as_json=False)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "qwen/qwen3-8b at https://openrouter.ai/api/v1, protocol json: 1 user; nothing was asked",
        "          calls  tokens in  tokens out  dollars",
        "at most   1,234  5,000,000      60,000     1.50",
        "expected      7         89          10      n/a",
    ]


def test_two_bills_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    print_dry_runs([bill(500), bill(500, "[b]other")], as_json=False)
    said = capsys.readouterr()
    assert [line.partition(" at ")[0] for line in said.out.splitlines() if "500 users; nothing" in line] == [
        "qwen/qwen3-8b",
        "[b]other",
    ]
    assert said.err.count("Prices: genai-prices.") == 1
