"""MovieLens in its CSV form: ml-32m and ml-latest."""

import zipfile
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.reading import lines
from toolrec_cli.data.source import BadRow, RawData, ReadOptions
from toolrec_cli.data.sources import ml_32m, ml_latest
from toolrec_cli.data.sources._movielens_titles import read_title
from toolrec_cli.errors import InputError
from toolrec_cli.progress import silent

MOVIES = (
    "movieId,title,genres\n"
    "1,Toy Story (1995),Adventure|Animation|Children\n"
    '11,"American President, The (1995)",Comedy\n'
    '7502,"Sor ""Hood"" é (2006–2007)",(no genres listed)\n'
)
RATINGS = "userId,movieId,rating,timestamp\n1,11,4.0,944249077\n1,1,0.5,944250228\n2,7502,5.0,1698412345\n"


def pack(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(f"ml-32m/{name}.csv", text)
    return path


def read(tmp_path: Path, movies: str = MOVIES, ratings: str = RATINGS) -> RawData:
    path = pack(tmp_path / "ml-32m.zip", movies=movies, ratings=ratings, tags="userId,movieId,tag,timestamp\n")
    return ml_32m.SOURCE.read(ReadOptions(raw=path), silent)


def test_the_csv_form_is_read(tmp_path: Path) -> None:
    raw = read(tmp_path)
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["1", "11", "7502"],
                "title": ["Toy Story", "The American President", 'Sor "Hood" é'],
                "release_year": [1995, 1995, 2006],
                "genre": [["Adventure", "Animation", "Children"], ["Comedy"], None],
            }
        ),
    )
    assert_frame_equal(
        raw.interactions,
        pl.DataFrame(
            {
                "line": [2, 3, 4],
                "user_id": ["1", "1", "2"],
                "item_id": ["11", "1", "7502"],
                "rating": [4.0, 0.5, 5.0],
                "timestamp": [944249077, 944250228, 1698412345],
            },
            schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
        ),
    )
    assert raw.users is None
    assert raw.kinds == {"genre": Kind.MULTI, "release_year": Kind.NUMERIC}
    assert raw.n_rows == {"ratings.csv": 3, "movies.csv": 3}
    assert raw.bad_rows == []


def test_latest_reads_the_small_one_from_its_folder(tmp_path: Path) -> None:
    inner = tmp_path / "ml-latest-small"
    inner.mkdir()
    (inner / "movies.csv").write_text(MOVIES.replace("\n", "\r\n"), encoding="utf-8", newline="")
    (inner / "ratings.csv").write_text(RATINGS.replace("\n", "\r\n"), encoding="utf-8", newline="")
    raw = ml_latest.SOURCE.read(ReadOptions(raw=inner), silent)
    assert_frame_equal(raw.interactions, read(tmp_path).interactions)
    assert sorted(raw.files) == ["movies.csv", "ratings.csv"]


def test_lines_are_numbered_through_from_block_to_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{n % 7},11,3.5,{944249077 + n}" for n in range(200)]
    rows[57], rows[120], rows[150] = "1,11,3.5", "1,11,good,5", "1,99,3.5,5"
    small = lines.blocks
    monkeypatch.setattr(lines, "blocks", lambda stream: small(stream, 100))
    raw = read(tmp_path, ratings=RATINGS + "\n".join(rows))
    assert sorted(raw.bad_rows, key=lambda row: row.line) == [
        BadRow("ratings.csv", 62, "it does not have 4 fields separated by ','", "1,11,3.5"),
        BadRow("ratings.csv", 125, "the rating is not a number", "1,11,good,5"),
        BadRow("ratings.csv", 155, "movies.csv has no such item", "1,99,3.5,5"),
    ]
    assert raw.n_rows["ratings.csv"] == 203
    assert raw.interactions["line"].to_list() == [n for n in range(2, 205) if n not in (62, 125, 155)]


@pytest.mark.parametrize("file", ["movies", "ratings"])
def test_another_first_line_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(InputError, match=rf"The first line of {file}\.csv in .*ml-32m\.zip is not .*movieId") as caught:
        read(tmp_path, **{file: "a,b,c,d\n1,2,3,4\n"})
    assert "https://grouplens.org/datasets/movielens/32m/" in str(caught.value.hint)


def test_no_ratings_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ratings\.csv in .* is empty"):
        read(tmp_path, ratings="userId,movieId,rating,timestamp\n\n")


@pytest.mark.parametrize(
    ("raw", "title", "year"),
    [
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto", 2006),
        ("Terrace House (2012- )", "Terrace House", 2012),
        ("Babylon 5", "Babylon 5", None),
        ("Office, The (US) (2005)", "The Office (US)", 2005),
    ],
)
def test_years_of_series(raw: str, title: str, year: int | None) -> None:
    assert read_title(raw) == (title, year)
