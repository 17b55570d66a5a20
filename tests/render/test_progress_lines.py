"""What is said of progress where nobody is at a terminal, by a clock that is put forward by hand."""

import io
import re
import sys
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.models.training_state import Epoch
from toolrec_cli.render.console import say
from toolrec_cli.render.progress import bars, watching
from toolrec_cli.render.progress_lines import APART, QUIET, Lines, duration, spoken


@dataclass
class Watched:
    """Lines, when each was said, and the clock."""

    now: float = 100.0
    said: list[tuple[float, str]] = field(default_factory=list)
    lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        self.lines = Lines(lambda text: self.said.append((self.now - 100, text)), lambda: self.now)

    def at(self, second: float, task: str, done: int, total: int, note: str = "") -> None:
        self.now = 100 + second
        self.lines.update(task, done, total, note)


def test_a_stage_is_announced_told_of_every_half_minute_and_ended() -> None:
    watched = Watched()
    for second in range(3, 96):
        watched.at(second, "users", second - 3, 92, "2 calls")
    assert watched.said == [
        (3, "users: 0 of 92 · 0 % · 2 calls"),
        (33, "users: 30 of 92 · 32 % · 1.0 a second · 2 calls · 1 min 2 s left"),
        (63, "users: 60 of 92 · 65 % · 1.0 a second · 2 calls · 32 s left"),
        (93, "users: 90 of 92 · 97 % · 1.0 a second · 2 calls · 2 s left"),
        (95, "users: 92 of 92 · 100 % · 1.0 a second · 2 calls · took 1 min 32 s"),
    ]


def test_a_stage_that_was_short_has_no_last_line() -> None:
    watched = Watched()
    for second, done in ((3, 0), (20, 5), (32, 10)):
        watched.at(second, "fitting", done, 10)
    watched.lines.close()
    assert [text for _, text in watched.said] == ["fitting: 0 of 10 · 0 %"]


def test_nothing_is_said_of_what_is_over_at_once() -> None:
    watched = Watched()
    for done in range(5):
        watched.at(0.4 * done, "profiling", done, 4)
    watched.lines.close()
    assert watched.said == []
    assert QUIET > 0.4 * 4


def test_a_stage_that_nothing_more_is_heard_of_ends_with_the_next_or_with_all() -> None:
    watched = Watched()
    watched.at(5, "frozen states", 0, 1)
    watched.at(50, "training", 0, 4)
    watched.at(55, "training", 1, 4)
    watched.now = 200
    watched.lines.close()
    watched.lines.close()
    assert watched.said == [
        (5, "frozen states"),
        (50, "frozen states: took 45 s"),
        (50, "training: 0 of 4 · 0 %"),
        (100, "training: 1 of 4 · 25 % · 1.2 a minute · took 50 s"),
    ]


def test_stages_that_alternate_are_announced_once_each() -> None:
    watched = Watched()
    for turn in range(10):
        watched.at(5 + 2 * turn, "counting", 1, 2)
        watched.at(6 + 2 * turn, "users", 1, 2)
    assert [text.partition(":")[0] for _, text in watched.said] == ["counting", "users"]


def test_what_was_told_otherwise_is_not_told_again() -> None:
    """Epochs have lines of their own: 25 seconds apart they are progress enough, and the end is the last of them."""
    watched = Watched()
    for second in range(5, 120):
        watched.at(second, "training", second, 120)
        if second % 25 == 0:
            watched.lines.told()
    watched.lines.close()
    assert [second for second, _ in watched.said] == [5]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.floats(0, 50)), max_size=60))
