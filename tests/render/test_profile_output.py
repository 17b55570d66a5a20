"""A profile and a listing on a terminal: what is said, that it fits, and that strangers' text stays text."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from operations.five_users import FIRST_DAY, five_users
from toolrec_cli.data.profiling.attributes import ValueShare
from toolrec_cli.data.profiling.times import Period, Times
from toolrec_cli.operations.listing import Listing, PreparedLine, SourceLine, TrainedLine
from toolrec_cli.operations.profiling import Profile, profile
from toolrec_cli.render.listing import print_listing, size
from toolrec_cli.render.profile import drawn, number, print_profile

HOSTILE = "[/INST] \x1b[31m[rec]\nnext" + "x" * 100


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return replace(profile(five_users(tmp_path_factory.mktemp("five"))), directory="datasets/five")


def _drawn(found: Profile, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    console.print(drawn(found))
    assert isinstance(console.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


WHOLE = """\
five  (datasets/five)
5 users · 5 items · 12 interactions · density 48.000%
source table · leave-one-out: train 8 · validation 2 · test 2

History lengths  how many users have so many interactions
  min 1 · quartiles 2, 2, 3 · max 4 · mean 2.4
    1  ██████                    1  20.0%
  2–4  ████████████████████████  4  80.0%

"""

TIMES = """
Times  from 2020-01-01 00:00 to 2020-01-10 00:00 (UTC)
   █
  ██       █
  ██       █
  ███ █    █
  2020-01-01 – 2020-01-10
  a column a day; the highest is 4, from 2020-01-02
  7 interactions of 3 users share their time with another of the same user.

Ratings  mean 4.00; 2 interactions without
  1  ██████                    1  10.0%
  3  ██████                    1  10.0%
  4  ████████████████████████  4  40.0%
  5  ████████████████████████  4  40.0%

Attributes  values with their share of the items that have one
  genre  multi-valued · 80.0% of the items have it · 3 values
    a  ██████████████████        3  75.0%
    b  ████████████              2  50.0%
    c  ██████                    1  25.0%
  price  numeric · 80.0% of the items have it · 4 values
    min 1 · quartiles 1.75, 3, 5.25 · max 9 · mean 4
    1 ████ 9
  colour  categorical · 80.0% of the items have it · 3 values
    red     ████████████              2  50.0%
    [bold]  ██████                    1  25.0%
    blue    ██████                    1  25.0%
  blurb  text · 80.0% of the items have it · 4 values
    length in characters: min 1 · quartiles 1.75, 2.5, 3.25 · max 4 · mean 2.5
    1 ████ 4

Notes
  · [note] one
