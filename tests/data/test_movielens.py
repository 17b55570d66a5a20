"""MovieLens archives: what is read of them, and everything that can be wrong with them."""

import zipfile
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import BadRow, RawData, ReadOptions
from toolrec_cli.data.sources import ml_1m, ml_100k
from toolrec_cli.data.sources._movielens_titles import read_title
from toolrec_cli.errors import InputError
from toolrec_cli.progress import silent

MOVIES = (
    "1::Toy Story (1995)::Animation|Children's|Comedy\n2::Matrix, The (1999)::Action\n3::Tenue de soirée (1986)::\n"
)
USERS = "1::F::1::10::48067\n2::M::56::16::02460\n"
RATINGS = "2::1::5::978300760\n1::2::3::978302109\n1::1::4::978302109\n"

ITEM = (
    "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n267|unknown||||1"
    + "|0" * 18
    + "\n"
)


def pack(path: Path, files: dict[str, str], folder: str = "ml/") -> Path:
    """A zip of Latin-1 texts in a subfolder, as GroupLens packs them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(folder + name, text.encode("latin-1"))
    return path


def read_1m(tmp_path: Path, **changed: str) -> RawData:
    files = {"movies.dat": MOVIES, "users.dat": USERS, "ratings.dat": RATINGS}
    files |= {name + ".dat": text for name, text in changed.items()}
    return ml_1m.SOURCE.read(ReadOptions(raw=pack(tmp_path / "ml-1m.zip", files)), silent)


def reasons(raw: RawData) -> list[tuple[str, int, str]]:
    return [(row.file, row.line, row.reason) for row in raw.bad_rows]


def test_ml_1m_is_read_and_decoded(tmp_path: Path) -> None:
    raw = read_1m(tmp_path)
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["1", "2", "3"],
                "title": ["Toy Story", "The Matrix", "Tenue de soirée"],
                "release_year": [1995, 1999, 1986],
                "genre": [["Animation", "Children's", "Comedy"], ["Action"], None],
            }
        ),
    )
    assert_frame_equal(
        raw.interactions,
        pl.DataFrame(
            {
                "line": [1, 2, 3],
                "user_id": ["2", "1", "1"],
                "item_id": ["1", "2", "1"],
                "rating": [5.0, 3.0, 4.0],
                "timestamp": [978300760, 978302109, 978302109],
            },
            schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
        ),
    )
    assert raw.users is not None
    assert_frame_equal(
        raw.users,
        pl.DataFrame(
            {
                "user_id": ["1", "2"],
                "gender": ["female", "male"],
                "age": ["under 18", "56 or older"],
                "occupation": ["K-12 student", "self-employed"],
                "zip_code": ["48067", "02460"],
            }
        ),
    )
    assert raw.kinds == {"genre": Kind.MULTI, "release_year": Kind.NUMERIC}
    assert raw.n_rows == {"ratings.dat": 3, "movies.dat": 3, "users.dat": 2}
    assert raw.bad_rows == []
    assert list(raw.files) == ["ml-1m.zip"]


def test_ml_100k_is_read(tmp_path: Path) -> None:
    files = {"u.item": ITEM, "u.user": "5|33|F|other|T8H1N\n", "u.data": "5\t267\t3\t881250949\n5\t1\t4\t881250950\n"}
    raw = ml_100k.SOURCE.read(ReadOptions(raw=pack(tmp_path / "ml-100k.zip", files)), silent)
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["1", "267"],
                "title": ["Toy Story", "unknown"],
                "release_year": [1995, None],
                "genre": [["Animation", "Children's", "Comedy"], None],
            }
        ),
    )
    assert raw.users is not None
    assert raw.users.rows() == [("5", 33, "female", "other", "T8H1N")]
    assert raw.interactions["item_id"].to_list() == ["267", "1"]


def test_a_folder_is_as_good_as_the_zip_and_utf8_as_good_as_latin1(tmp_path: Path) -> None:
    inner = tmp_path / "unpacked" / "ml-1m"
    inner.mkdir(parents=True)
    for name, text in {"movies.dat": MOVIES, "users.dat": USERS, "ratings.dat": RATINGS.replace("\n", "\r\n")}.items():
        (inner / name).write_bytes(text.encode("utf-8"))
    raw = ml_1m.SOURCE.read(ReadOptions(raw=tmp_path / "unpacked"), silent)
    assert raw.items["title"].to_list() == ["Toy Story", "The Matrix", "Tenue de soirée"]
    assert raw.interactions["timestamp"].to_list() == [978300760, 978302109, 978302109]
    assert sorted(raw.files) == ["movies.dat", "ratings.dat", "users.dat"]


def test_the_shadows_that_macos_packs_are_passed_over(tmp_path: Path) -> None:
    files = {"__MACOSX/ratings.dat": "shadow", "ml-1m/movies.dat": MOVIES}
    files |= {"ml-1m/users.dat": USERS, "ml-1m/ratings.dat": RATINGS}
    raw = ml_1m.SOURCE.read(ReadOptions(raw=pack(tmp_path / "x.zip", files, folder="")), silent)
    assert raw.interactions.height == 3


@pytest.mark.parametrize(
    ("raw", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Matrix, The (1999)", "The Matrix", 1999),
        ("Few Good Men, A (1992)", "A Few Good Men", 1992),
        ("Ideal Husband, An (1999)", "An Ideal Husband", 1999),
        ("Vie est belle, La (Life is Rosey) (1987)", "La Vie est belle (Life is Rosey)", 1987),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "The City of Lost Children (La Cité des enfants perdus)",
            1995,
        ),
        ("Eye of Vichy, The (Oeil de Vichy, L') (1993)", "The Eye of Vichy (L'Oeil de Vichy)", 1993),
        ("Besieged (L' Assedio) (1998)", "Besieged (L'Assedio)", 1998),
        ("Associate, The (L'Associe)(1982)", "The Associate (L'Associe)", 1982),
        ("Convent, The (Convento, O) (1995)", "The Convent (O Convento)", 1995),
        ("White Balloon, The (Badkonake Sefid ) (1995)", "The White Balloon (Badkonake Sefid)", 1995),
        (
            "Seven Samurai (The Magnificent Seven) (Shichinin no samurai) (1954)",
            "Seven Samurai (The Magnificent Seven) (Shichinin no samurai)",
            1954,
        ),
        ("Land Before Time III, The (1995) (V)", "The Land Before Time III", 1995),
        ("Two Friends (1986) ", "Two Friends", 1986),
        (
            "And God Created Woman (Et Dieu&#8230;Créa la Femme) (1956)",
            "And God Created Woman (Et Dieu…Créa la Femme)",
            1956,
        ),
        ("I, Worst of All (Yo, la peor de todas) (1990)", "I, Worst of All (Yo, la peor de todas)", 1990),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly", 1966),
        ("unknown", "unknown", None),
        ("1984", "1984", None),
    ],
)
def test_titles_are_written_as_people_say_them(raw: str, title: str, year: int | None) -> None:
    assert read_title(raw) == (title, year)


def test_broken_lines_are_found_with_their_numbers(tmp_path: Path) -> None:
    lines = [f"{n % 50}::1::5::{978300000 + n}" for n in range(1, 1001)]
    lines[9] = "9::1::5"
    lines[99] = "9::1::five::978300000"
    lines[499] = "9::1::5::yesterday"
    lines[500] = "::1::5::978300000"
    lines[999] = "9::77::5::978300000"
    raw = read_1m(tmp_path, ratings="\n".join(lines))
    assert sorted(raw.bad_rows, key=lambda row: row.line) == [
        BadRow("ratings.dat", 10, "it does not have 4 fields separated by '::'", "9::1::5"),
        BadRow("ratings.dat", 100, "the rating is not a number", "9::1::five::978300000"),
        BadRow("ratings.dat", 500, "the timestamp is not a whole number", "9::1::5::yesterday"),
        BadRow("ratings.dat", 501, "the user id is empty", "::1::5::978300000"),
        BadRow("ratings.dat", 1000, "movies.dat has no such item", "9::77::5::978300000"),
    ]
    assert raw.n_rows["ratings.dat"] == 1000
    assert raw.interactions.height == 995
    dataset = prepare("ml-1m", raw, "ml", tmp_path / "ml", skip_bad=False, progress=silent)  # 0.5 % is tolerated
    assert dataset.card.bad_rows["ratings.dat: the rating is not a number"] == 1


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    raw = read_1m(tmp_path, ratings="2::1::5::978300760\n\nbroken\n1::2::3::978302109\n\n")
    assert reasons(raw) == [("ratings.dat", 3, "it does not have 4 fields separated by '::'")]
    assert raw.interactions["line"].to_list() == [1, 4]
    assert raw.n_rows["ratings.dat"] == 3


def test_of_items_that_come_twice_the_first_is_kept(tmp_path: Path) -> None:
    raw = read_1m(tmp_path, movies=MOVIES + "1::Toy Story Again (2000)::Horror\n::No Id (1999)::Drama\n7::::Drama\n")
    assert raw.items["title"].to_list() == ["Toy Story", "The Matrix", "Tenue de soirée"]
    assert reasons(raw) == [
        ("movies.dat", 5, "the item id is empty"),
        ("movies.dat", 4, "the item id comes again; the first one is kept"),
        ("movies.dat", 6, "the title is empty"),
    ]


@pytest.mark.parametrize("rating", ["nan", "inf", ""])
def test_a_rating_has_to_be_finite(tmp_path: Path, rating: str) -> None:
    raw = read_1m(tmp_path, ratings=RATINGS + f"1::1::{rating}::978302109\n")
    assert reasons(raw) == [("ratings.dat", 4, "the rating is not a number")]


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole.zip", {"movies.dat": MOVIES, "users.dat": USERS, "ratings.dat": RATINGS})
    cut = tmp_path / "ml-1m.zip"
    cut.write_bytes(whole.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"ml-1m\.zip is cut off or not a zip file") as caught:
        ml_1m.SOURCE.read(ReadOptions(raw=cut), silent)
    assert caught.value.hint is not None
    assert "https://grouplens.org/datasets/movielens/1m/" in caught.value.hint
    assert "toolrec prep ml-1m --raw PATH" in caught.value.hint


def test_a_zip_with_altered_bytes_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "ml-1m.zip", {"movies.dat": MOVIES, "users.dat": USERS, "ratings.dat": RATINGS})
    data = bytearray(path.read_bytes())
    data[60:80] = bytes(20)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="cut off or not a zip file"):
        ml_1m.SOURCE.read(ReadOptions(raw=path), silent)


def test_an_archive_without_an_expected_file_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "ml-1m.zip", {"movies.dat": MOVIES, "users.dat": USERS})
    with pytest.raises(InputError, match=r"There is no ratings\.dat in .*ml-1m\.zip"):
        ml_1m.SOURCE.read(ReadOptions(raw=path), silent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"There is no u\.item in .*empty"):
        ml_100k.SOURCE.read(ReadOptions(raw=tmp_path / "empty"), silent)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ratings\.dat in .* is empty"):
        read_1m(tmp_path, ratings="\n")


def test_a_missing_path_and_no_path_at_all_say_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        ml_1m.SOURCE.read(ReadOptions(raw=tmp_path / "nowhere"), silent)
    with pytest.raises(InputError, match="has to be downloaded by you") as caught:
        ml_100k.SOURCE.read(ReadOptions(), silent)
    assert caught.value.exit_code == 3
    assert "https://grouplens.org/datasets/movielens/100k/" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        (ml_1m.SOURCE, {"users": 6040, "items": 3706, "interactions": 1000209, "validation": 6040, "test": 6040}),
        (ml_100k.SOURCE, {"users": 943, "items": 1682, "interactions": 100000, "validation": 943, "test": 943}),
    ],
    ids=["ml-1m", "ml-100k"],
)
def test_the_real_archives_give_the_published_counts(source, counts, tmp_path, request, real_data) -> None:
    name = request.node.callspec.id
    raw = source.read(ReadOptions(raw=real_data(f"{name}.zip")), silent)
    dataset = prepare(name, raw, name, tmp_path / name, skip_bad=False, progress=silent)
    assert dataset.card.counts == counts | {"train": counts["interactions"] - 2 * counts["users"]}
    assert dataset.card.bad_rows == {}
