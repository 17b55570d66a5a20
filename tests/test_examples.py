"""The examples run as their first lines say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.source import ReadOptions
from toolrec_cli.operations.preparing import PrepOptions, prepare

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *words: str | Path) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "100"}
    command = [sys.executable, EXAMPLES / name, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def test_the_shop_is_a_table_that_can_be_prepared(tmp_path: Path) -> None:
    said = run("shop.py", tmp_path / "shop")
    assert f"toolrec prep table --interactions {tmp_path}/shop/clicks.csv" in said
    read = ReadOptions(interactions=tmp_path / "shop" / "clicks.csv", items=tmp_path / "shop" / "products.csv")
    dataset = prepare(tmp_path, "table", PrepOptions(read, "shop"))
    assert (dataset.card.counts["users"], dataset.card.counts["items"]) == (400, 120)
    assert {each.name: each.kind for each in dataset.card.attributes} == {
        "category": Kind.MULTI,
        "brand": Kind.CATEGORICAL,
        "price": Kind.NUMERIC,
    }
    assert dataset.card.bad_rows == {}


def test_the_verbs_can_be_called_as_functions(tmp_path: Path) -> None:
    said = run("in_python.py", tmp_path).splitlines()
    assert said[0].startswith("1. I have chosen 52 items.")
    assert len([line for line in said if line.lstrip().split(" ")[0].isdecimal()]) == 10
    assert said[-1].startswith(f"Recorded in {tmp_path}/runs/")


def test_a_model_that_behaves_badly_makes_no_invalid_list(tiny_workspace: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path / "w"))
    said = run("badly_behaved_server.py", "-w", workspace, "--users", "10", "--misbehave", "0.3").splitlines()
    names = [cell.strip() for cell in said[0].strip("| ").split("|")]
    rows = [dict(zip(names, (cell.strip() for cell in line.strip("| ").split("|")), strict=True)) for line in said[2:5]]
    assert [row["protocol"] for row in rows] == ["json", "tools", "react"]
    for row in rows:
        assert (row["users"], row["invalid lists"], row["crashes"]) == ("10", "0", "0")
        assert int(row["refusals"]) > 0
        assert sum(int(row[status]) for status in ("finished", "padded", "forced", "failed")) == 10


def test_a_wire_that_fails_as_often_makes_none_either(tiny_workspace: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path / "w"))
    words = ("--users", "10", "--misbehave", "0.3", "--wire", "0.5", "--timeout", "1")
    said = run("badly_behaved_server.py", "-w", workspace, *words).splitlines()
    names = [cell.strip() for cell in said[0].strip("| ").split("|")]
    rows = [dict(zip(names, (cell.strip() for cell in line.strip("| ").split("|")), strict=True)) for line in said[2:5]]
    for row in rows:
        assert (row["users"], row["invalid lists"], row["crashes"]) == ("10", "0", "0")
        assert 0 < int(row["sent again"]) <= int(row["faults of the wire"])
        assert sum(int(row[status]) for status in ("finished", "padded", "forced", "failed")) == 10
    assert any(line.startswith("| on the wire |") for line in said)
