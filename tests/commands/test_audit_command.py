"""toolrec audit: our runs and anybody's files."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.storage.digests import file_digest

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def perfect(tiny: Dataset) -> pl.DataFrame:
    """A system that knows the held-out item of every other user, and says nothing of the rest."""
    targets = tiny.held_out(Part.TEST)
    users = [index for index in range(0, 80, 2) if targets[index]]
    items = tiny.catalog.frame["item_id"]
    rows = [(tiny.user_id(u), items[int(targets[u]) - 1], 1.0) for u in users]
    schema = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def test_a_run_of_eval_counts_strictly_as_eval_did(toolrec: Run, workspace: Path) -> None:
    toolrec("eval", "--baselines", "none", "-w", workspace)
    run = next(workspace.glob("runs/*-eval-*"))
    report = json.loads((run / "report.json").read_text())
    said = json.loads(toolrec("audit", run, "--json", "-w", workspace).stdout)
    wanted = next(row for row in report["rows"] if row["name"] == "surrogate")["metrics"]["ndcg@10"]["mean"]
    strict = said["rows"][0]
    assert strict["counting"] == {"survivors": False, "masked": True, "repeats": False}
    assert strict["metrics"]["ndcg@10"]["mean"] == pytest.approx(wanted)
    assert (said["n_users"], said["n_survivors"], said["n_owned"], said["n_repeats"]) == (80, 80, 0, 0)
    other = json.loads(toolrec("audit", run.name, "--row", "rrf", "--json", "-w", workspace).stdout)
    assert other["row"] == "rrf"
    misspelt = toolrec("audit", run, "--row", "rff", "-w", workspace)
    assert (misspelt.returncode, "'rrf'" in misspelt.stderr) == (2, True)


def test_an_audit_is_a_run_of_its_own(toolrec: Run, workspace: Path, perfect: pl.DataFrame) -> None:
    perfect.write_csv(workspace / "theirs.csv")
    said = toolrec("audit", workspace / "theirs.csv", "--k", "10", "--json", "-w", workspace)
    run = next(workspace.glob("runs/*-audit-sample-theirs-*"))
    assert json.loads((run / "report.json").read_text()) == json.loads(said.stdout)
    (line,) = (
        line
        for line in json.loads(toolrec("runs", "--json", "-w", workspace).stdout)["runs"]
        if line["verb"] == "audit"
    )
    assert (line["name"], line["status"], line["users"], line["metric"]) == (run.name, "done", 80, "ndcg@10")
    assert line["value"] == pytest.approx(len(perfect) / 80)
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["inputs"] == {"lists": file_digest(workspace / "theirs.csv")}


def test_an_audit_that_fails_leaves_no_run(toolrec: Run, workspace: Path) -> None:
    assert toolrec("audit", workspace / "nothing.csv", "-w", workspace).returncode == 3
    assert not list(workspace.glob("runs/*-audit-*"))


def test_who_was_never_asked_is_in_no_denominator(toolrec: Run, workspace: Path) -> None:
    """A run says whom it asked; sampling is no counting."""
    toolrec("eval", "--users", "30", "--baselines", "none", "-w", workspace)
    run = next(workspace.glob("runs/*-eval-*"))
    said = json.loads(toolrec("audit", run, "--json", "-w", workspace).stdout)
    assert (said["n_users"], said["n_possible"], said["n_listed"]) == (30, 80, 30)
    assert {row["n_users"] for row in said["rows"]} == {30}
    assert "30 of 80 users with a held-out item were asked" in toolrec("audit", run, "-w", workspace).stdout


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_somebody_s_file_in_any_form(
    toolrec: Run, workspace: Path, tmp_path: Path, perfect: pl.DataFrame, suffix: str
) -> None:
    path = tmp_path / f"theirs.{suffix}"
    if suffix == "parquet":
        perfect.write_parquet(path)
    else:
        perfect.write_csv(path, separator="," if suffix == "csv" else "\t")
    said = toolrec("audit", path, "--k", "1", "-w", workspace)
    assert said.returncode == 0
    flat = " ".join(said.stdout.split())
    assert "80 users have a held-out item; 40 of them have a list" in flat
    assert "50.0 % of that figure is counting" in flat
    assert "40 users have no list: never asked, or dropped; the file does not say." in flat


def test_strangers_are_counted(toolrec: Run, workspace: Path, tmp_path: Path, perfect: pl.DataFrame) -> None:
    strange = pl.DataFrame({"user_id": ["nobody", "1"], "item_id": ["x", "no such item"], "score": [1.0, 2.0]})
    path = tmp_path / "theirs.csv"
    pl.concat([perfect, strange]).write_csv(path)
    said = json.loads(toolrec("audit", path, "--json", "-w", workspace).stdout)
    assert (said["n_unknown_users"], said["n_unknown_items"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user,item_id,rank\n1,2,3\n", "no column user_id"),
        ("user_id,item_id\n1,2\n", "no column rank or score"),
        ("user_id,item_id,rank\n1,2,first\n", "1 rows have no number as their rank"),
        ("user_id,item_id,rank\n1,,1\n", "lacks its user_id or item_id"),
        ("user_id,item_id,rank\nx,y,1\n", "Nobody in"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_file_that_cannot_be_used(toolrec: Run, workspace: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "theirs.csv").write_text(text)
    said = toolrec("audit", tmp_path / "theirs.csv", "-w", workspace)
    assert said.returncode == 3
    assert message in " ".join(said.stderr.split())


def test_a_file_that_is_not_there(toolrec: Run, workspace: Path) -> None:
    assert toolrec("audit", "theirs.csv", "-w", workspace).returncode == 3
    assert toolrec("audit", "no-such-run", "-w", workspace).returncode == 3
    assert toolrec("audit", "theirs.csv", "--split", "tset", "-w", workspace).returncode == 2
