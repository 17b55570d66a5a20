"""stdout is the answer, stderr the rest; what is suggested can be typed."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.storage.run_dir import list_runs, open_run

Run = Callable[..., CompletedProcess[str]]

ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[(\d+;)*(3[0-8]|9[0-7])(;\d+)*m")
"""A code that sets a colour; bold and dim do not."""


@pytest.fixture(scope="module")
def traced(process: Run, tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> CompletedProcess[str]:
    """One user, traced, as JSON, by a process of its own, its run outside of the workspace."""
    out = tmp_path_factory.mktemp("out") / "traced"
    return process("recommend", "--user", "42", "--trace", "--json", "--out", out, "-w", tiny_workspace)


def test_one_user_is_one_json_document_though_traced(traced: CompletedProcess[str]) -> None:
    assert traced.returncode == 0
    document = json.loads(traced.stdout)
    assert list(document) == ["schema_version", "user_id", "dataset", "surrogate", "status", "rounds", "items"]
    assert (document["schema_version"], document["user_id"], document["dataset"]) == (1, "42", "sample")
    assert (document["surrogate"], document["status"]) == ("builtin", "finished")
    assert [item["rank"] for item in document["items"]] == list(range(1, 11))
    for item in document["items"]:
        assert list(item) == ["rank", "item_id", "title", "tool", "tools", "padded", "attributes"]
        assert item["tool"] == item["tools"][0]
        assert item["tool"].startswith("retrieve:")
        assert list(item["attributes"]) == ["genre", "release_year", "director"]


def test_the_trace_is_on_stderr(traced: CompletedProcess[str]) -> None:
    n_rounds = json.loads(traced.stdout)["rounds"]
    for word in ("Thought", "Action", "Observation"):
        assert len(re.findall(rf"^│ {word} {{2,}}", traced.stderr, re.MULTILINE)) == n_rounds
    assert "finish(10 items)" in traced.stderr
    assert "finished with 10 items" in traced.stderr


def test_pipes_get_no_escape_codes(traced: CompletedProcess[str]) -> None:
    assert ESCAPE not in traced.stdout + traced.stderr


def test_several_users_are_a_line_each(toolrec: Run, workspace: Path) -> None:
    said = toolrec("recommend", "--user", "42", "--user", "7", "--user", "42", "--json", "-w", workspace)
    assert [json.loads(line)["user_id"] for line in said.stdout.splitlines()] == ["42", "7"]


def test_a_list_for_people(toolrec: Run, workspace: Path) -> None:
    said = toolrec("recommend", "--user", "42", "--n", "3", "-w", workspace)
    document = json.loads(toolrec("recommend", "--user", "42", "--n", "3", "--json", "-w", workspace).stdout)
    assert re.findall(r"For user \d+", said.stdout) == ["For user 42"]
    assert [item["title"] in said.stdout for item in document["items"]] == [True] * 3
    assert "Thought" not in said.stdout + said.stderr


def test_the_record_says_where_every_setting_came_from(
    toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLREC_WORKSPACE", str(workspace))
    assert toolrec("recommend", "--user", "42", "--n", "5", "--attr", "genre").returncode == 0
    settings = next(run for run in list_runs(workspace / "runs") if run.manifest.verb == "recommend").manifest.settings
    assert settings["n"] == {"value": 5, "from": "commandline"}
    assert settings["user"] == {"value": ["42"], "from": "commandline"}
    assert settings["attributes"] == {"value": ["genre"], "from": "commandline"}
    assert settings["max_rounds"] == {"value": 7, "from": "default"}
    assert settings["workspace"] == {"value": str(workspace), "from": "environment"}


@pytest.mark.parametrize("words", [["recommend", "--user", "42"], ["eval", "--users", "3"]])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_command_that_is_suggested_works(
    toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], elsewhere: bool
) -> None:
    """Also where --out puts the run elsewhere, into a folder with a long path."""
    monkeypatch.setenv("TOOLREC_WORKSPACE", str(workspace))
    out = ["--out", str(workspace.parent / ("long" * 30) / "run")] if elsewhere else []
    said = toolrec(*words, *out)
    assert said.returncode == 0
    suggested = re.search(r"toolrec (replay .*)", said.stderr)
    assert suggested
    user = json.loads(next(workspace.parent.rglob("trajectories.jsonl")).read_text().splitlines()[0])["user_id"]
    again = toolrec(*suggested.group(1).replace("ID", user).split())
    assert (again.returncode, "Thought" in again.stderr) == (0, True)


def test_where_a_run_lies_stands_on_one_line_however_long(toolrec: Run, workspace: Path) -> None:
    out = workspace.parent / ("long" * 40) / "run"
    said = toolrec("recommend", "--user", "42", "--out", out, "-w", workspace)
    assert f"Recorded in {out}." in said.stderr


SMALL = ["--epochs", "1", "--embedding-size", "8", "--threads", "1"]


@pytest.mark.parametrize("words", [["pretrain", "--max-length", "10"], ["train-encoder", "--attr", "director"]])
def test_a_training_answers_with_its_directory(toolrec: Run, workspace: Path, words: list[str]) -> None:
    said = toolrec(*words, *SMALL, "--json", "-w", workspace)
    document = json.loads(said.stdout)
    assert document["schema_version"] == 1
    run = open_run(Path(document["run"]))
    assert (run.manifest.verb, run.manifest.status) == (words[0], "done")
    assert {name: document[name] for name in run.manifest.result} == run.manifest.result
    assert re.search(
        r"epoch +1 +loss +\d+\.\d{4} +validation NDCG@10 0\.\d{4} .* positions/s .* s +best\n", said.stderr
    )


@pytest.mark.parametrize(
    ("words", "following"),
    [
        (["pretrain", "--max-length", "10"], "train-encoder sample --attr genre"),
        (["train-encoder", "--attr", "director"], "recommend sample --user 1 --trace"),
    ],
)
def test_a_training_for_people(toolrec: Run, workspace: Path, words: list[str], following: str) -> None:
    said = toolrec(*words, *SMALL, "-w", workspace)
    assert f"Next: toolrec {following} -w {workspace}\n" in said.stderr
    path, figures, *_ = said.stdout.splitlines()
    assert open_run(Path(path)).manifest.status == "done"
    assert re.fullmatch(
        r"validation NDCG@10 0\.\d{4} at epoch 1 of 1 · [\d,]+ trained parameters · \d+ CPU-seconds", figures
    )


def test_an_evaluation_as_json(toolrec: Run, workspace: Path) -> None:
    said = toolrec("eval", "--k", "5,10", "--baselines", "popularity", "--users", "20", "--json", "-w", workspace)
    document = json.loads(said.stdout)
    assert (document["schema_version"], document["dataset"], document["split"]) == (1, "sample", "test")
    assert (document["n_users"], document["statuses"], document["failures"]) == (20, {"finished": 20}, [])
    assert [row["name"] for row in document["rows"]] == [
        "sasrec",
        "retrieve:genre",
        "retrieve:release_year",
        "rrf",
        "popularity",
        "surrogate",
    ]
    for row in document["rows"]:
        assert list(row["metrics"]) == [
            f"{name}@{k}" for k in (5, 10) for name in ("recall", "ndcg", "mrr", "hit", "map")
        ]
        assert all(list(figure) == ["mean", "low", "high", "n"] for figure in row["metrics"].values())
        assert all(figure["low"] <= figure["mean"] <= figure["high"] for figure in row["metrics"].values())
        assert (row["versus"] is None) == (row["name"] == "sasrec")
    assert document == json.loads(next(workspace.glob("runs/*-eval-*/report.json")).read_text())


@pytest.mark.parametrize("ks", [["--k", "10"], ["--k", "5", "--k", "10", "--k", "20"]])
def test_an_evaluation_for_people_cuts_no_figure_off(toolrec: Run, workspace: Path, ks: list[str]) -> None:
    said = toolrec("eval", "--users", "20", *ks, "-w", workspace)
    assert said.returncode == 0
    assert "n = 20 users" in said.stdout
    assert "…" not in said.stdout
    document = json.loads(next(workspace.glob("runs/*-eval-*/report.json")).read_text())
    for row in document["rows"]:
        for name, found in row["metrics"].items():
            spoken = f"{found['mean']:.4f} [{found['low']:.3f}, {found['high']:.3f}]"
            assert spoken in " ".join(said.stdout.split()), (row["name"], name)


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reader_who_leaves_early_is_no_error(
    command_line: Callable[..., list[str]], environment: dict[str, str], explored: Path, flags: list[str]
) -> None:
    """As in `toolrec replay --json | head -1`."""
    argv = command_line("replay", *flags, "-w", explored)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline().startswith(b'{"user_id": "1"' if flags else b"For user 1 ")
        child.stdout.close()
        said = child.stderr.read()
        assert child.wait(timeout=30) == 0
        assert not re.search(b"Error|Traceback|Broken", said)


def on_a_terminal(argv: list[str], environment: dict[str, str]) -> str:
    """What a process writes when both its streams are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as child:
        os.close(theirs)
        written = b""
        while part := _read(ours):
            written += part
        assert child.wait(timeout=30) == 0
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""


