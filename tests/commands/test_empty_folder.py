"""toolrec recommend in an empty folder: the sample is prepared and trained by itself, and that is said."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.data.sources import sample as source
from toolrec_cli.operations import sample as training
from toolrec_cli.storage.run_dir import list_runs

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder; a smaller sample, an epoch a model, one thread."""
    make = source.make
    monkeypatch.setattr(source, "make", lambda: make(60, 40))
    monkeypatch.setattr(training, "BACKBONE_TRAINING", replace(training.BACKBONE_TRAINING, epochs=1))
    monkeypatch.setattr(training, "ENCODER_TRAINING", replace(training.ENCODER_TRAINING, epochs=1))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.chdir(tmp_path)


def test_everything_that_is_missing_is_made_and_said_in_order(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("recommend", "--user", "42", "--trace", "--json")
    assert said.returncode == 0
    assert len(json.loads(said.stdout)["items"]) == 10
    announced = [
        "Nothing is prepared in .: making the built-in sample (invented films) ready.",
        "Training a small SASRec backbone on it.",
        "epoch   1 ",
        "Training the retrieval tool for genre.",
        "Training the retrieval tool for release_year.",
        "Training the retrieval tool for director.",
        "Thought ",
        "Recorded in runs/",
    ]
    places = [said.stderr.find(words) for words in announced]
    assert -1 not in places
    assert places == sorted(places)
    verbs = [run.manifest.verb for run in list_runs(tmp_path / "runs")]
    assert sorted(verbs) == ["pretrain", "recommend", *["train-encoder"] * 3]


def test_the_second_time_nothing_is_made(toolrec: Run, tmp_path: Path) -> None:
    toolrec("recommend", "--user", "42")
    there = len(list_runs(tmp_path / "runs"))
    said = toolrec("recommend", "--user", "42")
    assert said.returncode == 0
    assert said.stderr.startswith("Recorded in runs/")
    assert len(list_runs(tmp_path / "runs")) == there + 1


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (["--user", "999"], "There is no user '999'."),
        (["--user", "42", "--attr", "gener"], "There is no attribute 'gener'. Did you mean 'genre'?"),
    ],
)
def test_a_mistake_is_said_before_anything_is_trained(
    toolrec: Run, tmp_path: Path, words: list[str], mistake: str
) -> None:
    said = toolrec("recommend", *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert mistake in said.stderr
    assert "Training" not in said.stderr
    assert list_runs(tmp_path / "runs") == []


def test_another_data_set_is_not_made_by_itself(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("recommend", "ml-1m", "--user", "42")
    assert (said.returncode, said.stdout) == (3, "")
    assert list(tmp_path.iterdir()) == []
