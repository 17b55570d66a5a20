"""The list of runs, whole at any width."""

import io
import re
import sys

import pytest

from toolrec_cli.operations.runs import RunLine
from toolrec_cli.render.runs import print_runs

LONG = "20261126T023709.561-train-encoder-ml-1m-release_year-3c7f"
FOUND = [
    RunLine(LONG, f"runs/{LONG}", "train-encoder", "ml-1m", "done", "", metric="validation_ndcg@10", value=0.1922),
    RunLine("[b]", "runs/[b]", "eval", "ml-1m", "killed", "", users=1, asked=6040, cost=1.5, resumable=True),
    RunLine("one", "runs/one", "recommend", "ml-1m", "done", "", users=1, asked=1),
]


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def lines(monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", drawn := Terminal())
    print_runs(FOUND, as_json=False)
    return [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in drawn.getvalue().splitlines()]


def test_a_table_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The widest name, and every column."""
    shown = lines(monkeypatch, 140)
    assert [line.split()[0] for line in shown] == ["run", LONG, "[b]", "one"]
    assert shown[2].split() == ["[b]", "killed", "(can", "be", "resumed)", "1", "of", "6,040", "$1.5000"]


def test_a_name_a_line_where_it_would_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there to be copied."""
    assert lines(monkeypatch, 80) == [
        LONG,
        "  done · validation_ndcg@10 0.1922",
        "[b]",
        "  killed (can be resumed) · 1 of 6,040 users · $1.5000",
        "one",
        "  done · 1 user",
    ]
