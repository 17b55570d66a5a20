"""What an ablation prints: every comparison, and no number broken, however narrow the terminal."""

import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from toolrec_cli.evaluation.variants import Comparison, Variant, reading, rows_of
from toolrec_cli.render import variants

TARGETS = np.full(60, 5)
GOOD, BAD = np.tile([5, 6], (60, 1)), np.tile([6, 7], (60, 1))
MEASURED = {"tokens in": 400_045.0, "tokens out": 5_264.0, "$ per 1,000 users": 21.06, "dollars": 0.0123, "rounds": 4.0}


def printed(width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is printed at a terminal of so many characters."""
    made = [
        Variant("a model with a name", GOOD, MEASURED),
        Variant("another", BAD, {"rounds": 3.0}, also="a model with a name"),
        Variant("none", BAD),
    ]
    rows = rows_of(made, TARGETS, 2, "none", seed=1)
    said = reading(rows, "none", 2)
    found = Comparison("ablate", "models", "Which?", "toys", "test", 60, 60, 2, "none", rows, said)
    console = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    monkeypatch.setattr(variants, "stdout", lambda **_: console)
    variants.print_comparison(found, as_json=False)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_number_is_broken_and_none_is_lost(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = printed(width, monkeypatch)
    for number in ("400,045", "5,264", "21.06", "0.0123", "1.0000", "+1.0000", "-1.0000"):
        assert number in drawn
    table = drawn[: drawn.index("NDCG@2 runs")]
    assert all(len(line) <= width for line in table.splitlines())
    for name in MEASURED:
        assert name in table


def test_a_second_comparison_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(200, monkeypatch).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("another"))
    assert re.search(r"\+0\.0000.* none *$", lines[place])
    assert re.search(r"^ +-1\.0000.* a model with a name *$", lines[place + 1])


def test_bars_are_drawn_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "████" in printed(120, monkeypatch)
    assert "█" not in printed(80, monkeypatch)