"""


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_profile(found: Profile, width: int) -> None:
    said = _drawn(found, width)
    assert said.startswith(WHOLE)
    assert TIMES in said


def test_the_popularity_curve_stands_beside_its_figures(found: Profile) -> None:
    section = _drawn(found, 80).split("\n\n")[2].splitlines()
    assert section[0] == "Popularity  how many of the interactions the most popular items hold"
    assert section[1] == "  interactions of an item: min 1 · quartiles 1, 2, 3 · max 5 · mean 2.4"
    assert [line.split()[-2:] for line in section[2:8]] == [
        ["top", "holds"],
        ["1%", "41.7%"],
        ["5%", "41.7%"],
        ["10%", "41.7%"],
        ["20%", "41.7%"],
        ["50%", "83.3%"],
    ]
    assert section[9].endswith("Gini  0.333")
    assert section[2].startswith("  100% ")
    assert section[10].split() == ["most", "popular", "all", "items"]


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_text_stays_text_and_everything_fits(found: Profile, width: int) -> None:
    genre = replace(found.attributes[0], name="[/]\x1b[2J", top=(ValueShare(HOSTILE, 4, 1.0),))
    hostile = replace(found, name="[b]", source=HOSTILE, notes=(HOSTILE,), attributes=(genre, *found.attributes[1:]))
    said = _drawn(hostile, width)
    assert "\x1b" not in said
    assert said.startswith("[b]  (")
    assert "[/INST] [31m[rec] nextxxxxxxx…" in said
    assert "· [/INST] [31m[rec]" in said
    assert max(map(cell_len, said.splitlines())) <= width


def test_what_is_not_there_has_no_section(found: Profile) -> None:
    said = _drawn(replace(found, times=None, ratings=None, attributes=(), notes=()))
    headings = [block.split("  ")[0] for block in said.split("\n\n")[1:]]
    assert headings == ["History lengths", "Popularity"]


def test_positions_are_said_to_be_positions(found: Profile) -> None:
    said = _drawn(replace(found, times=Times(0, 12_345, None, None, None, (), 0, 0)))
    assert "Times  from 0 to 12,345; positions, or no dates\n" in said
    assert "  No interaction shares its time with another of the same user.\n" in said


def test_the_ends_of_many_columns_stand_below_them(found: Profile) -> None:
    periods = tuple(Period(f"20{year:02}-01-01T00:00:00Z", year) for year in range(1, 21))
    many = Times(FIRST_DAY, FIRST_DAY, "2001-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "year", periods, 0, 0)
    assert f"\n  2001{'2020':>16}\n" in _drawn(replace(found, times=many))


def test_json_is_one_document(found: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    print_profile(replace(found, name=HOSTILE), as_json=True)
    out = capsys.readouterr().out
    assert out.startswith("{\n")
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (1994.0, "1994"),
        (9999.96, "10,000"),
        (12345.67, "12,345.7"),
        (5_059_371.0, "5,059,371"),
        (123.456, "123.5"),
        (0.0123456, "0.01235"),
        (-3.5, "-3.5"),
    ],
)
def test_a_number(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5_343_210_000, "5.3 GB"),
        (10**16, "10000 TB"),
    ],
)
def test_a_size(n_bytes: int, said: str) -> None:
    assert size(n_bytes) == said


SOURCES = (
    SourceLine("ml-1m", "MovieLens 1M: a million film ratings", "https://grouplens.org/datasets/movielens/1m/"),
    SourceLine("sample", "Built in.", None),
)
LINE = PreparedLine(
    "ml-1m",
    "ml-1m",
    {"users": 6040, "items": 3706, "interactions": 1_000_209},
    4_200_000,
    "2026-01-02T03:04:05Z",
    ("bert4rec", "sasrec"),
    ("genre", "release_year"),
    (
        TrainedLine("3", "bert4rec", ()),
        TrainedLine("2", "sasrec", ("genre", "release_year")),
        TrainedLine("1", "bert4rec", ()),
    ),
)

LISTED = """\
Can be prepared: toolrec prep SOURCE
source  what it is, and where it is to be had
ml-1m   MovieLens 1M: a million film ratings
        https://grouplens.org/datasets/movielens/1m/
sample  Built in.

Prepared in w
name  source users items interactions   size prepared   trained on it
ml-1m ml-1m  6,040 3,706    1,000,209 4.2 MB 2026-01-02 bert4rec
                                                        sasrec: genre, release_year
[b][  table      1     1            1    1 B            nothing
"""


def test_the_listing(capsys: pytest.CaptureFixture[str]) -> None:
    counts = dict.fromkeys(("users", "items", "interactions"), 1)
    strange = PreparedLine("[b]\x1b[", "table", counts, 1)
    broken = PreparedLine("torn", problem="it is [torn]")
    print_listing(Listing("w", SOURCES, (LINE, strange, broken)), as_json=False)
    captured = capsys.readouterr()
    assert "".join(f"{line.rstrip()}\n" for line in captured.out.splitlines()) == LISTED
    assert captured.err == "torn cannot be used: it is [torn]\n"


def test_at_80_columns_only_names_fold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.render.console.WIDTH_WHEN_PIPED", 80)
    monkeypatch.setattr("toolrec_cli.render.listing.stdout", lambda: Console(width=80, color_system=None))
    long = replace(LINE, name="a-data-set-of-a-name-longer-than-most", n_bytes=512_000_000_000)
    print_listing(Listing(str(Path("w")), SOURCES, (LINE, long)), as_json=False)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "1,000,209" in out
    assert "2026-01-02" in out
    assert "https://grouplens.org/datasets/movielens/1m/" in out
