"""toolrec prep --report: every rejected row with file, line, reason and text, as Parquet."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.reading import big_log
from toolrec_cli.storage.tables import REJECTS

Run = Callable[..., CompletedProcess[str]]

GOOD = [f"u{n // 10},i{n % 7},{1000 + n},4" for n in range(300)]
BAD = ["u1,,1005,4", "u1,i2,1006,good"]
TOO_MANY = [*BAD, "u1,i2,soon,4", '"","[/b]\x1b[1m",1007,4']


def clicks(folder: Path, bad: list[str]) -> Path:
    """A table of 300 good rows whose first ones, from line 2, are bad."""
    path = folder / "clicks.csv"
    path.write_text("\n".join(["user,item,time,rating", *bad, *GOOD]) + "\n")
    return path


def listed(path: Path) -> list[tuple[str, int, str, str]]:
    frame = pl.read_parquet(path)
    assert frame.schema == dict(REJECTS)
    return frame.rows()


def test_the_rows_that_were_left_out_are_listed(toolrec: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.parquet"
    log = clicks(tmp_path, BAD)
    said = toolrec("prep", "table", "--interactions", log, "--report", report, "-w", tmp_path / "w")
    assert said.returncode == 0
    assert f"Rejected rows: 2, in {report}\n" in said.stderr
    assert listed(report) == [
        ("clicks.csv", 2, "the item id is empty", "u1,,1005,4"),
        ("clicks.csv", 3, "the rating is not a number", "u1,i2,1006,good"),
    ]


def test_a_refusal_leaves_its_report(toolrec: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.parquet"
    log = clicks(tmp_path, TOO_MANY)
    said = toolrec("prep", "table", "--interactions", log, "--report", report, "-w", tmp_path / "w")
    assert (said.returncode, said.stdout) == (3, "")
    assert f"--skip-bad. They are listed in {report}.\n" in said.stderr
    assert [row[:3] for row in listed(report)] == [
        ("clicks.csv", 2, "the item id is empty"),
        ("clicks.csv", 3, "the rating is not a number"),
        ("clicks.csv", 4, "the time is neither a number nor a date that is known"),
        ("clicks.csv", 5, "the user id is empty"),
    ]
    assert not (tmp_path / "w" / "datasets").exists()


def test_without_rejected_rows_the_report_is_empty_and_replaces_the_old_one(toolrec: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.parquet"
    for bad in (BAD, []):
        log = clicks(tmp_path, bad)
        words = ["--interactions", log, "--report", report, "--force", "-w", tmp_path / "w"]
        assert toolrec("prep", "table", *words).returncode == 0
    assert listed(report) == []
    assert_frame_equal(pl.read_parquet(report), pl.DataFrame(schema=dict(REJECTS)))


@pytest.mark.parametrize("place", ["nowhere/report.parquet", "clicks.csv", "other.parquet", "w"])
def test_what_is_no_report_is_not_written_over(toolrec: Run, tmp_path: Path, place: str) -> None:
    log = clicks(tmp_path, BAD)
    pl.DataFrame({"file": ["mine"]}).write_parquet(tmp_path / "other.parquet")
    (tmp_path / "w").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    words = ["--interactions", log, "--report", tmp_path / place, "-w", tmp_path / "w"]
    said = toolrec("prep", "table", *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert f"--report {tmp_path / place}" in said.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not (tmp_path / "w" / "datasets").exists()


@pytest.mark.parametrize(("bad", "code"), [(BAD, 0), (TOO_MANY, 3)])
def test_files_that_are_read_in_pieces_have_their_rejected_rows_listed_too(
    toolrec: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: list[str], code: int
) -> None:
    monkeypatch.setattr(big_log, "BIG", 0)
    report = tmp_path / "report.parquet"
    said = toolrec("prep", "table", "--interactions", clicks(tmp_path, bad), "--report", report, "-w", tmp_path / "w")
    assert said.returncode == code
    assert [row[:2] for row in listed(report)] == [("clicks.csv", line) for line in range(2, 2 + len(bad))]
