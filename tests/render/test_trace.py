"""A trajectory on a terminal: strangers' text stays text, and a replay looks as the exploration looked."""

import re
import unicodedata
from collections.abc import Iterable
from io import StringIO

import numpy as np
import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType

from toolrec_cli.agent.builtin import BuiltinSurrogate
from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.agent.loop import Explorer, Limits, SurrogateUser
from toolrec_cli.agent.trajectory import Matched, Shown, Trajectory, Turn
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.messages import Usage
from toolrec_cli.render.trace import (
    LiveTrace,
    opening,
    print_trace,
    spoken_action,
    spoken_exchanges,
    spoken_marks,
    spoken_match,
    spoken_value,
    step_panel,
)
from toolrec_cli.tools.protocol import Action, Context, Exchange, User
from toolrec_cli.unseen import clean
from tools.small_world import WrittenScores, toolbox

HOSTILE = [
    "[/INST] obey",
    "[rec]",
    "[red]stop[/red]",
    "]]>[/",
    "\\[bold]x",
    ":warning:",
    "漢字の題",
    "\x1b[31mescape",
    "\x9b31mescape",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "two\nlines",
    "a\ttab\rback",
    "bell\x07",
    "{0!r} %s",
    "",
]
"""Titles that strangers could write."""

BRACKETS = ["[/INST] obey", "[rec]", "[red]stop[/red]", "]]>[/", "\\[bold]x", ":warning:", "漢字の題"]


def _explorer(surrogate: SurrogateUser, titles: list[str] = HOSTILE, **columns: list[object]) -> Explorer:
    """An explorer over items with these titles and these categorical attributes, each of which has a tool."""
    ids = [f"i{number}" for number in range(1, len(titles) + 1)]
    frame = pl.DataFrame({"item_id": ids, "title": titles, **columns})
    items = Catalog(frame, [Attribute(name, Kind.CATEGORICAL, 1.0, 2) for name in columns])
    down = [float(-item) for item in range(len(titles))]
    scorer = WrittenScores({None: down, **dict.fromkeys(columns, down[::-1])})
    return Explorer(surrogate, toolbox(scorer), items, Facets(items), scorer.attributes, "hostile", Limits(4))


def _user(history: Iterable[int] = (14, 16), ratings: list[float] | None = None, user_id: str = "[u]") -> User:
    rated = None if ratings is None else np.array(ratings, dtype=np.float32)
    return User(0, user_id, {"job": "[/]\x1b[2J", "age": 25}, np.array(list(history), dtype=np.int32), rated)


GENRES: list[object] = ["[bold]", "\x1b[1mnoir", "Drama", "Drama"] * 4


def _hostile_trajectory() -> Trajectory:
    return _explorer(BuiltinSurrogate(), genre=GENRES).explore(_user())


def _drawn(trajectory: Trajectory, width: int, rows: int = 20) -> str:
    numbers = range(1, len(trajectory.steps) + 1)
    return _printed(Group(opening(trajectory), *(step_panel(trajectory, number, rows) for number in numbers)), width)


def _printed(what: RenderableType, width: int) -> str:
    console = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_titles_are_drawn_with_their_brackets_and_without_their_escapes(width: int) -> None:
    drawn = _drawn(_hostile_trajectory(), width)
    for title in BRACKETS:
        assert title in drawn
    assert "[bold]" in drawn
    assert not [c for c in drawn if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_every_line_fits_the_width(width: int) -> None:
    assert max(map(cell_len, _drawn(_hostile_trajectory(), width).splitlines())) == width


LONG = [
    "The Ridiculous Casserole of Novy Most",
    "Wrong Neighbours in Quillan",
    "A Florist Between Us",
    "Lantern Bay",
] * 4


@pytest.mark.parametrize("width", [50, 60, 80, 100, 140])
def test_titles_are_whole_at_any_width(width: int) -> None:
    titles = [f"{title} Number {place}" for place, title in enumerate(LONG)]
    columns: dict[str, list[object]] = {name: ["a value", "another"] * 8 for name in ("genre", "year", "director")}
    drawn = _drawn(_explorer(BuiltinSurrogate(), titles, **columns).explore(_user()), width)
    for word in ("Casserole", "Neighbours", "Quillan", "Florist", "Lantern", "Number"):
        assert drawn.count(word) == drawn.count(word[:4]) > 0, f"{word} is cut"


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 160])
def test_what_brought_an_item_is_whole_at_any_width(width: int) -> None:
    """By its tools it is said why an item is in the list: none of them is cut off, or left out."""
    columns: dict[str, list[object]] = {name: ["a", "b"] * 8 for name in ("genre", "release_year", "director")}
    trajectory = _explorer(BuiltinSurrogate(), LONG, **columns).explore(_user())
    (number,) = [n for n, step in enumerate(trajectory.steps, start=1) if step.action.tool == "rank"]
    observed = trajectory.steps[number - 1].observation
    assert isinstance(observed, Shown)
    marks = spoken_marks(observed.items[0].marks)
    assert len(observed.items[0].marks) >= 3
    lines = _printed(step_panel(trajectory, number, 1), width).splitlines()
    place, start = next((n, line.index("brought by")) for n, line in enumerate(lines) if "brought by" in line)
    end = next(n for n, line in enumerate(lines) if "… and" in line)
    said = "".join(line[start:].strip("│ ") for line in lines[place:end]).replace(" ", "")
    assert said == "broughtby" + marks.replace(" ", "")


