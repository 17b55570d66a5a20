"""toolrec replay --what-if, --verify of a model's run, and the pager, as they are typed."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def model_run(
    toolrec: Run, tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, LoopbackServer]:
    """A workspace, a run of five users in it, and the server that was asked (which is gone by now)."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("told") / "w"))
    with LoopbackServer(PlayedSurrogate()) as server:
        said = toolrec(
            *("recommend", "--users", "5", "--out", workspace / "told", "-w", workspace),
            *("--model", "played", "--base-url", server.base_url, "--no-cache"),
        )
    assert said.returncode == 0, said.stderr
    return workspace, workspace / "told", server


def test_a_models_run_is_verified_without_server_or_key(
    toolrec: Run, model_run: tuple[Path, Path, LoopbackServer]
) -> None:
    workspace, run, server = model_run
    count = server.count
    said = toolrec("replay", run, "--verify", "-w", workspace)
    assert (said.returncode, server.count) == (0, count)
    assert "5 users explored anew: every thought, action and observation is as recorded." in said.stderr


def test_what_if_of_a_built_in_run(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    explored = Path(shutil.copytree(explored, tmp_path / "w"))
    said = toolrec("replay", "--what-if", "max-rounds=2", "--what-if", "rank=off", "-w", explored)
    assert said.returncode == 0, said.stderr
    assert "80 users of" in said.stdout
    assert "what if max-rounds=2, rank=off?" in said.stdout
    assert re.search(r"Lists: \d+ of 80 changed. Overlap@10 0\.\d{4} \[", said.stdout)
    assert re.search(r"NDCG@10 +0\.\d{4} \[.*\] +0\.\d{4} \[.*\] +[+-]0\.\d{4} \[", said.stdout)
    path = re.findall(r"Recorded in (\S+)\. Side by side: toolrec replay", said.stderr)[0]
    found = json.loads(toolrec("replay", "--resume", path, "--json", "-w", explored).stdout)
    assert (found["schema_version"], found["supposed"], found["n_users"]) == (1, ["max-rounds=2", "rank=off"], 80)
    assert [row["name"] for row in found["rows"]] == ["as recorded", "what if"]
    shown = toolrec("replay", path, "--user", "7", "--json", "-w", explored)
    assert json.loads(shown.stdout)["max_rounds"] == 2
    beside = toolrec("replay", found["parent"], "--against", path, "--user", "7", "-w", explored)
    assert beside.returncode == 0
    assert "user 7" in beside.stdout


def test_where_nobody_can_be_asked_whether_to_pay_nothing_is_paid(
    toolrec: Run, model_run: tuple[Path, Path, LoopbackServer]
) -> None:
    workspace, run, _ = model_run
    said = toolrec("replay", run, "--what-if", "max-rounds=4", "--json", "-w", workspace)
    assert said.returncode == 5
    found = json.loads(said.stdout)
    assert (found["told"]["n_unasked"], found["rows"], len(found["told"]["departures"])) == (5, None, 5)
    assert "5 users leave the record. At step 1, the system text: 5 users. Users:" in said.stderr
    assert re.search(
        r"To ask played at \S+ for them: \d+ calls, [\d,]+ tokens, dollars n/a to be expected", said.stderr
    )
    go_on = re.findall(r"To ask it: toolrec (replay --resume \S+ --yes -w \S+)", said.stderr)[0]
    assert "interrupted" in toolrec("runs", "-w", workspace).stdout
    with LoopbackServer(PlayedSurrogate()) as server:
        said = toolrec(*go_on.split(), "--base-url", server.base_url)
        drift = "model:endpoint was"
        assert (said.returncode, drift in said.stderr) == (2, True)
        said = toolrec(*go_on.split(), "--base-url", server.base_url, "--allow-drift")
        assert said.returncode == 0, said.stderr
        assert server.count > 5
    assert "Left it: 5, of whom 5 were asked further." in said.stdout
    assert "model:endpoint" in said.stdout


def test_a_budget_stops_a_what_if_resumably(toolrec: Run, model_run: tuple[Path, Path, LoopbackServer]) -> None:
    workspace, run, _ = model_run
    with LoopbackServer(PlayedSurrogate()) as server:
        words = ["--base-url", server.base_url, "--yes", "-w", workspace]
        said = toolrec("replay", run, "--what-if", "max-rounds=4", "--max-calls", "7", *words)
        assert (said.returncode, server.count) == (5, 7)
        go_on = re.findall(r"Go on: toolrec replay --resume (\S+)", said.stderr)[0]
        said = toolrec("replay", "--resume", go_on, *words)
        assert said.returncode == 0, said.stderr
    assert "of whom 5 were asked further" in said.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verify", "--what-if", "rank=off"], "--verify and --what-if exclude each other."),
        (["--yes"], "--yes says nothing here"),
        (["--verify", "--max-cost", "1"], "--max-cost says nothing here"),
        (["--what-if", "rank=off", "--model", "m"], "was explored without a language model: --model says nothing here"),
        (["--what-if", "fusion=bordo"], "There is no fusion 'bordo'. Did you mean 'borda'"),
        (["--what-if", "k=3"], "There is no what-if 'k'"),
    ],
)
def test_what_makes_no_sense_is_refused(toolrec: Run, explored: Path, words: list[str], message: str) -> None:
    from toolrec_cli.storage.run_dir import list_runs

    name = next(run.name for run in list_runs(explored / "runs") if run.manifest.verb == "recommend")
    said = toolrec("replay", name, *words, "-w", explored)
    assert said.returncode == 2
    assert message in said.stderr.replace("\n", " ")
    said = toolrec("replay", "--resume", name, "-w", explored)
    assert (said.returncode, "in which nothing is supposed" in said.stderr) == (2, True)


