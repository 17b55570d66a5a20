"""toolrec eval --ablate and toolrec stress, as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]


def test_an_ablation_as_a_table(toolrec: Run, workspace: Path) -> None:
    said = toolrec("eval", "--ablate", "rounds", "--users", "20", "--max-rounds", "3", "-w", workspace)
    assert said.returncode == 0
    assert "What does one more round add?" in said.stdout
    assert "n = 20 of 80 users" in said.stdout
    assert "2 rounds" in said.stdout
    assert "NDCG@10 runs from" in said.stdout
    assert "…" not in said.stdout
    assert (next(workspace.glob("runs/*-ablate-*")) / "variants.svg").is_file()


def test_an_ablation_as_json(toolrec: Run, workspace: Path) -> None:
    words = ("--ablate", "attributes", "--noise", "1", "--users", "10", "--json")
    document = json.loads(toolrec("eval", *words, "-w", workspace).stdout)
    assert (document["verb"], document["kind"], document["reference"]) == ("ablate", "attributes", "all")
    assert document["rows"][-1]["name"] == "all + 1 made up"
    assert document["rows"][-1]["measured"]["tools"] == 4


@pytest.mark.parametrize(
    "words", [["eval", "--ablate", "rank"], ["eval"], ["stress", "ids", "--rate", "20"], ["recommend"]], ids=str
)
def test_more_users_than_there_are_is_all_and_said(toolrec: Run, workspace: Path, words: list[str]) -> None:
    said = toolrec(*words, "--users", "99999999", "-w", workspace)
    assert said.returncode == 0, said.stderr
    assert "99,999,999 users are more than the 80 " in " ".join(said.stderr.split())
    assert "99,999,999" not in said.stdout


def test_as_many_users_as_there_are_need_no_remark(toolrec: Run, workspace: Path) -> None:
    assert "more than" not in toolrec("eval", "--users", "80", "-w", workspace).stderr


def test_stress_as_typed(toolrec: Run, workspace: Path) -> None:
    said = toolrec("stress", "ids", "--users", "10", "--rate", "20", "--reruns", "2", "-w", workspace)
    assert said.returncode == 0
    assert "synonym 20%" in said.stdout
    assert "recovered %" in said.stdout
    document = json.loads(toolrec("stress", "histories", "--users", "5", "--json", "-w", workspace).stdout)
    assert (document["verb"], document["kind"]) == ("stress", "histories")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["eval", "--ablate", "round"], 2, "'rounds'"),
        (["eval", "--ablate", "tuned"], 2, "nothing is tuned yet"),
        (["eval", "--k", "0"], 2, "--k takes numbers from 1 to 100"),
        (["eval", "--k", "5,ten"], 2, "'ten'"),
        (["eval", "--baselines", "popularty"], 2, "'popularity'"),
        (["eval", "--ablate", "attributes", "--noise", "33"], 2, "--noise takes numbers from 1 to 32"),
        (["stress", "id"], 2, "ids"),
        (["stress", "ids", "--rate", "101"], 2, "--rate takes numbers from 1 to 100"),
        (["stress", "ids", "--users", "none"], 2, "--users takes a number above 0, or all"),
    ],
)
def test_mistakes(toolrec: Run, tiny_workspace: Path, words: list[str], code: int, message: str) -> None:
    there = sorted((tiny_workspace / "runs").iterdir())
    said = toolrec(*words, "-w", tiny_workspace)
    assert said.returncode == code
    assert message in " ".join(said.stderr.split())
    assert sorted((tiny_workspace / "runs").iterdir()) == there


def test_an_evaluation_with_baselines_goes_on_as_it_began(toolrec: Run, workspace: Path) -> None:
    """What was typed is on record: cut-offs, baselines and groups need not be typed again. An ablation does not go on."""
    words = ("--k", "5,20", "--baselines", "popularity,transition", "--groups", "--users", "12", "--json")
    began = toolrec("eval", *words, "-w", workspace)
    run = next(workspace.glob("runs/*-eval-*"))
    again = toolrec("eval", "--resume", run, "--json", "-w", workspace)
    assert again.stdout == began.stdout
    refused = toolrec("eval", "--resume", run, "--ablate", "rounds", "-w", workspace)
    assert (refused.returncode, "cannot go on" in refused.stderr) == (2, True)
