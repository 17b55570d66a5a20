"""A command that is printed can be typed as it stands, also where the workspace's name has a space."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def spaced(workspace: Path) -> Path:
    return workspace.rename(workspace.parent / "my work; and 'more'")


def printed(said: CompletedProcess[str], verb: str) -> list[str]:
    """The words of the first command of this verb that was printed, but for the program's name."""
    found = re.search(rf"toolrec ({verb} .*)", said.stderr)
    assert found, said.stderr
    return shlex.split(found[1])


@pytest.mark.parametrize("words", ["recommend sample --user 1", "eval sample --users 10 --baselines none"])
def test_a_run_is_replayed_as_it_is_printed(words: str, toolrec: Run, spaced: Path) -> None:
    said = toolrec(*words.split(), "-w", spaced)
    assert said.returncode == 0, said.stderr
    verb, path, *_ = printed(said, "replay")
    assert Path(path).is_dir()
    assert toolrec(verb, path, "-w", spaced).returncode == 0


def test_what_is_supposed_is_set_beside_what_was_as_it_is_printed(toolrec: Run, spaced: Path) -> None:
    toolrec("recommend", "sample", "--user", "1", "-w", spaced)
    said = toolrec("replay", "--user", "1", "--what-if", "max-rounds=2", "-w", spaced)
    assert said.returncode == 0, said.stderr
    command = printed(said, "replay")
    assert command[-2:] == ["--user", "ID"]
    again = toolrec(*command[:-1], "1", "-w", spaced)
    assert again.returncode == 0, again.stderr


def test_a_run_of_another_verb_is_resumed_as_it_is_printed(toolrec: Run, spaced: Path) -> None:
    toolrec("recommend", "sample", "--user", "1", "-w", spaced)
    (run,) = (spaced / "runs").glob("*-recommend-*")
    for words in (["eval", "--resume", run], ["replay", "--resume", run]):
        said = toolrec(*words, "-w", spaced)
        assert said.returncode == 2
        assert printed(said, "recommend") == ["recommend", "--resume", str(run)]


def test_an_encoder_that_is_missing_is_trained_as_it_is_printed(toolrec: Run, spaced: Path) -> None:
    (run,) = (spaced / "runs").glob("*-pretrain-*")
    said = toolrec("recommend", "sample", "--user", "1", "--backbone", run, "--attr", "director", "-w", spaced)
    assert said.returncode == 3
    words = printed(said, "train-encoder")
    assert words == ["train-encoder", "sample", "--attr", "director", "--backbone", str(run)]