def at_a_terminal(argv: list[str], typed: bytes = b"", **environment: str) -> tuple[int, str]:
    """Exit code and screen of a process at a terminal of 24 lines, at which something is typed."""
    mine, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "100", **environment}
    child = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    os.write(mine, typed)
    seen = b""
    while select.select([mine], [], [], 60)[0]:
        try:
            part = os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(mine)
    return child.wait(60), seen.decode()


def test_at_a_terminal_a_trace_is_shown_in_the_pager(
    command_line: Callable[..., list[str]], explored: Path, tmp_path: Path
) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\nexec cat > {tmp_path / 'paged'}\n")
    pager.chmod(0o755)
    from toolrec_cli.storage.run_dir import list_runs

    name = next(run.name for run in list_runs(explored / "runs") if run.manifest.verb == "recommend")
    argv = command_line("replay", name, "--user", "7", "-w", explored)
    code, screen = at_a_terminal(argv, PAGER=str(pager))
    assert (code, screen) == (0, "")
    paged = (tmp_path / "paged").read_text()
    assert "Thought" in paged
    assert "For user 7" in paged
    assert "\x1b[" in paged
    (tmp_path / "paged").unlink()
    code, screen = at_a_terminal([*argv, "--no-pager"], PAGER=str(pager))
    assert (code, "For user 7" in screen, (tmp_path / "paged").exists()) == (0, True, False)
    pager.write_text("#!/bin/sh\nhead -1 > /dev/null\n")
    code, screen = at_a_terminal([*command_line("replay", name, "--all", "-w", explored)], PAGER=str(pager))
    assert code == 0, screen


def test_at_a_terminal_it_is_asked_whether_to_pay(
    command_line: Callable[..., list[str]], model_run: tuple[Path, Path, LoopbackServer]
) -> None:
    workspace, run, _ = model_run
    with LoopbackServer(PlayedSurrogate()) as server:
        argv = command_line("replay", run, "--what-if", "max-rounds=3", "--base-url", server.base_url, "-w", workspace)
        code, screen = at_a_terminal(argv, b"n\n")
        assert (code, server.count, "Ask it? [y/N]" in screen) == (5, 0, True)
        code, screen = at_a_terminal(argv, b"y\n")
        assert (code, server.count >= 5) == (0, True)
        assert "5 were asked further" in re.sub(r"\s+", " ", screen)


def test_a_what_if_is_a_run_like_others(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(explored, tmp_path / "w"))
    run = workspace / "runs" / "supposed"
    said = toolrec(
        "replay", "--what-if", "rank=off", "--user", "7", "--user", "42", "--out", run, "--json", "-w", workspace
    )
    assert said.returncode == 0, said.stderr
    parent = json.loads(said.stdout)["parent"]
    shown = json.loads(toolrec("runs", "show", "supposed", "--json", "-w", workspace).stdout)
    assert (shown["run"]["verb"], shown["run"]["users"], parent in shown["run"]["parents"]) == ("what-if", 2, True)
    assert "supposed" in json.loads(toolrec("runs", "show", parent, "--json", "-w", workspace).stdout)["children"]
    exported = toolrec("runs", "export", "supposed", "--out", tmp_path / "lists.jsonl", "-w", workspace)
    assert exported.returncode == 0
    assert {json.loads(line)["user_id"] for line in (tmp_path / "lists.jsonl").open()} == {"7", "42"}
    kept = toolrec("runs", "rm", parent, "--yes", "-w", workspace)
    assert (kept.returncode, "1 runs were made from" in kept.stderr) == (2, True)
    assert toolrec("replay", "--verify", "-w", workspace).returncode == 0, "the newest run is the what-if"
    assert toolrec("runs", "rm", "supposed", "--yes", "-w", workspace).returncode == 0
    assert toolrec("runs", "rm", parent, "--yes", "-w", workspace).returncode == 0


def test_side_by_side(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(explored, tmp_path / "w"))
    run = workspace / "runs" / "supposed"
    said = toolrec("replay", "--what-if", "max-rounds=2", "--user", "7", "--out", run, "--json", "-w", workspace)
    parent = json.loads(said.stdout)["parent"]
    words = ["replay", parent, "--against", run, "-w", workspace]
    whole = toolrec(*words, "--user", "7").stdout
    assert whole.splitlines()[0].strip() == "user 7"
    assert re.search(
        r"^ ?1 +retrieve\(none, k=50\) -> \d+ items +retrieve\(none, k=50\) -> \d+ items", whole, re.MULTILINE
    )
    assert re.search(r"^ ?#10 ", whole, re.MULTILINE)
    one = toolrec(*words, "--user", "7", "--step", "2").stdout
    assert "finish(10 items)" in one
    assert "#10" not in one
    assert "the beginning: max_rounds" in toolrec(*words).stdout
    missing = toolrec(*words, "--user", "42")
    assert (missing.returncode, "There is no user '42'" in missing.stderr) == (2, True)