def test_a_terminal_gets_colours_unless_it_asked_for_none(
    command_line: Callable[..., list[str]], environment: dict[str, str], explored: Path
) -> None:
    argv = command_line("replay", "--user", "42", "-w", explored)
    assert COLOUR.search(on_a_terminal(argv, environment))
    plain = on_a_terminal(argv, environment | {"NO_COLOR": "1"})
    assert "Thought" in plain
    assert not COLOUR.search(plain)


def test_without_attributes_the_backbone_alone_explores(toolrec: Run, tmp_path: Path) -> None:
    rows = [f"u{user},i{(user + step) % 12},{step}" for user in range(20) for step in range(8)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    assert (
        toolrec("prep", "table", "--interactions", tmp_path / "log.csv", "--name", "bare", "-w", tmp_path).returncode
        == 0
    )
    trained = toolrec("pretrain", "bare", *SMALL, "--max-length", "10", "-w", tmp_path)
    assert f"Next: toolrec eval bare -w {tmp_path}\n" in trained.stderr
    said = toolrec("recommend", "bare", "--user", "u3", "--json", "-w", tmp_path)
    assert (said.returncode, json.loads(said.stdout)["status"]) == (0, "finished")
    assert toolrec("eval", "bare", "-w", tmp_path).returncode == 0


def test_it_is_said_who_made_the_list_and_what_he_was_not_told(toolrec: Run, workspace: Path) -> None:
    said = toolrec("recommend", "--user", "42", "-w", workspace)
    assert said.stderr.endswith(
        "By builtin, which was not told the newest, held-out item (--full-history tells it all).\n"
    )
    assert toolrec("recommend", "--user", "42", "--full-history", "-w", workspace).stderr.endswith("By builtin.\n")
    assert "Surrogate: builtin. Candidate recall" in toolrec("eval", "--users", "5", "-w", workspace).stdout