UNSEEN = "\x00\x07\x1b\x7f\x9b\u00ad\u061c\u180e\u200b\u200e\u202e\u2028\u2029\u2060\u2066\ufeff\ufff9\U000e0041\n\t\r"
"""Controls, marks that turn text around, spaces of no width, and ends of lines."""


@pytest.mark.parametrize("stranger", UNSEEN, ids=lambda c: f"{ord(c):04x}")
def test_strangers_text_has_no_control_bidirectional_or_zero_width_characters_and_one_line(stranger: str) -> None:
    cleaned = clean(f"a{stranger}b")
    assert len(cleaned.splitlines()) == 1
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
    assert cleaned[0] + cleaned[-1] == "ab"


def test_what_is_seen_live_is_what_is_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    trajectory = _explorer(BuiltinSurrogate(), genre=GENRES).explore(_user(), LiveTrace(8).step)
    _assert_replayed_as(capsys.readouterr().err, trajectory, capsys)


def test_an_attribute_that_only_later_items_have_does_not_change_what_was_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first round shows no item with a country; the second shows one."""
    countries: list[object] = [None] * 15 + ["FR"]
    genres: list[object] = ["Drama"] * 16
    house = _explorer(
        Asks({"attribute": None, "k": 2}, {"attribute": "country", "k": 2}), country=countries, genre=genres
    )
    trajectory = house.explore(_user([3]), LiveTrace(8).step)
    _assert_replayed_as(capsys.readouterr().err, trajectory, capsys)


@pytest.mark.parametrize("ratings", [[4.5, 3.0], [4.1, float("nan")]], ids=["rated", "one not rated"])
def test_ratings_are_replayed_as_they_were_seen(ratings: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    trajectory = _explorer(Asks({"k": 2})).explore(_user(ratings=ratings), LiveTrace(8).step)
    live = capsys.readouterr().err
    assert "nan" not in live
    _assert_replayed_as(live, trajectory, capsys)


def test_refusals_are_replayed_as_they_were_seen(capsys: pytest.CaptureFixture[str]) -> None:
    odd = (
        {"k": 5, "value": "[/INST]\x1b[1m"},
        {"k": [1.0, None]},
        {"attribute": "genre", "k": 5, "value": "\n"},
        {},
        {"k": 0},
        {},
        {"k": -1},
    )
    trajectory = _explorer(Asks(*odd), genre=GENRES).explore(_user(), LiveTrace(8).step)
    live = capsys.readouterr().err
    assert live.count("Refused") == 7
    assert "[/INST]" in live
    assert "\x1b" not in live
    _assert_replayed_as(live, trajectory, capsys)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_replayed_as_they_were_seen(
    number: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model may write NaN or 1e999, and Python reads it."""
    trajectory = _explorer(Asks({"k": number})).explore(_user(), LiveTrace(8).step)
    _assert_replayed_as(capsys.readouterr().err, trajectory, capsys)


def _assert_replayed_as(live: str, trajectory: Trajectory, capsys: pytest.CaptureFixture[str]) -> None:
    print_trace(decode(encode(trajectory), "line 1"), 8)
    assert capsys.readouterr().err == live


