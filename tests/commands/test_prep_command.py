"""toolrec prep: archives and tables, whole or broken, and what is said of every row that cannot be used."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

from toolrec_cli.data.dataset import Dataset

Run = Callable[..., CompletedProcess[str]]

MOVIES = [f"{film}::Film {film} ({1950 + film % 50})::Drama|War" for film in range(1, 121)]
USERS = [f"{user}::F::25::12::00000" for user in range(1, 21)]
RATINGS = [f"{1 + n // 15}::{1 + n * 7 % 120}::4::{1000 + n}" for n in range(300)]


def archive(folder: Path, *, movies: list[str] = MOVIES, ratings: list[str] = RATINGS) -> Path:
    """A zip as GroupLens packs it."""
    path = folder / "ml-1m.zip"
    files = {"movies.dat": movies, "users.dat": USERS, "ratings.dat": ratings}
    with zipfile.ZipFile(path, "w") as packed:
        for name, lines in files.items():
            packed.writestr(f"ml-1m/{name}", "".join(f"{line}\n" for line in lines))
    return path


def prepared(workspace: Path) -> list[str]:
    """Everything under datasets/, hidden and half-written files too."""
    return sorted(path.name for path in (workspace / "datasets").glob("*"))


def one_line(text: str) -> str:
    """Text as it would stand on an endless line."""
    return " ".join(text.split())


def test_an_archive_becomes_a_data_set_and_the_next_command_is_said(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path), "-w", tmp_path)
    assert said.returncode == 0
    assert "20 users · 120 items · 300 interactions · density 12.500%" in said.stdout
    assert "leave-one-out: train 260 · validation 20 · test 20" in said.stdout
    assert f"Next: toolrec pretrain ml-1m -w {tmp_path}\n" in said.stderr
    assert prepared(tmp_path) == ["ml-1m"]
    assert sorted(path.name for path in (tmp_path / "datasets" / "ml-1m").iterdir()) == [
        "dataset.json",
        "interactions.parquet",
        "items.parquet",
        "users.parquet",
    ]


def test_json_is_the_card(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path), "--json", "-w", tmp_path)
    document = json.loads(said.stdout)
    card = json.loads((tmp_path / "datasets" / "ml-1m" / "dataset.json").read_text())
    assert document == {**card, "density": 300 / (20 * 120)}
    assert (document["schema_version"], document["name"], document["source"]) == (1, "ml-1m", "ml-1m")


def test_the_unpacked_folder_serves_as_well_as_the_zip(toolrec: Run, tmp_path: Path) -> None:
    path = archive(tmp_path)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "unpacked")
    zipped = json.loads(toolrec("prep", "ml-1m", "--raw", path, "--json", "-w", tmp_path / "a").stdout)
    folder = json.loads(toolrec("prep", "ml-1m", "--raw", tmp_path / "unpacked", "--json", "-w", tmp_path / "b").stdout)
    assert folder["digest"] == zipped["digest"]
    assert list(folder["raw"]) == ["ratings.dat", "movies.dat", "users.dat"]


@pytest.mark.parametrize("size", [0, 1, 500, -1])
def test_a_zip_that_is_cut_off_is_refused_with_its_address(toolrec: Run, tmp_path: Path, size: int) -> None:
    path = archive(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    said = toolrec("prep", "ml-1m", "--raw", path, "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"Error: {path} is cut off or not a zip file" in said.stderr
    assert "https://grouplens.org/datasets/movielens/1m/" in said.stderr
    assert "toolrec prep ml-1m --raw PATH" in said.stderr
    assert prepared(tmp_path) == []


@pytest.mark.parametrize("file", ["movies.dat", "users.dat", "ratings.dat"])
def test_an_empty_or_missing_file_of_a_folder_is_named(toolrec: Run, tmp_path: Path, file: str) -> None:
    with zipfile.ZipFile(archive(tmp_path)) as packed:
        packed.extractall(tmp_path / "raw")
    found = tmp_path / "raw" / "ml-1m" / file
    found.write_bytes(b"\n")
    said = toolrec("prep", "ml-1m", "--raw", tmp_path / "raw", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"Error: {file} in {tmp_path / 'raw'} is empty." in said.stderr
    found.unlink()
    said = toolrec("prep", "ml-1m", "--raw", tmp_path / "raw", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"Error: There is no {file} in {tmp_path / 'raw'}." in said.stderr
    assert prepared(tmp_path) == []


BROKEN = ["torn", "1::2", "1::3::five::9"]
FEW = [*RATINGS[:10], *BROKEN, *RATINGS[10:]]
MANY = [*FEW[:100], *(f"{n}::4::::" for n in range(4)), *FEW[100:]]


def test_a_few_broken_lines_are_left_out_counted_and_shown(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path, ratings=FEW), "--json", "-w", tmp_path)
    assert said.returncode == 0
    document = json.loads(said.stdout)
    assert document["counts"]["interactions"] == 300
    assert sum(document["bad_rows"].values()) == 3
    assert document["bad_rows"]["ratings.dat: the rating is not a number"] == 1


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_few_broken_lines_are_shown_with_their_numbers(toolrec: Run, tmp_path: Path, flags: list[str]) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path, ratings=FEW), "-w", tmp_path, *flags)
    assert said.returncode == 0
    for number, line in ((11, "torn"), (12, "1::2"), (13, "1::3::five::9")):
        assert f"ratings.dat, line {number}:" in said.stderr
        assert line in said.stderr


def test_above_one_percent_a_file_is_refused_and_the_first_five_rows_are_shown(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path, ratings=MANY), "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert "Error: 7 of 307 rows of ratings.dat cannot be used.\n" in said.stderr
    assert "ratings.dat: 5 rows left out: the rating is not a number." in said.stderr
    shown = [line.split(":")[0].strip() for line in said.stderr.splitlines() if "ratings.dat, line" in line]
    assert shown == [f"ratings.dat, line {number}" for number in (11, 12, 13, 101, 102)]
    hint = "Mend the file, or leave these rows out with --skip-bad. --report FILE.parquet lists them all."
    assert f"Hint: {hint}\n" in said.stderr
    assert prepared(tmp_path) == []


def test_skip_bad_goes_on_without_them(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("prep", "ml-1m", "--raw", archive(tmp_path, ratings=MANY), "--skip-bad", "--json", "-w", tmp_path)
    assert said.returncode == 0
    document = json.loads(said.stdout)
    assert document["counts"]["interactions"] == 300
    assert sum(document["bad_rows"].values()) == 7


def test_an_item_that_comes_again_and_one_nobody_knows_are_counted(toolrec: Run, tmp_path: Path) -> None:
    again, unknown = [*MOVIES, "7::Another (2001)::War"], [*RATINGS, "3::999::5::2000"]
    path = archive(tmp_path, movies=again, ratings=unknown)
    document = json.loads(toolrec("prep", "ml-1m", "--raw", path, "--json", "-w", tmp_path).stdout)
    assert document["bad_rows"] == {
        "movies.dat: the item id comes again; the first one is kept": 1,
        "ratings.dat: movies.dat has no such item": 1,
    }
    catalog = Dataset(tmp_path / "datasets" / "ml-1m").catalog
    assert catalog.frame.filter(pl.col("item_id") == "7")["title"].to_list() == ["Film 7"]


def test_what_is_prepared_already_needs_force(toolrec: Run, tmp_path: Path) -> None:
    first = ("prep", "ml-1m", "--raw", archive(tmp_path), "-w", tmp_path)
    toolrec(*first)
    card = tmp_path / "datasets" / "ml-1m" / "dataset.json"
    before = card.read_bytes()
    again = toolrec(*first)
    assert (again.returncode, again.stdout) == (2, "")
    assert "The data set 'ml-1m' is prepared already" in again.stderr
    assert "--force" in again.stderr
    archive(tmp_path, ratings=RATINGS[:-15])
    assert card.read_bytes() == before
    assert toolrec(*first, "--force").returncode == 0
    assert json.loads(card.read_text())["counts"]["users"] == 19
    assert prepared(tmp_path) == ["ml-1m"]


def test_force_with_bad_files_keeps_what_there_was(toolrec: Run, tmp_path: Path) -> None:
    path = archive(tmp_path)
    toolrec("prep", "ml-1m", "--raw", path, "-w", tmp_path)
    before = Dataset(tmp_path / "datasets" / "ml-1m").card
    archive(tmp_path, ratings=MANY)
    assert toolrec("prep", "ml-1m", "--raw", path, "--force", "-w", tmp_path).returncode == 3
    assert Dataset(tmp_path / "datasets" / "ml-1m").card == before
    assert prepared(tmp_path) == ["ml-1m"]


def test_a_table_whose_columns_are_named(toolrec: Run, tmp_path: Path, log: Path) -> None:
    files = ["--interactions", log / "clicks.csv", "--items", log / "products.csv"]
    columns = ["--user-col", "visitor", "--item-col", "what", "--time-col", "when", "--kind", "colour=text"]
    said = toolrec("prep", "table", *files, *columns, "--name", "shop", "--json", "-w", tmp_path)
    assert said.returncode == 0
    document = json.loads(said.stdout)
    assert (document["name"], document["source"]) == ("shop", "table")
    assert document["counts"] == {
        "users": 12,
        "items": 9,
        "interactions": 96,
        "train": 72,
        "validation": 12,
        "test": 12,
    }
    assert [(a["name"], a["kind"]) for a in document["attributes"]] == [("colour", "text"), ("price/unit", "numeric")]
    assert f"Next: toolrec pretrain shop -w {tmp_path}\n" in said.stderr


def test_a_table_whose_columns_are_guessed_says_how(toolrec: Run, tmp_path: Path) -> None:
    rows = ["userId,movieId,timestamp,rating", *(f"u,{n},{n},5" for n in range(4))]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(rows))
    said = toolrec("prep", "table", "--interactions", path, "-w", tmp_path)
    assert said.returncode == 0
    guess = "log.csv: columns taken as user 'userId', item 'movieId', timestamp 'timestamp', rating 'rating'."
    assert guess in one_line(said.stderr)
    assert "There is no file of items (--items)" in one_line(said.stderr)


def test_a_column_that_cannot_be_guessed_is_asked_for(toolrec: Run, tmp_path: Path, log: Path) -> None:
    said = toolrec("prep", "table", "--interactions", log / "clicks.csv", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert "No column of clicks.csv looks like the user id; it has: visitor, what, when." in one_line(said.stderr)
    assert "Hint: Say which it is: --user-col NAME" in said.stderr
    misspelt = toolrec("prep", "table", "--interactions", log / "clicks.csv", "--user-col", "vistor", "-w", tmp_path)
    assert misspelt.returncode == 2
    assert "There is no column 'vistor'. Did you mean 'visitor'?" in misspelt.stderr
    assert prepared(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "words"), [("", "is empty."), ("user,item\n", "There is not one interaction to prepare 'table' from.")]
)
def test_an_empty_table_is_refused(toolrec: Run, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content)
    said = toolrec("prep", "table", "--interactions", path, "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert words in one_line(said.stderr)
    assert prepared(tmp_path) == []


def test_a_folder_without_a_table_is_refused(toolrec: Run, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    said = toolrec("prep", "table", "--interactions", tmp_path / "logs", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"There is no table in the folder {tmp_path / 'logs'}." in said.stderr


@pytest.mark.parametrize("name", [".", "..", "../elsewhere", "a/b", ".hidden"])
def test_a_name_that_is_no_plain_folder_is_refused(toolrec: Run, tmp_path: Path, log: Path, name: str) -> None:
    workspace = tmp_path / "workspace"
    words = ["prep", "table", "--interactions", log / "clicks.csv", "--user-col", "visitor", "--item-col", "what"]
    toolrec(*words, "-w", workspace)
    said = toolrec(*words, "--name", name, "-w", workspace)
    assert (said.returncode, said.stdout) == (2, "")
    assert prepared(workspace) == ["table"]
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]
