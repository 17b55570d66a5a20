"""What is typed wrongly or lacks something: the exit code, the near miss, the next command, and nothing left behind."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.sources.sample import make
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import list_runs

Run = Callable[..., CompletedProcess[str]]

MISTAKES = [
    # users
    ("recommend --user 420", 2, ["There is no user '420'. Did you mean '42'"]),
    ("recommend --user Alice", 2, ["There is no user 'Alice'. sample has 80 users, such as '1' and '80'."]),
    ("recommend --user 42 --user 420", 2, ["There is no user '420'."]),
    ("recommend", 2, ["--user"]),
    # data sets
    ("recommend ml-1m --user 1", 3, ["The data set 'ml-1m' is not prepared.", "Type: toolrec prep ml-1m"]),
    ("recommend sampel --user 1", 3, ["The data set 'sampel' is not prepared. Did you mean 'sample'?"]),
    ("pretrain sampel", 3, ["Did you mean 'sample'?"]),
    ("train-encoder sampel --attr genre", 3, ["Did you mean 'sample'?"]),
    ("eval sampel", 3, ["Did you mean 'sample'?"]),
    ("prep ml-1n", 2, ["There is no data set 'ml-1n'. Did you mean 'ml-1m'"]),
    ("prep ml-1m", 3, ["has to be downloaded by you", "grouplens.org", "toolrec prep ml-1m --raw PATH"]),
    ("prep ml-1m --raw nowhere.zip", 3, ["nowhere.zip does not exist.", "toolrec prep ml-1m --raw PATH"]),
    ("prep table", 2, ["Which file holds the interactions?", "toolrec prep table --interactions FILE"]),
    ("prep table --interactions nowhere.csv", 3, ["nowhere.csv does not exist."]),
    ("prep table --kind price=numerik", 2, ["There is no kind 'numerik'. Did you mean 'numeric'?"]),
    ("prep", 2, ["The data set 'sample' is prepared already", "--force"]),
    # attributes
    ("recommend --user 42 --attr gener", 2, ["There is no attribute 'gener'. Did you mean 'genre'?"]),
    ("eval --attr gener", 2, ["There is no attribute 'gener'. Did you mean 'genre'?"]),
    ("train-encoder --attr gener", 2, ["There is no attribute 'gener'. Did you mean 'genre'?"]),
    ("recommend --user 7,42", 2, ["Give --user once for each: --user 7 --user 42"]),
    ("recommend --user 7,420", 2, ["There is no user '7,420'. sample has 80 users, such as '1' and '80'."]),
    ("eval --attr genre,director", 2, ["There is no attribute 'genre,director'.", "--attr genre --attr director"]),
    ("train-encoder --attr genre,director", 2, ["Give --attr once for each: --attr genre --attr director"]),
    ("tune --attr genre,directr", 2, ["There is no attribute 'genre,directr'."]),
    ("stress ids --attr genre,genre", 2, ["Give --attr once for each"]),
    ("train-encoder --attr colour", 2, ["There is: genre, release_year, director."]),
    ("recommend --user 42 --attr director", 3, ["'director' has no encoder", "train-encoder sample --attr director"]),
    # runs
    ("recommend --user 42 --backbone BACKBONE~", 3, ["There is no run 'BACKBONE~'. Did you mean 'BACKBONE'"]),
    ("train-encoder --attr genre --backbone BACKBONE~", 3, ["Did you mean 'BACKBONE'"]),
    ("recommend --user 42 --backbone ENCODER", 3, []),
    ("replay BACKBONE~", 3, ["There is no run 'BACKBONE~'. Did you mean 'BACKBONE'"]),
    ("replay BACKBONE", 3, ["is a pretrain run: it has no trajectories."]),
    ("replay", 3, ["has trajectories.", "Type: toolrec recommend --user 42 --trace"]),
    ("pretrain --out OUT", 2, ["is there already.", "Choose another --out"]),
    (
        "recommend --user 42 --backbone sasrec",
        3,
        ["'sasrec' is a kind of backbone.", "Type: --backbone BACKBONE for the"],
    ),
    ("eval --backbone bert4rec", 3, ["No bert4rec is trained on 'sample'.", "pretrain sample --backbone bert4rec"]),
    ("stress", 2, ["What is to go wrong, ids or histories?", "toolrec stress ids", "or toolrec stress histories"]),
    ("stress sample", 2, ["What is to go wrong, ids or histories?", "Type: toolrec stress ids sample"]),
    ("stress idz sample", 2, ["There is no stress 'idz'. Did you mean 'ids'?"]),
    # option values
    ("pretrain --backbone sasrek", 2, ["There is no backbone 'sasrek'. Did you mean 'sasrec'?"]),
    ("pretrain --loss bprr", 2, ["There is no loss 'bprr'. Did you mean 'bpr'?"]),
    ("pretrain --targets newst", 2, ["There is no choice of targets 'newst'. Did you mean 'newest'?"]),
    ("pretrain --item-vectors compny", 2, ["There is no beginning of item vectors 'compny'. Did you mean 'company'?"]),
    ("pretrain --learning-rate 0", 2, ["At a learning rate of 0 nothing is learnt.", "--learning-rate 1e-3"]),
    ("pretrain --preset toolrec", 2, ["There is no preset 'toolrec'. Did you mean 'toolrec-paper'?"]),
    ("train-encoder --attr genre --preset papr", 2, ["There is no preset 'papr'."]),
    ("pretrain --negatives 0", 2, ["--negatives"]),
    ("pretrain --n-heads 3", 2, ["3 heads do not divide a width of 64."]),
    ("pretrain --epochs 0", 2, ["--epochs"]),
    ("train-encoder --attr genre --loss cross-entropi", 2, ["Did you mean 'cross-entropy'?"]),
    ("train-encoder --attr genre --embedding-size 7", 2, ["do not divide a width of 7."]),
    ("eval --users many", 2, ["--users takes a number above 0, or all; not 'many'."]),
    ("eval --users 0", 2, ["not '0'."]),
    ("eval --split tset", 2, ["tset", "validation", "test"]),
    ("eval --k 0", 2, ["--k"]),
    # options and verbs
    ("eval --usrs 3", 2, ["No such option: --usrs", "--users"]),
    ("evall", 2, ["No such command 'evall'", "eval"]),
]


def names(folder: Path) -> list[str]:
    """Everything in a workspace's datasets/ or runs/, hidden and half-written files too."""
    return sorted(path.name for path in folder.glob("*"))