class Asks:
    """A surrogate that retrieves with these arguments in turn, and with the last for ever."""

    name = "asks"

    def __init__(self, *arguments: dict[str, object]) -> None:
        self._arguments = arguments

    def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
        """The next question."""
        place = min(len(trajectory.steps), len(self._arguments) - 1)
        return Turn("[b]Hm[/b]\x1b[0m", Action("retrieve", dict(self._arguments[place])))


def test_a_round_says_what_was_thought_done_and_seen() -> None:
    drawn = _drawn(_explorer(Asks({"attribute": "genre", "k": 3}), genre=GENRES).explore(_user()), 120, rows=2)
    first = drawn.split("╭─ ")[2]
    assert first.startswith("1 ─")
    assert re.search(r"Thought +\[b\]Hm\[/b\]\[0m", first)
    assert re.search(r"Action +retrieve\(genre, k=3\)", first)
    assert re.search(r"Observation +3 verified items, 3 of them new", first)
    assert re.search(r"\+ 1 +\{0!r\} %s +Drama +-1  retrieve: genre", first)
    assert "… and 1 more" in first


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action("retrieve", {"attribute": "genre", "k": 50}), "retrieve(genre, k=50)"),
        (Action("retrieve", {"attribute": None, "k": 50}), "retrieve(none, k=50)"),
        (Action("retrieve", {"k": 5, "attribute": "genre", "value": "[x]"}), "retrieve(genre, k=5, value=[x])"),
        (Action("rank", {"k": 5}), "rank(none, k=5)"),
        (Action("finish", {"items": ["1", "2"]}), "finish(2 items)"),
        (Action("finish", {"items": "1, 2"}), "finish(? items)"),
        (Action("finish"), "finish(? items)"),
        (Action(""), "(none)"),
        (Action("\x1b[1m", {"k\n": "\x1b"}), "[1m(none, k =)"),
    ],
)
def test_an_action_in_one_line(action: Action, said: str) -> None:
    assert spoken_action(action) == said


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ([], ""),
        (["retrieve:none"], "retrieve: none"),
        (
            ["retrieve:none", "rank:none", "retrieve:genre", "retrieve:genre=Fantasy", "rank:genre"],
            "retrieve: none, genre, genre=Fantasy; rank: none, genre",
        ),
        (["retrieve:time=12:30"], "retrieve: time=12:30"),
    ],
)
def test_marks_name_each_tool_once(marks: list[str], said: str) -> None:
    assert spoken_marks(marks) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (["Drama", "Crime"], "Drama, Crime"),
        ([], ""),
        (1994, "1994"),
        (1994.0, "1994"),
        (5.04, "5.04"),
        (1234567, "1234567"),
        (12345.67, "12345.67"),
        (1234567.5, "1234567.5"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_value_as_the_data_has_it(value: str | float | list[str] | None, said: str) -> None:
    assert spoken_value(value) == said


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (Matched("Alpha", "1", "title"), "'Alpha' is 1 (exact title)"),
        (Matched("Godfather, The", "858", "normalised"), "'Godfather, The' is 858 (normalised title)"),
        (Matched("Godfahter", "858", "fuzzy", 94.12), "'Godfahter' is 858 (title 94 % alike)"),
        (Matched("\x1b" * 50, "1\x1b", "title"), "'" + "\\x1b" * 14 + "\\x1 is 1 (exact title)"),
    ],
)
def test_how_a_name_was_understood(match: Matched, said: str) -> None:
    assert spoken_match(match) == said


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [
        ((), ""),
        ((Exchange("turn", "x", usage=Usage(1234, 56)),), "1 call · 1,234 tokens in · 56 out"),
        (
            (
                Exchange("turn", "x", usage=Usage(1000, 50, 900, 20, 0.01), seconds=1.0),
                Exchange("rank", "x", usage=Usage(2000, 50), seconds=0.25, from_cache=True),
            ),
            "2 calls (1 from the cache) · 3,000 tokens in (900 cached) · 100 out (20 reasoning) · 1.2 s · $0.0100",
        ),
    ],
)
def test_what_was_asked_and_paid(exchanges: tuple[Exchange, ...], said: str) -> None:
    assert spoken_exchanges(exchanges) == said


def test_a_megabyte_of_thought_or_of_an_action_does_not_fill_the_screen() -> None:
    class Rambles(Asks):
        def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
            return Turn("x" * 1_000_000, Action("retrieve", {"k": "y" * 1_000_000}))

    drawn = _drawn(_explorer(Rambles()).explore(_user()), 120)
    assert len(drawn) < 60_000
    assert "(999,000 more characters)" in drawn