def test_there_is_never_more_than_promised(heard: list[tuple[str, int, float]]) -> None:
    """A first line a task; between two others half a minute, but for the last one of a stage that took longer."""
    watched = Watched()
    second, stages, before = 0.0, 0, ("", 0)
    for task, done, pause in heard:
        second += pause
        stages += task != before[0] or done < before[1]
        before = (task, done)
        watched.at(second, task, done, 9)
    watched.lines.close()
    assert len(watched.said) <= 3 + second / APART + min(stages, second / APART)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("users", 10, 100, "10.0 users/s", 1.0, 10), "users: 10 of 100 · 10 % · 10.0 users/s · 9 s left"),
        (("index", 999, 1000, "", 10.0, 999), "index: 999 of 1,000 · 99 % · 100 a second · 0 s left"),
        (("reading", 1, 3, "a.csv", 60.0, 1), "reading: 1 of 3 · 33 % · 1.0 a minute · a.csv · 2 min 0 s left"),
        (("preparing", 1, 2, "", 7200.0, 1), "preparing: 1 of 2 · 50 % · 0.5 an hour · 2 h 0 min left"),
        (("one", 0, 1, "", 61.0, 0), "one"),
        (("none", 0, 0, "", 0.0, 0), "none"),
    ],
)
def test_a_line(arguments: tuple[str, int, int, str, float, int], said: str) -> None:
    assert spoken(*arguments, ended=False) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7860, "2 h 11 min")]
)
def test_a_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


EPOCH = Epoch(epoch=1, loss=2.5, ndcg=0.1, best=True, positions=10, seconds=1.0)


def test_off_a_terminal_lines_go_to_stderr_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolrec_cli.render.progress_lines.QUIET", 0.0)
    with bars() as progress:
        progress("rëading [b]\x1b[1m", 1, 9, "long " * 60)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"rëading [b][1m: 1 of 9 · 11 % · {'long ' * 60}\n"
    with bars(shown=False) as progress:
        progress("reading", 1, 9)
    assert capsys.readouterr() == ("", "")


def test_an_epoch_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.render.progress_lines.QUIET", 0.0)
    with watching() as (progress, on_epoch):
        progress("training", 1, 4)
        on_epoch(EPOCH)
        progress("training", 2, 4)
        progress("training", 4, 4)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "training: 1 of 4 · 25 %"
    assert second.startswith("epoch   1   loss  2.5000   validation NDCG@10 0.1000")


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "named"), [("80", "  NDCG@10 0.1000"), ("120", "   validation NDCG@10 0.1000")])
def test_an_epoch_fits_on_a_line_of_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, named: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stderr", drawn := Terminal())
    with watching() as (_, on_epoch):
        on_epoch(replace(EPOCH, epoch=100, positions=9_000_000, seconds=100.0))
    (line,) = [each for each in drawn.getvalue().splitlines() if "epoch 100" in each]
    assert named in line
    assert re.search(r" 90,000 positions/s +100\.0 s.*best", line)


@pytest.mark.parametrize(("columns", "end"), [("80", "2 of 9 · loss 5…"), ("120", "loss 5.877 · best NDCG@10 0.1328")])
def test_where_a_bar_has_little_room_its_note_alone_is_cut(
    monkeypatch: pytest.MonkeyPatch, columns: str, end: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stderr", drawn := Terminal())
    with bars() as progress:
        progress("training the control", 123, 250, "epoch 2 of 9 · loss 5.877 · best NDCG@10 0.1328")
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", drawn.getvalue())
    assert "training the control" in shown
    assert "123/250" in shown
    assert end in shown


def test_what_is_said_beside_a_bar_leaves_nothing_of_it_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar's line is erased before the sentence is written, and drawn again below it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", drawn := Terminal())
    with bars() as progress:
        progress("reading", 1, 9)
        say("release_year")
        progress("reading", 2, 9)
    before = drawn.getvalue().partition("release_year")[0]
    assert "reading" in before
    assert before.endswith("\r\x1b[2K"), "else the sentence would be written behind the bar"
    monkeypatch.setattr(sys, "stderr", after := Terminal())
    say("over")
    assert after.getvalue() == "over\n", "the console of the bar is forgotten with it"


def test_at_a_terminal_there_is_a_bar_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.render.progress_lines.QUIET", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", drawn := Terminal())
    with bars() as progress:
        progress("reading", 1, 9)
    assert "━" in drawn.getvalue()
    assert "1 of 9" not in drawn.getvalue()
