"""RecBole's atomic files: typed fields, separated by tabs."""

import zipfile
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.source import BadRow, RawData, ReadOptions
from toolrec_cli.data.sources.recbole import SOURCE
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent

INTER = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t3.5\t891717742.0\n"
)
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\tprice:float\tvector:float_seq\n"
    '242\t"Kolya"\t1996\tComedy Film-Noir\t1.5\t0.1 0.2\n'
    "302\tL.A.  Confidential\t\tCrime\t\t\n"
    '999\tNobody\'s "Favourite"\t1997\t\tx\t\n'
)
USER = "user_id:token\tage:float\toccupation:token\n196\t49\twriter\n186\t\t\n"


def write(folder: Path, inter: str = INTER, item: str | None = ITEM, user: str | None = USER, name: str = "ml") -> Path:
    folder.mkdir(exist_ok=True)
    for ending, text in {"inter": inter, "item": item, "user": user}.items():
        if text is not None:
            (folder / f"{name}.{ending}").write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, **options) -> RawData:
    return SOURCE.read(ReadOptions(raw=folder, **options), silent)


def test_the_types_decide_the_kinds(tmp_path: Path) -> None:
    raw = read(write(tmp_path / "ml"))
    assert_frame_equal(
        raw.interactions,
        pl.DataFrame(
            {
                "line": [2, 3],
                "user_id": ["196", "186"],
                "item_id": ["242", "302"],
                "timestamp": [881250949, 891717742],
                "rating": [3.0, 3.5],
            },
            schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
        ),
    )
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["242", "302", "999"],
                "title": ["Kolya", "L.A. Confidential", 'Nobody\'s "Favourite"'],
                "release_year": ["1996", None, "1997"],
                "class": [["Comedy", "Film-Noir"], ["Crime"], None],
                "price": [1.5, None, None],
            }
        ),
    )
    assert raw.kinds == {"release_year": Kind.CATEGORICAL, "class": Kind.MULTI, "price": Kind.NUMERIC}
    assert raw.users is not None
    assert raw.users.rows() == [("196", 49.0, "writer"), ("186", None, None)]
    assert raw.n_rows == {"ml.inter": 2, "ml.item": 3, "ml.user": 2}
    assert raw.notes == [
        "ml.item: 'vector' holds sequences of numbers; it is left out.",
        "Attributes: release_year categorical; class multi-valued, split at ' '; "
        "price numeric; 1 values that are no numbers are left empty.",
    ]


def test_kinds_and_columns_can_be_overruled(tmp_path: Path) -> None:
    folder = write(tmp_path / "ml")
    raw = read(folder, kinds={"release_year": Kind.NUMERIC}, title_column="class")
    assert raw.items["title"].to_list() == ["Comedy Film-Noir", "Crime", "999"]
    assert raw.kinds == {"movie_title": Kind.MULTI, "release_year": Kind.NUMERIC, "price": Kind.NUMERIC}


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (
            ["Doctors, Chinese Medicine", "Food, Hot Dogs", "Food"],
            [["Doctors", "Chinese Medicine"], ["Food", "Hot Dogs"], ["Food"]],
        ),
        (["Comedy War", "War"], [["Comedy", "War"], ["War"]]),
        (["'Movies & TV' 'Movies'", "'Books'"], [["Movies & TV", "Movies"], ["Books"]]),
        (["['Movies & TV', \"Children's\"]", "[]"], [["Movies & TV", "Children's"], None]),
        (["Books|Art", "Art"], [["Books", "Art"], ["Art"]]),
    ],
)
def test_sequences_of_tokens(tmp_path: Path, values: list[str], labels: list[list[str] | None]) -> None:
    rows = "".join(f"{n}\tT\t{value}\n" for n, value in enumerate(values))
    folder = write(tmp_path / "ml", item="item_id:token\ttitle:token\tcategories:token_seq\n" + rows)
    assert read(folder).items["categories"].to_list()[: len(values)] == labels


def test_only_interactions_will_do_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("ml/ml.inter", "user_id:token\titem_id:token\nu1\ta\nu1\tb\n")
    raw = read(path)
    assert raw.interactions.rows() == [(2, "u1", "a"), (3, "u1", "b")]
    assert raw.items.rows() == [("a", "a"), ("b", "b")]
    assert raw.notes == [
        "ml.inter has no field of times (--time-col): its rows are taken to be in order.",
        "There is no ml.item: the ids stand for titles, and there are no attributes.",
        "There is no ml.user: nothing is known of the users.",
    ]


def test_times_with_fractions_keep_their_order(tmp_path: Path) -> None:
    raw = read(write(tmp_path / "ml", INTER.replace("891717742.0", "881250949.25")))
    assert raw.interactions["timestamp"].to_list() == [881250949000, 881250949250]
    assert raw.notes[0] == "ml.inter: times with fractions, multiplied by 1,000."


def test_broken_lines_and_unlisted_items(tmp_path: Path) -> None:
    raw = read(write(tmp_path / "ml", INTER + "1\t2\t3\n\n1\t\t3\t4\n1\t2\tbad\t4\n1\t2\t3\tnan\n1\tnew\t3\t4\n"))
    assert raw.bad_rows == [
        BadRow("ml.inter", 4, "it does not have 4 fields separated by '\\t'", "1\t2\t3"),
        BadRow("ml.inter", 6, "the item id is empty", "1\t\t4\t3"),
        BadRow("ml.inter", 7, "the rating is not a number", "1\t2\t4\tbad"),
        BadRow("ml.inter", 8, "the timestamp is not a number", "1\t2\tnan\t3"),
    ]
    assert raw.n_rows["ml.inter"] == 7
    assert raw.items.filter(pl.col("item_id") == "new").row(0) == ("new", "new", None, None, None)
    assert "Items that were met but are not described, kept without attributes: 1." in raw.notes


def test_what_is_not_recbole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not name its fields as NAME:TYPE: 'user_id'") as caught:
        read(write(tmp_path / "a", "user_id\titem_id\n1\t2\n"))
    assert "toolrec prep table" in str(caught.value.hint)
    with pytest.raises(InputError, match="names a field twice"):
        read(write(tmp_path / "b", "a:token\ta:token\n1\t2\n"))
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match=r"There is no NAME\.inter in"):
        read(tmp_path / "c")
    several = write(write(tmp_path / "d"), name="other")
    with pytest.raises(UsageError, match=r"holds several data sets: ml\.inter, other\.inter"):
        read(several)
    assert read(several / "other.inter").interactions.height == 2
