"""train-encoder for one attribute and for all: the table, the record, what is said."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Run = Callable[..., CompletedProcess[str]]
SMALL = ["--epochs", "1", "--embedding-size", "8", "--threads", "1"]


def test_one_attribute_ends_with_its_controls(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "genre", *SMALL, "-w", workspace)
    assert said.returncode == 0, said.stderr
    for words in ("backbone alone", "the head without the attribute", "NDCG@10 among items with the value"):
        assert words in said.stdout


def test_the_controls_can_be_left_out(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "genre", "--no-controls", *SMALL, "-w", workspace)
    assert "without the attribute" not in said.stdout


def test_all_attributes_end_with_a_table(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "all", *SMALL, "-w", workspace)
    assert said.returncode == 0, said.stderr
    rows = [line.split() for line in said.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("genre", "release_year", "director")] == [
        "genre",
        "release_year",
        "director",
    ]
    assert "hit rate" in said.stdout
    assert said.stdout.count(str(workspace / "runs")) == 3


def test_all_attributes_as_json(toolrec: Run, workspace: Path) -> None:
    words = ["--attr", "genre", "--attr", "director", "--json"]
    document = json.loads(toolrec("train-encoder", *words, *SMALL, "-w", workspace).stdout)
    assert document["schema_version"] == 1
    assert [encoder["attribute"] for encoder in document["encoders"]] == ["genre", "director"]
    assert all("hit_rate@20" in encoder["controls"]["encoder"] for encoder in document["encoders"])
