"""What the kill tests share: a process that forks others, and the table of what they found."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from killing import KILLED, Zygote


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    found = Zygote(tmp_path_factory.mktemp("said"))
    yield found
    found.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: who explored, by which signal, how many kills, how many runs went on, what was asked in vain."""
    rows: dict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, found in getattr(report, "user_properties", ()):
                if name == KILLED and report.when == "call":
                    rows[found["who"], found["signal"]].append(found)
    if not rows:
        return
    terminalreporter.section("killed runs")
    form = "{:<10} {:<8} {:>8} {:>6} {:>8} {:>10} {:>10} {:>14}"
    head = ("surrogate", "signal", "moments", "kills", "resumed", "questions", "re-asked", "most at once")
    terminalreporter.write_line(form.format(*head))
    for (who, signal), found in sorted(rows.items()):
        sums = [sum(each[name] for each in found) for name in ("kills", "resumed", "questions", "re-asked")]
        most = max(each["re-asked"] for each in found)
        terminalreporter.write_line(form.format(who, signal, len(found), *sums, most))
