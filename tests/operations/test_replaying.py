"""replay --verify and --against: the same is the same, and what is not is named."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import CheckError
from toolrec_cli.operations.evaluating import evaluate
from toolrec_cli.operations.exploring import AgentPlan, recommend
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import against, verify
from toolrec_cli.storage.run_dir import RunDir

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def explored(workspace: Path, tiny: Dataset) -> RunDir:
    return recommend(Setting(workspace), tiny, ["1", "2", "3"])[0]


def changed(run: RunDir, old: str, new: str) -> RunDir:
    log = run.path / "trajectories.jsonl"
    text = log.read_text()
    assert old in text
    log.write_text(text.replace(old, new, 1))
    return run


def test_a_run_is_verified(workspace: Path, tiny: Dataset, explored: RunDir) -> None:
    assert verify(Setting(workspace), tiny, explored) == 3
    assert verify(Setting(workspace), tiny, explored, ["2"]) == 1
    evaluated, _ = evaluate(Setting(workspace), tiny)
    assert verify(Setting(workspace), tiny, evaluated) == 80


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"k":50', '"k":49', "User 1, step 1, action.arguments.k: recorded 49, now 50. It is the surrogate"),
        ("First: what", "First, what", "User 1, step 1, thought: recorded 'I have chosen"),
        ('"rank":1,', '"rank":7,', "User 1, step 1, observation.items.0.rank: recorded 7, now 1. It is a tool"),
        ('"n_history":', '"n_history":1', "User 1, the beginning, n_history: recorded 1"),
        ('"status":"finished"', '"status":"forced"', "User 1, the end, status: recorded 'forced', now 'finished'"),
    ],
)
def test_the_first_divergence_is_named(
    workspace: Path, tiny: Dataset, explored: RunDir, old: str, new: str, said: str
) -> None:
    with pytest.raises(CheckError) as caught:
        verify(Setting(workspace), tiny, changed(explored, old, new))
    assert said in caught.value.message
    assert caught.value.exit_code == 6


def test_two_runs_are_compared_user_by_user(workspace: Path, tiny: Dataset, explored: RunDir) -> None:
    other, _ = recommend(Setting(workspace), tiny, ["2", "3", "4"], AgentPlan(attributes=["genre"]))
    pairs = against(Setting(workspace), str(explored.path), str(other.path), None)
    assert [(here.user_id, there.user_id) for here, there in pairs] == [("2", "2"), ("3", "3")]
