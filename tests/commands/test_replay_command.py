"""toolrec replay: what was shown live is shown again, from the record alone."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.agent.trajectory import HistoryItem, ItemCard, Shown, ShownItem, Step, Trajectory
from toolrec_cli.render.trace import LiveTrace, print_trace
from toolrec_cli.storage.run_dir import list_runs
from toolrec_cli.tools.protocol import Action

Run = Callable[..., CompletedProcess[str]]

WITHOUT = "import sys\nsys.modules |= dict.fromkeys({names})"
"""Python that makes importing these raise."""


def run_name(workspace: Path, verb: str) -> str:
    return next(run.name for run in list_runs(workspace / "runs") if run.manifest.verb == verb)


def users(lines: str) -> list[str]:
    return [json.loads(line)["user_id"] for line in lines.splitlines()]


@pytest.mark.parametrize("rows", [[], ["--rows", "2"]])
def test_the_trace_is_the_one_that_was_shown_live(toolrec: Run, workspace: Path, rows: list[str]) -> None:
    live = toolrec("recommend", "--user", "42", "--user", "7", "--trace", *rows, "-w", workspace)
    again = toolrec("replay", *rows, "-w", workspace)
    assert again.returncode == 0
    assert "user 42" in again.stderr
    assert "user 7" in again.stderr
    assert live.stderr.startswith(again.stderr)
    assert live.stderr.removeprefix(again.stderr).startswith("Recorded in ")
    assert again.stdout == live.stdout


def test_a_record_is_shown_without_torch_data_set_or_models(process: Run, explored: Path, tmp_path: Path) -> None:
    name = run_name(explored, "recommend")
    shutil.copytree(explored / "runs" / name, tmp_path / "runs" / name)
    missing = ("torch", "safetensors", "pyarrow", "openai")
    said = process("replay", "--user", "42", "-w", tmp_path, before=WITHOUT.format(names=missing))
    assert said.returncode == 0
    assert said.stdout.split("\n")[0].rstrip() == "For user 42"
    assert "finished with 10 items" in said.stderr


def test_only_the_users_asked_for_are_shown(toolrec: Run, explored: Path) -> None:
    said = toolrec("replay", "--user", "7", "--user", "42", "--json", "-w", explored)
    assert (said.returncode, users(said.stdout), said.stderr) == (0, ["7", "42"], "")
    shown = toolrec("replay", "--user", "7", "-w", explored)
    assert re.findall(r"For user \d+", shown.stdout) == ["For user 7"]


def test_json_is_the_record_itself(toolrec: Run, explored: Path) -> None:
    name = run_name(explored, "recommend")
    recorded = (explored / "runs" / name / "trajectories.jsonl").read_text().splitlines()
    said = toolrec("replay", name, "--json", "-w", explored)
    assert [json.loads(line) for line in said.stdout.splitlines()] == [json.loads(line) for line in recorded]
    assert len(recorded) == 80


@pytest.mark.parametrize("path", [lambda run: run, lambda run: run.name])
def test_a_run_is_named_by_its_path_or_its_name(toolrec: Run, explored: Path, path: Callable[[Path], str]) -> None:
    run = explored / "runs" / run_name(explored, "recommend")
    assert users(toolrec("replay", path(run), "--user", "9", "--json", "-w", explored).stdout) == ["9"]


def test_a_user_who_was_not_asked_gets_the_near_miss(toolrec: Run, explored: Path) -> None:
    said = toolrec("replay", "--user", "420", "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "There is no user '420'. Did you mean '" in said.stderr
    stranger = toolrec("replay", "--user", "Alice", "-w", explored)
    assert "asked 80 users." in stranger.stderr


@pytest.mark.parametrize("words", [(), ("--verify",), ("--against", "RUN", "--no-pager"), ("--what-if", "rank=off")])
def test_two_users_with_a_comma_are_to_be_given_one_by_one(
    toolrec: Run, explored: Path, words: tuple[str, ...]
) -> None:
    (run,) = (explored / "runs").glob("*-recommend-*")
    said = toolrec("replay", "--user", "7, 42", *(run if word == "RUN" else word for word in words), "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "There is no user '7, 42'. Give --user once for each: --user 7 --user 42\n" in said.stderr


def test_one_unknown_user_among_others_is_said_before_anything_is_shown(toolrec: Run, explored: Path) -> None:
    said = toolrec("replay", "--user", "42", "--user", "420", "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "Thought" not in said.stderr


def test_an_evaluation_can_be_replayed_too(toolrec: Run, workspace: Path) -> None:
    toolrec("eval", "--users", "3", "-w", workspace)
    assert len(users(toolrec("replay", "--json", "-w", workspace).stdout)) == 3


def test_a_record_that_is_torn_or_newer_is_refused_by_line(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    name = run_name(explored, "recommend")
    copy = Path(shutil.copytree(explored / "runs" / name, tmp_path / "runs" / name)) / "trajectories.jsonl"
    first, second, *_ = copy.read_bytes().splitlines(keepends=True)
    copy.write_bytes(first + second[:1000])
    said = toolrec("replay", "--json", "-w", tmp_path)
    assert (said.returncode, users(said.stdout)) == (3, ["1"])
    assert "trajectories.jsonl, line 2, is not a recorded trajectory" in said.stderr
    copy.write_bytes(first.replace(b'"schema_version":2', b'"schema_version":99'))
    said = toolrec("replay", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert "line 1, has trajectory schema 99; this toolrec reads up to 2." in said.stderr


def _shown(item_id: str) -> Shown:
    return Shown((ShownItem(item_id, 1, 0.5, True, ("retrieve:none",)),))


def test_an_attribute_that_turns_up_late_does_not_change_earlier_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Where an attribute has gaps, the first rounds may know no item that has it."""
    trajectory = Trajectory("u", "shop", "builtin", 10, 7, {}, n_history=1, newest=(HistoryItem("a", None),))
    trajectory.items["a"] = ItemCard("A", {"colour": "red"})
    live = LiveTrace(rows=8)
    for item_id, attributes in (("b", {"colour": "blue"}), ("c", {"colour": "blue", "size": 7})):
        trajectory.items[item_id] = ItemCard(item_id.upper(), attributes)
        trajectory.steps.append(Step("More.", Action("retrieve", {"attribute": None, "k": 1}), _shown(item_id)))
        live.step(trajectory)
    shown = capsys.readouterr().err
    print_trace(trajectory, rows=8)
    assert capsys.readouterr().err == shown
