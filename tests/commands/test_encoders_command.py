"""train-encoder for one attribute and for all: the table, the record, what is said."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from typer.testing import CliRunner

from toolrec_cli.app import app
from toolrec_cli.storage.run_dir import open_run

Run = Callable[..., CompletedProcess[str]]
SMALL = ["--epochs", "1", "--embedding-size", "8", "--threads", "1"]


def test_one_attribute_ends_with_its_controls(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "genre", *SMALL, "-w", workspace)
    assert said.returncode == 0, said.stderr
    for words in ("backbone alone", "the head without the attribute", "NDCG@10 among items with the value"):
        assert words in said.stdout


@pytest.mark.parametrize("attributes", [("genre",), ("genre", "release_year")])
def test_what_to_type_next_is_said_last(workspace: Path, attributes: tuple[str, ...]) -> None:
    """On a terminal both streams are one: the table of the controls does not come after it."""
    words = [word for name in attributes for word in ("--attr", name)]
    said = CliRunner().invoke(app, ["train-encoder", *words, "--full", *SMALL, "-w", str(workspace)])
    lines = said.output.splitlines()
    assert lines[-1].startswith("Next: toolrec recommend sample --user ")
    assert "training took" in lines[-2]
    assert any("NDCG@10" in line for line in lines[:-2])


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


def test_the_full_variant_ends_beside_the_frozen_one(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "genre", "--full", *SMALL, "-w", workspace)
    assert said.returncode == 0, said.stderr
    words = " ".join(said.stdout.split())
    for each in ("encoder on the frozen backbone", "encoder trained with the backbone (--full)", "parameters", "CPU-s"):
        assert each in words
    assert "genre: with the backbone left frozen, training took" in " ".join(said.stderr.split())
    shown = toolrec("recommend", "--user", "3", "--full-encoders", "--trace", "-w", workspace)
    assert shown.returncode == 0, shown.stderr
    assert "retrieve(genre" in shown.stderr


def test_several_full_ones_have_a_row_of_their_own_in_the_table(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "--attr", "genre", "--attr", "release_year", "--full", *SMALL, "-w", workspace)
    assert said.returncode == 0, said.stderr
    for name in ("genre, full", "genre, frozen", "release_year, full", "release_year, frozen"):
        assert name in said.stdout


def test_full_encoders_that_are_not_there_are_refused(toolrec: Run, workspace: Path) -> None:
    said = toolrec("eval", "--full-encoders", "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert "toolrec train-encoder sample --attr genre --full" in " ".join(said.stderr.split())


def test_an_attribute_has_to_be_named(toolrec: Run, workspace: Path) -> None:
    said = toolrec("train-encoder", "-w", workspace)
    assert (said.returncode, said.stdout) == (2, "")
    assert "Which attribute should be encoded?" in said.stderr
    assert "--attr all" in said.stderr


ONE_STATE = """
from toolrec_cli.operations import keeping
save = keeping.save_state
def once(*args):
    save(*args)
    raise KeyboardInterrupt
keeping.save_state = once
"""
"""Stopped when the first state is kept."""


def test_an_interrupted_encoder_goes_on_and_answers(toolrec: Run, process: Run, workspace: Path) -> None:
    words = ["train-encoder", "--attr", "genre", *SMALL, "--share", "1", "--checkpoint-minutes", "1e-9"]
    words += ["--out", "run", "-w", "."]
    stopped = process(*words, before=ONE_STATE, cwd=workspace, timeout=240)
    assert stopped.returncode == 130
    assert stopped.stderr.endswith("Hint: Kept: run. Go on: toolrec train-encoder --resume run\n")
    wrong = toolrec("train-encoder", "--resume", workspace / "run", "--attr", "genre", "-w", workspace)
    assert wrong.returncode == 2
    assert "leave out --attr." in wrong.stderr
    other = toolrec("pretrain", "--resume", workspace / "run", "-w", workspace)
    assert (other.returncode, "a run of train-encoder, not of pretrain" in " ".join(other.stderr.split())) == (2, True)
    answer = json.loads(toolrec("train-encoder", "--resume", workspace / "run", "--json", "-w", workspace).stdout)
    assert (answer["attribute"], answer["epochs"], open_run(workspace / "run").manifest.status) == ("genre", 1, "done")
