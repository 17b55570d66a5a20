"""toolrec runs, and recommend --users: many at once, listed, shown, exported, removed."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

Run = Callable[..., CompletedProcess[str]]


def listed(toolrec: Run, workspace: Path) -> dict[str, dict[str, object]]:
    document = json.loads(toolrec("runs", "--json", "-w", workspace).stdout)
    assert document["schema_version"] == 1
    return {line["verb"]: line for line in document["runs"]}


def test_many_users_end_in_a_short_table(toolrec: Run, workspace: Path) -> None:
    said = toolrec("recommend", "--users", "all", "-w", workspace)
    assert said.returncode == 0
    assert "80 in " in said.stdout
    assert "Recorded in" in said.stderr


def test_many_users_are_a_line_of_json_each_in_the_order_asked(toolrec: Run, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("42\n\n7\n42\n1\n")
    said = toolrec("recommend", "--users", tmp_path / "ids", "--json", "-w", workspace)
    assert [json.loads(line)["user_id"] for line in said.stdout.splitlines()] == ["42", "7", "1"]
    drawn = toolrec("recommend", "--users", "5", "--json", "-w", workspace)
    again = toolrec("recommend", "--users", "5", "--json", "-w", workspace)
    assert drawn.stdout == again.stdout
    assert len(drawn.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--users", "0"], "--users takes a number above 0"),
        (["--users", "nowhere.txt"], "is no file that can be read"),
        (["--users", "3", "--user", "1"], "exclude each other"),
        ([], "Whom should be recommended to?"),
    ],
)
def test_whom_is_asked_clearly(toolrec: Run, workspace: Path, words: list[str], said: str) -> None:
    found = toolrec("recommend", *words, "-w", workspace)
    assert (found.returncode, said in found.stderr) == (2, True)


def test_a_stranger_in_a_file_gets_the_near_miss(toolrec: Run, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("1\n420\n")
    found = toolrec("recommend", "--users", tmp_path / "ids", "-w", workspace)
    assert found.returncode == 2
    assert f"In {tmp_path / 'ids'}: There is no user '420'" in found.stderr


def test_runs_are_listed_with_what_they_were_made_from(toolrec: Run, workspace: Path) -> None:
    toolrec("eval", "--users", "20", "-w", workspace)
    found = listed(toolrec, workspace)
    assert (found["eval"]["status"], found["eval"]["users"], found["eval"]["metric"]) == ("done", 20, "ndcg@10")
    assert found["pretrain"]["name"] in found["eval"]["parents"]  # type: ignore[operator]
    assert "ndcg@10" in toolrec("runs", "-w", workspace).stdout
    shown = json.loads(toolrec("runs", "show", str(found["pretrain"]["name"]), "--json", "-w", workspace).stdout)
    assert found["eval"]["name"] in shown["children"]


def test_what_a_run_cost_is_shown(toolrec: Run, workspace: Path) -> None:
    toolrec("recommend", "--user", "42", "-w", workspace)
    manifest = next(workspace.glob("runs/*-recommend-*/run.json"))
    written = json.loads(manifest.read_text())
    written["result"]["usage"] = {"calls": 5, "dollars": 0.104}
    manifest.write_text(json.dumps(written))
    assert listed(toolrec, workspace)["recommend"]["cost"] == 0.104


def test_a_run_that_others_were_made_from_is_removed_only_by_force(toolrec: Run, workspace: Path) -> None:
    name = str(listed(toolrec, workspace)["pretrain"]["name"])
    said = toolrec("runs", "rm", name, "--yes", "-w", workspace)
    assert (said.returncode, "2 runs were made from" in said.stderr) == (2, True)
    assert toolrec("runs", "rm", name, "-w", workspace).returncode == 2
    assert toolrec("runs", "rm", name, "--yes", "--force", "-w", workspace).returncode == 0
    assert not (workspace / "runs" / name).exists()


def read_tsv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t")


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_lists_are_exported_with_titles(toolrec: Run, workspace: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"lists.{kind}"
    toolrec("recommend", "--user", "42", "-w", workspace)
    name = str(listed(toolrec, workspace)["recommend"]["name"])
    assert toolrec("runs", "export", name, "--out", out, "-w", workspace).returncode == 0
    read = {"csv": pl.read_csv, "tsv": read_tsv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[kind]
    table = read(out)
    assert table.columns == ["row", "user_id", "rank", "item_id", "title"]
    assert (table.height, table["title"].null_count()) == (10, 0)
    assert toolrec("runs", "export", name, "--out", out, "-w", workspace).returncode == 2
    said = toolrec("runs", "export", name, "--out", tmp_path / "lists.xlsx", "-w", workspace)
    assert (said.returncode, "csv, jsonl, parquet, tsv" in said.stderr) == (2, True)
    assert not (tmp_path / "lists.xlsx").exists()


def test_a_step_that_nobody_took_is_said(toolrec: Run, workspace: Path) -> None:
    toolrec("recommend", "--user", "42", "-w", workspace)
    said = toolrec("replay", "--step", "99", "-w", workspace)
    assert said.returncode == 2
    assert "There is no step 99: whoever is shown has" in said.stderr
    assert toolrec("replay", "--step", "1", "-w", workspace).returncode == 0
