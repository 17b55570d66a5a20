"""A backbone is explored with, evaluated and tuned before any attribute encoder is trained on it, and that is said; not named,
it is passed over where an earlier one has encoders, which is said, too."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

SMALL = ["--epochs", "1", "--embedding-size", "8", "--max-length", "10", "--threads", "1"]


@pytest.fixture(scope="module")
def bare(toolrec: Run, tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a SASRec and two encoders, and a newer BERT4Rec in the run "bert", with none."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("bare") / "w"))
    out = workspace / "runs" / "bert"
    said = toolrec("pretrain", "sample", "--backbone", "bert4rec", *SMALL, "--out", out, "-w", workspace)
    assert said.returncode == 0, said.stderr
    return workspace


def remark(workspace: Path) -> str:
    return (
        "No attribute encoder is trained on this backbone: it is explored with alone. "
        f"To train one, type: toolrec train-encoder sample --attr genre --backbone bert -w {workspace}"
    )


def said_in_one(said: CompletedProcess[str]) -> str:
    return " ".join(said.stderr.split())


def test_it_has_its_row_and_its_surrogate(toolrec: Run, bare: Path) -> None:
    said = toolrec("eval", "--backbone", "bert", "--baselines", "none", "--json", "-w", bare)
    assert said.returncode == 0, said.stderr
    assert remark(bare) in said_in_one(said)
    rows = {row["name"]: row["metrics"]["ndcg@10"]["mean"] for row in json.loads(said.stdout)["rows"]}
    assert list(rows) == ["bert4rec", "rrf", "surrogate"]
    assert rows["rrf"] == rows["bert4rec"] > 0


def test_its_list_is_the_backbone_s_own(toolrec: Run, bare: Path) -> None:
    """There is one tool to agree with, and nothing to compare: the surrogate's order is that tool's."""
    said = toolrec("recommend", "--user", "7", "--backbone", "bert", "--json", "-w", bare)
    assert said.returncode == 0, said.stderr
    assert remark(bare) in said_in_one(said)
    items = json.loads(said.stdout)["items"]
    assert [item["tools"] for item in items] == [["retrieve:none", "rank:none"]] * 10
    shown = toolrec("replay", "--json", "-w", bare)
    steps = json.loads(shown.stdout)["steps"]
    assert [step["action"]["tool"] for step in steps] == ["retrieve", "rank", "finish"]
    retrieved = [item["item_id"] for item in steps[0]["observation"]["items"]]
    assert [item["item_id"] for item in items] == retrieved[:10]


def test_it_can_be_stressed_tuned_resumed_and_verified(toolrec: Run, bare: Path) -> None:
    named = ("--backbone", "bert", "-w", bare)
    stressed = toolrec("stress", "ids", "--users", "5", "--rate", "20", *named)
    assert stressed.returncode == 0, stressed.stderr
    assert remark(bare) in said_in_one(stressed)
    tuned = toolrec("tune", *named)
    assert tuned.returncode == 0, tuned.stderr
    assert remark(bare) in said_in_one(tuned)
    out = bare / "runs" / "explored"
    assert toolrec("recommend", "--users", "5", "--out", out, *named).returncode == 0
    assert toolrec("recommend", "--resume", out, "-w", bare).returncode == 0
    verified = toolrec("replay", out, "--verify", "-w", bare)
    assert verified.returncode == 0, verified.stderr
    assert "5 users explored anew" in verified.stderr


def test_whoever_names_attributes_or_full_encoders_means_them(toolrec: Run, bare: Path) -> None:
    for words, message in (
        (("--attr", "genre"), "The attribute 'genre' has no encoder on this backbone."),
        (("--full-encoders",), "No attribute full encoder is trained on this backbone of 'sample'."),
    ):
        said = toolrec("eval", "--backbone", "bert", *words, "-w", bare)
        assert (said.returncode, said.stdout) == (3, "")
        assert message in said_in_one(said)


def older(workspace: Path) -> str:
    (sasrec,) = [each.name for each in (workspace / "runs").glob("*-pretrain-sample-sasrec-*")]
    return sasrec


@pytest.mark.parametrize(
    "words",
    [
        ("recommend", "--user", "7"),
        ("eval", "--users", "5", "--baselines", "none"),
        ("eval", "--users", "5", "--ablate", "encoders"),
        ("stress", "ids", "--users", "5", "--rate", "20"),
        ("tune",),
    ],
    ids=" ".join,
)
def test_unnamed_the_newest_with_encoders_is_taken_and_that_is_said(
    toolrec: Run, bare: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Else a newer backbone would take everybody's tools away, in silence."""
    out = tmp_path / "run"
    said = toolrec(*words, "--out", out, "-w", bare)
    assert said.returncode == 0, said.stderr
    remarks = [line for line in said.stderr.splitlines() if "The newest backbone" in line]
    assert remarks == [
        f"The newest backbone, bert, has no attribute encoder: {older(bare)} is explored with, which has. "
        "To take the newest, add --backbone bert"
    ]
    made = json.loads((out / "run.json").read_text())["inputs"]
    card = json.loads((bare / "runs" / older(bare) / "run.json").read_text())["result"]
    assert made["backbone"] == card["digest"]
    assert {"encoder:genre", "encoder:release_year"} <= {*made}


def test_an_attribute_without_an_encoder_is_to_be_trained_on_the_backbone_that_is_taken(
    toolrec: Run, bare: Path
) -> None:
    """The newest would be trained on otherwise, and then explored with, which lacks the others."""
    said = toolrec("recommend", "--user", "7", "--attr", "director", "-w", bare)
    assert (said.returncode, said.stdout) == (3, "")
    hint = f"Type: toolrec train-encoder sample --attr director --backbone {older(bare)}"
    assert "The attribute 'director' has no encoder on this backbone." in said_in_one(said)
    assert hint in said_in_one(said)


def test_where_no_backbone_has_an_encoder_the_newest_is_taken_as_it_is(
    toolrec: Run, bare: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(bare, tmp_path / "w"))
    for encoder in (workspace / "runs").glob("*-train-encoder-*"):
        shutil.rmtree(encoder)
    said = toolrec("eval", "--users", "5", "--baselines", "none", "--json", "-w", workspace)
    assert said.returncode == 0, said.stderr
    assert f"type: toolrec train-encoder sample --attr genre -w {workspace}" in said_in_one(said)
    assert "The newest backbone" not in said.stderr
    assert [row["name"] for row in json.loads(said.stdout)["rows"]] == ["bert4rec", "rrf", "surrogate"]


def test_nobody_s_full_encoders_are_refused(toolrec: Run, bare: Path) -> None:
    said = toolrec("recommend", "--user", "7", "--full-encoders", "-w", bare)
    assert (said.returncode, said.stdout) == (3, "")
    assert "No attribute full encoder is trained on this backbone of 'sample'." in said_in_one(said)
    assert "Type: toolrec train-encoder sample --attr genre --full" in said_in_one(said)


def test_nothing_is_said_where_there_are_encoders(toolrec: Run, bare: Path) -> None:
    said = toolrec("recommend", "--user", "7", "--backbone", older(bare), "-w", bare)
    assert said.returncode == 0
    assert "explored with alone" not in said_in_one(said)
    assert "The newest backbone" not in said_in_one(said)


def test_what_to_type_next_names_it_too(toolrec: Run, bare: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(bare, tmp_path / "w"))
    said = toolrec("tune", "--backbone", "bert", "-w", workspace)
    assert f"toolrec eval sample --backbone bert -w {workspace}" in " ".join((said.stdout + said.stderr).split())