def one_line(text: str) -> str:
    """Text as it would stand on an endless line, without the frames around the parser's own errors."""
    return " ".join(re.sub("[╭─╮│╰╯]", " ", text).split())


@pytest.mark.parametrize(("line", "code", "fragments"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_explained_on_stderr_and_leaves_nothing(
    toolrec: Run, workspace: Path, line: str, code: int, fragments: list[str]
) -> None:
    runs = list_runs(workspace / "runs")
    named = {"OUT": str(workspace)} | {
        role: next(run.name for run in runs if run.manifest.verb == verb)
        for role, verb in (("BACKBONE", "pretrain"), ("ENCODER", "train-encoder"))
    }

    def filled(text: str) -> str:
        for role, name in named.items():
            text = text.replace(role, name)
        return text

    verb, *words = map(filled, line.split())
    there = names(workspace / "runs"), names(workspace / "datasets")
    said = toolrec(verb, *words, "-w", workspace) if verb != "evall" else toolrec(verb)
    assert (said.returncode, said.stdout) == (code, "")
    for fragment in fragments:
        assert filled(fragment) in one_line(said.stderr)
    assert said.stderr
    assert "Traceback" not in said.stderr
    assert (names(workspace / "runs"), names(workspace / "datasets")) == there


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A workspace with a data set that is not the sample, and no models."""
    prepare("sample", make(20, 30), "films", tmp_path / "datasets" / "films", skip_bad=False, progress=silent)
    return tmp_path


SMALL = ["--epochs", "1", "--embedding-size", "8", "--max-length", "10", "--threads", "1"]


def test_without_a_backbone_the_command_that_trains_one_is_said(toolrec: Run, films: Path) -> None:
    for words in (["recommend", "--user", "1"], ["eval"], ["train-encoder", "--attr", "genre"]):
        said = toolrec(*words, "-w", films)
        assert (said.returncode, said.stdout) == (3, "")
        assert said.stderr == "Error: No backbone is trained on 'films'.\nHint: Type: toolrec pretrain films\n"
    assert names(films / "runs") == []


def test_without_an_encoder_the_command_that_trains_one_is_said(toolrec: Run, films: Path) -> None:
    assert toolrec("pretrain", *SMALL, "-w", films).returncode == 0
    said = toolrec("recommend", "--user", "1", "-w", films)
    assert said.returncode == 0
    assert "No attribute encoder is trained on this backbone: it is explored with alone." in said.stderr
    assert f"To train one, type: toolrec train-encoder films --attr genre -w {films}\n" in said.stderr


def test_the_hint_for_a_named_backbone_names_it_too(toolrec: Run, films: Path) -> None:
    """Otherwise the encoder would be trained on another backbone, and the same would be said again."""
    first, second = films / "runs" / "1-first", films / "runs" / "2-second"
    for out in (first, second):
        assert toolrec("pretrain", *SMALL, "--seed", len(out.name), "--out", out, "-w", films).returncode == 0
    said = toolrec("recommend", "--user", "1", "--backbone", "1-first", "-w", films)
    assert said.returncode == 0
    assert "toolrec train-encoder films --attr genre --backbone 1-first" in said.stderr


def test_which_of_several_data_sets_is_asked(toolrec: Run, workspace: Path) -> None:
    shutil.copytree(workspace / "datasets" / "sample", workspace / "datasets" / "other")
    said = toolrec("recommend", "--user", "1", "-w", workspace)
    assert (said.returncode, said.stdout) == (2, "")
    assert "Which data set? There is other, sample." in said.stderr
    assert "Name it right after the command." in said.stderr


@pytest.mark.parametrize("batch_size", [1, 32])
def test_a_training_that_runs_away_is_a_check_that_failed(toolrec: Run, films: Path, batch_size: int) -> None:
    """At 32 the only step of the epoch is what ruins the model: no later loss tells of it."""
    said = toolrec("pretrain", "--learning-rate", "1e30", "--batch-size", batch_size, *SMALL, "-w", films)
    assert (said.returncode, said.stdout) == (6, "")
    assert "Try a lower --learning-rate." in said.stderr
    assert names(films / "runs") == []


def test_altered_weights_are_refused(toolrec: Run, workspace: Path) -> None:
    for weights in workspace.glob("runs/*-pretrain-*/model/weights.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    said = toolrec("recommend", "--user", "1", "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert "is missing or altered" in said.stderr
    assert "Train it again." in said.stderr


@pytest.mark.parametrize("file", ["items.parquet", "interactions.parquet", "users.parquet"])
@pytest.mark.parametrize("fault", ["missing", "cut off"])
def test_a_data_set_with_a_file_missing_or_cut_off_is_refused(
    toolrec: Run, workspace: Path, file: str, fault: str
) -> None:
    path = workspace / "datasets" / "sample" / file
    there, whole = names(workspace / "runs"), path.read_bytes()
    path.unlink() if fault == "missing" else path.write_bytes(whole[:-100])
    said = toolrec("recommend", "--user", "1", "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert file in said.stderr
    assert names(workspace / "runs") == there


def test_a_data_set_made_by_a_newer_program_is_refused_by_name(toolrec: Run, workspace: Path) -> None:
    card = workspace / "datasets" / "sample" / "dataset.json"
    card.write_text(card.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    said = toolrec("recommend", "--user", "1", "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert "has schema version 99; this toolrec reads up to 1." in said.stderr


@pytest.mark.parametrize(
    "words", [["replay"], ["prep", "table", "--interactions", "CLICKS"], ["recommend", "--user", "1"]]
)
def test_a_workspace_that_is_a_file_is_refused(toolrec: Run, tmp_path: Path, log: Path, words: list[str]) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    named = [str(log / "clicks.csv") if word == "CLICKS" else word for word in words]
    columns = ["--user-col", "visitor", "--item-col", "what"] if "prep" in words else []
    said = toolrec(*named, *columns, "-w", path)
    assert said.returncode in (2, 3)
    assert said.stdout == ""
    assert path.read_text() == "not a folder"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("eval --ablate modles", "There is no ablation 'modles'. Did you mean 'models'?"),
        ("stress idz", "'idz'"),
        ("eval --max-cost 1", "is about a language model, and none is named."),
        ("recommend --user 42 --max-cost 1", "is about a language model, and none is named."),
    ],
)
def test_in_an_empty_folder_a_mistake_is_said_before_anything_is_trained(
    toolrec: Run, tmp_path: Path, words: str, reason: str
) -> None:
    said = toolrec(*words.split(), "-w", tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert reason in one_line(said.stderr)
    assert names(tmp_path / "runs") == []
