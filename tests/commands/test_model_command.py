"""toolrec recommend --model and eval --model, typed, against a server on loopback that plays the model."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from socket import socket
from subprocess import PIPE, CompletedProcess, Popen
from typing import Any

import polars as pl
import pytest

from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import PlayedSurrogate

Run = Callable[..., CompletedProcess[str]]
SECRET = "sk-very-secret-0123456789"


pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def asking(server: LoopbackServer, *words: str) -> list[str]:
    return ["--model", "played", "--base-url", server.base_url, *words]


def questions(server: LoopbackServer) -> list[str]:
    """The bodies that were received, as text."""
    return [json.dumps(each.body, sort_keys=True) for each in server.received]


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
def test_an_evaluation_in_every_protocol(toolrec: Run, workspace: Path, protocol: str) -> None:
    with LoopbackServer(PlayedSurrogate()) as server:
        said = toolrec(
            "eval",
            "--users",
            "6",
            "--json",
            "-w",
            workspace,
            "--out",
            workspace / "e",
            *asking(server, "--protocol", protocol),
        )
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    names = [row["name"] for row in report["rows"]]
    assert names[-2:] == ["surrogate:builtin", "surrogate"]
    assert (report["surrogate"], report["statuses"], report["failures"]) == ("played", {"finished": 6}, [])
    manifest = open_run(workspace / "e").manifest
    assert manifest.inputs["model"] == "played"
    assert manifest.inputs["model:endpoint"] == server.base_url
    assert manifest.inputs["model:protocol"] == protocol
    assert re.fullmatch(r"films/2 [0-9a-f]{64}", manifest.inputs["model:prompt"])
    used = manifest.result["usage"]
    assert (used["calls"], used["cache_hits"], used["dollars"]) == (server.count, 0, None)
    assert report["usage"] == used
    exchanges = (workspace / "e" / "exchanges.jsonl").read_text().splitlines()
    assert len(exchanges) == server.count
    each = pl.read_parquet(workspace / "e" / "usage.parquet")
    assert (len(each), each["calls"].sum(), each["input_tokens"].sum()) == (6, server.count, used["input_tokens"])
    assert f"{server.count} calls, 0 answers from the cache, " in said.stderr


def test_one_user_is_traced_and_replayed(toolrec: Run, workspace: Path) -> None:
    with LoopbackServer(PlayedSurrogate()) as server:
        said = toolrec("recommend", "--user", "42", "--trace", "--json", "-w", workspace, *asking(server))
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout)
    assert (document["surrogate"], document["status"], len(document["items"])) == ("played", "finished", 10)
    assert "I miss something." in said.stderr
    assert "The surrogate went untuned" not in said.stderr
    again = toolrec("replay", "-w", workspace)
    assert again.returncode == 0
    assert "I miss something." in again.stdout + again.stderr
    record = json.loads(toolrec("replay", "--json", "-w", workspace).stdout)
    assert record["brief"]["protocol"] == "json"
    asked = server.count
    verified = toolrec("replay", "--verify", "-w", workspace)
    assert (verified.returncode, server.count) == (0, asked)
    assert "1 user explored anew: every thought, action and observation is as recorded." in verified.stderr


def test_a_dry_run_asks_nothing(toolrec: Run, workspace: Path) -> None:
    with LoopbackServer(PlayedSurrogate()) as server:
        prices = ["--price-input", "1", "--price-output", "2"]
        said = toolrec("eval", "--users", "20", "--dry-run", "--json", "-w", workspace, *asking(server, *prices))
        assert (said.returncode, server.count) == (0, 0), said.stderr
        bill = json.loads(said.stdout)
        shown = toolrec("recommend", "--users", "20", "--dry-run", "-w", workspace, *asking(server))
        assert (shown.returncode, server.count) == (0, 0), shown.stderr
        spent = json.loads(
            toolrec("eval", "--users", "20", "--json", "-w", workspace, *asking(server, *prices)).stdout
        )["usage"]
    assert (bill["users"], bill["model"], bill["protocol"]) == (20, "played", "json")
    assert bill["expected"]["calls"] == 20 * 6
    most = bill["at_most"]
    assert most["calls"] > spent["calls"] > 0
    assert most["input_tokens"] > bill["expected"]["input_tokens"] > 0
    assert most["dollars"] > spent["dollars"] > 0
    assert "nothing was asked" in " ".join(shown.stdout.split())
    assert "n/a" in shown.stdout
    assert not list((workspace / "runs").glob("*-eval-*20-users*"))


@pytest.mark.parametrize("cache", ["--cache", "--no-cache"])
def test_a_budget_stops_the_run_and_what_is_paid_is_not_paid_again(toolrec: Run, workspace: Path, cache: str) -> None:
    run = workspace / "r"
    with LoopbackServer(PlayedSurrogate()) as server:
        words = asking(server, "--max-calls", "23", "--concurrency", "3", cache)
        said = toolrec("recommend", "--users", "12", "--out", run, "-w", workspace, *words)
        assert said.returncode == 5, said.stderr
        assert "The budget does not allow another call: 23 of 23 calls are made." in said.stderr
        assert f"Go on: toolrec recommend --resume {run}" in said.stderr
        manifest = open_run(run).manifest
        assert (manifest.status, manifest.result["usage"]["calls"], server.count) == ("interrupted", 23, 23)
        assert manifest.result["usage"]["failures"] == 0
        assert "Asked so far: 23 calls · " in said.stderr
        again = toolrec("recommend", "--resume", run, "-w", workspace)
        assert (again.returncode, server.count) == (5, 23), "what was spent before counts"
        rest = toolrec("recommend", "--resume", run, "--max-calls", "1000", "-w", workspace)
        assert rest.returncode == 0, rest.stderr
    asked = questions(server)
    assert len(asked) == len(set(asked)), "a question was paid for twice"
    manifest = open_run(run).manifest
    assert (manifest.status, manifest.result["usage"]["calls"]) == ("done", server.count)
    recorded = [json.loads(line)["user_id"] for line in (run / "trajectories.jsonl").open()]
    assert len(recorded) == len(set(recorded)) == 12


def test_another_model_or_prompt_is_not_gone_on_with(toolrec: Run, workspace: Path) -> None:
    run = workspace / "r"
    with LoopbackServer(PlayedSurrogate()) as server:
        toolrec("recommend", "--users", "12", "--out", run, "-w", workspace, *asking(server, "--max-calls", "20"))
        free = ["--max-calls", "1000", "--concurrency", "2", "--timeout", "60", "--no-cache"]
        for typed, name in (
            (["--model", "another"], "inputs.model was 'played', now 'another'"),
            (["--protocol", "react"], "inputs.model:protocol was 'json', now 'react'"),
            (["--prompt", "books"], "inputs.model:prompt was "),
            (["--rank-samples", "3"], "plan.model.samples was 1, now 3"),
        ):
            said = toolrec("recommend", "--resume", run, "-w", workspace, *free, *typed)
            assert said.returncode == 2
            assert name in said.stderr
        assert toolrec("recommend", "--resume", run, "-w", workspace, *free).returncode == 0


@pytest.mark.parametrize("protocol", ["json", "tools", "react"])
def test_the_lists_are_the_same_one_by_one_and_eight_at_once(toolrec: Run, workspace: Path, protocol: str) -> None:
    for n in ("1", "8"):
        with LoopbackServer(PlayedSurrogate(misbehave=0.2, seed=3), latency=0.002) as server:
            words = asking(server, "--concurrency", n, "--no-cache", "--rank-samples", "2", "--protocol", protocol)
            said = toolrec("recommend", "--users", "24", "--out", workspace / n, "-w", workspace, *words)
            assert said.returncode in (0, 5), said.stderr
    one, eight = (pl.read_parquet(workspace / n / "rankings.parquet") for n in ("1", "8"))
    assert one.equals(eight)


def test_a_refused_key_stops_with_what_to_do_and_is_nowhere(
    toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLREC_API_KEY", SECRET)
    with LoopbackServer(PlayedSurrogate(), key="another") as server:
        said = toolrec("recommend", "--user", "42", "-w", workspace, *asking(server, "--trace"))
    assert said.returncode == 4
    assert "refuses the key from" in said.stderr
    assert "Hint: Check that the key belongs to this server" in said.stderr
    with LoopbackServer(PlayedSurrogate(), key=SECRET) as server:
        good = toolrec("eval", "--users", "5", "-w", workspace, *asking(server, "--no-cache"))
        cached = toolrec("recommend", "--user", "42", "-w", workspace, *asking(server, "--trace"))
    assert (good.returncode, cached.returncode) == (0, 0), good.stderr
    assert SECRET not in said.stderr + said.stdout + good.stderr + good.stdout + cached.stderr + cached.stdout
    files = [path for path in workspace.rglob("*") if path.is_file()]
    assert any(path.name == "exchanges.jsonl" for path in files)
    assert any(path.name == "replies.sqlite" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_a_server_that_repeats_the_key_at_every_turn_gets_it_into_no_file(
    toolrec: Run, workspace: Path, tmp_path: Path
) -> None:
    """In thoughts and in what it says when it fails; the key being in a file or in .env."""
    play, count = PlayedSurrogate(), 0

    def script(asked: dict[str, Any]) -> Scripted:
        nonlocal count
        count += 1
        if count in (9, 10):
            raise ValueError(f"content_policy_violation, and your key is {SECRET}")
        said = play(asked)
        return replace(said, text=said.text.replace("I miss something.", f"{SECRET} is your key."))

    named, run = tmp_path / "key", workspace / "r"
    (workspace / ".env").write_text(f"OTHER=1\nTOOLREC_API_KEY={SECRET}\n")
    for path in (named, workspace / ".env"):
        path.touch()
        path.chmod(0o600)
    named.write_text(SECRET)
    with LoopbackServer(script, key=SECRET) as server:
        words = asking(server, "--key-file", str(named), "--concurrency", "2", "--max-calls", "30")
        first = toolrec("eval", "--users", "12", "--out", run, "-w", workspace, *words)
        rest = toolrec("eval", "--resume", run, "--max-calls", "1000", "-w", workspace)
        traced = toolrec("recommend", "--user", "42", "-w", workspace, *asking(server, "--trace", "--no-cache"))
        shown = toolrec("replay", run, "--all", "-w", workspace)
    assert (first.returncode, rest.returncode, traced.returncode, shown.returncode) == (5, 5, 0, 0), rest.stderr
    assert "[key] is your key." in traced.stderr, "else the test proves nothing"
    said = "".join(each.stdout + each.stderr for each in (first, rest, traced, shown))
    files = [path for path in workspace.rglob("*") if path.is_file() and path.name != ".env"]
    assert {"exchanges.jsonl", "failures.log", "trajectories.jsonl", "steps.parquet", "run.json", "replies.sqlite"} <= {
        path.name for path in files
    }
    assert SECRET not in said
    assert [path for path in files if SECRET.encode() in contents(path)] == []


def contents(path: Path) -> bytes:
    """What is in a file; of a table, its values."""
    return str(pl.read_parquet(path).rows()).encode() if path.suffix == ".parquet" else path.read_bytes()


def test_a_server_that_goes_away_stops_the_run_resumably(toolrec: Run, workspace: Path) -> None:
    run, count = workspace / "r", 0
    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        nonlocal count
        count += 1
        return Scripted(fault=Fault.UNAVAILABLE) if 20 < count <= 40 else play(asked)

    with LoopbackServer(script) as server:
        words = asking(server, "--max-retries", "1", "--concurrency", "2")
        said = toolrec("eval", "--users", "12", "--out", run, "-w", workspace, *words)
        assert said.returncode == 4, said.stderr
        assert f"Go on: toolrec eval --resume {run}" in said.stderr
        assert open_run(run).manifest.result["usage"]["failures"] >= 1
        count = 100
        again = toolrec("eval", "--resume", run, "--json", "-w", workspace)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["statuses"] == {"finished": 12}


def test_a_question_refused_for_its_content_is_one_users_failure(toolrec: Run, workspace: Path) -> None:
    refused: set[str] = set()
    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        who = asked["messages"][1]["content"]
        if not refused and len(asked["messages"]) == 2:
            refused.add(who)
        return Scripted(fault=Fault.CONTENT) if who in refused else play(asked)

    with LoopbackServer(script) as server:
        said = toolrec("eval", "--users", "6", "--json", "-w", workspace, *asking(server))
    assert said.returncode == 5, said.stderr
    report = json.loads(said.stdout)
    assert report["statuses"] == {"failed": 1, "finished": 5}
    (failure,) = report["failures"]
    assert "refuses the question for its content" in failure["reason"]
    assert "1 of 6 have no list, and count as misses: see the status." in said.stderr


@pytest.mark.parametrize("fault", [Fault.EMPTY_BODY, Fault.HTML, Fault.HALF_JSON])
def test_one_answer_that_is_none_is_asked_for_again(toolrec: Run, workspace: Path, fault: Fault) -> None:
    play, count = PlayedSurrogate(), 0

    def script(asked: dict[str, Any]) -> Scripted:
        nonlocal count
        count += 1
        return replace(play(asked), fault=fault) if count in (1, 50, 51) else play(asked)

    with LoopbackServer(script) as server:
        out = ["--out", workspace / "r", "-w", workspace]
        said = toolrec("recommend", "--users", "40", *out, *asking(server, "--concurrency", "1"))
    assert said.returncode == 0, said.stderr
    used = open_run(workspace / "r").manifest.result["usage"]
    assert (used["failures"], used["retries"], used["calls"]) == (0, 3, server.count - 3)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.EMPTY_BODY])
@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_a_question_that_the_server_fails_at_is_one_users_failure(
    toolrec: Run, workspace: Path, fault: Fault, concurrency: str
) -> None:
    """With one question at a time it must not be the first: nobody was answered before it, nor is while it waits."""
    play, users = PlayedSurrogate(), list[str]()

    def script(asked: dict[str, Any]) -> Scripted:
        who = asked["messages"][1]["content"]
        if len(read_request(asked).legal) and who not in users:
            users.append(who)
        place = 2 if concurrency == "1" else 0
        return Scripted(fault=fault) if users[place : place + 1] == [who] else play(asked)

    with LoopbackServer(script) as server:
        words = asking(server, "--concurrency", concurrency, "--max-retries", "2")
        said = toolrec("eval", "--users", "20", "--json", "-w", workspace, "--out", workspace / "e", *words)
    assert said.returncode == 5, said.stderr
    assert json.loads(said.stdout)["statuses"] == {"failed": 1, "finished": 19}
    assert open_run(workspace / "e").manifest.status == "done"


def test_a_server_that_fails_at_everything_is_nobodys_own_failure(toolrec: Run, workspace: Path) -> None:
    """Whether it never answers, or from some question on: who got no answer is asked again by --resume."""
    play, count = PlayedSurrogate(), 0

    def script(asked: dict[str, Any]) -> Scripted:
        nonlocal count
        count += 1
        return Scripted(fault=Fault.SERVER_ERROR) if 30 < count <= 60 else play(asked)

    with LoopbackServer(lambda asked: Scripted(fault=Fault.SERVER_ERROR)) as server:
        said = toolrec("eval", "--users", "20", "-w", workspace, *asking(server, "--max-retries", "1"))
    assert (said.returncode, "failed 2 times (500: The server had an error.)" in said.stderr) == (4, True)
    with LoopbackServer(script) as server:
        words = asking(server, "--max-retries", "0", "--concurrency", "8", "--out", str(workspace / "e"))
        said = toolrec("eval", "--users", "20", "-w", workspace, *words)
        assert said.returncode == 4, said.stderr
        assert "5 questions in a row were not answered." in said.stderr
        count = 100
        rest = toolrec("eval", "--resume", workspace / "e", "--json", "-w", workspace)
    assert rest.returncode == 0, rest.stderr
    assert json.loads(rest.stdout)["statuses"] == {"finished": 20}


def test_a_baseline_that_orders_nothing_is_in_the_exit_code(toolrec: Run, workspace: Path) -> None:
    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        once = "The 20 candidates:" in asked["messages"][1]["content"]
        return Scripted("I cannot decide.") if once else play(asked)

    with LoopbackServer(script) as server:
        words = ["--users", "6", "--baselines", "llm-rank", "-w", workspace]
        said = toolrec("eval", *words, *asking(server))
    assert said.returncode == 5, said.stderr
    assert "6 of 6 have no list in the row llm-rank, and count as misses there." in said.stderr
    shown = " ".join(said.stdout.split())
    assert "llm-rank: 0 of 6 lists are the model's own, 0 filled up from the tools, 6 missing" in shown


def test_all_ways_without_exploring_are_rows_of_their_own(toolrec: Run, workspace: Path) -> None:
    rows = ["chat-rec", "llm-multi", "llm-plan", "llm-rank", "llm-single"]
    with LoopbackServer(PlayedSurrogate()) as server:
        words = ["eval", "--users", "6", "--baselines", "llm,popularity", "-w", workspace, *asking(server)]
        bill = json.loads(toolrec(*words, "--dry-run", "--json").stdout)
        assert server.count == 0
        said = toolrec(*words)
        assert said.returncode == 0, said.stderr
        document = json.loads(toolrec(*words, "--json").stdout)
    assert bill["expected"]["calls"] == 6 * (5 + 1 + 6)
    assert list(document["llm_rows"]) == rows
    names = [row["name"] for row in document["rows"]]
    assert [name for name in names if name in [*rows, "popularity"]] == ["popularity", *rows]
    shown = " ".join(said.stdout.split())
    for name in rows:
        assert f"{name}: 6 of 6 lists are the model's own" in shown
    assert "because no answer came; 6 calls, 0 answers from the cache" in shown


def test_a_list_that_memory_made_is_in_the_exit_code(toolrec: Run, workspace: Path) -> None:
    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        return play(asked) if len(asked["messages"]) == 2 else Scripted("I cannot decide.")

    with LoopbackServer(script) as server:
        said = toolrec("recommend", "--user", "42", "--json", "-w", workspace, *asking(server))
    assert said.returncode == 5
    document = json.loads(said.stdout)
    assert (document["status"], len(document["items"])) == ("forced", 10)
    assert "1 of 1 have a list that memory made, since the model finished none." in said.stderr


def test_a_server_that_refuses_everything_is_nobodys_own_failure(toolrec: Run, workspace: Path) -> None:
    with LoopbackServer(lambda asked: Scripted(fault=Fault.CONTENT)) as server:
        said = toolrec("eval", "--users", "20", "-w", workspace, *asking(server))
    assert said.returncode == 4
    assert "None of 5 questions was answered." in said.stderr


def test_what_is_about_a_model_needs_one(toolrec: Run, workspace: Path) -> None:
    for words in (["--base-url", "http://localhost:1/v1"], ["--dry-run"], ["--max-cost", "1"]):
        said = toolrec("recommend", "--user", "42", "-w", workspace, *words)
        assert said.returncode == 2
        assert "is about a language model, and none is named." in said.stderr
        assert "--model NAME" in said.stderr
    said = toolrec("eval", "--baselines", "llm-rank", "-w", workspace)
    assert (said.returncode, "The baseline llm-rank is a language model's." in said.stderr) == (2, True)
    said = toolrec("eval", "--baselines", "llm-rnk", "-w", workspace)
    assert (said.returncode, "There is no baseline 'llm-rnk'." in said.stderr) == (2, True)
    said = toolrec("eval", "--ablate", "rounds", "--model", "m", "-w", workspace)
    assert (said.returncode, "--ablate rounds is of the built-in surrogate." in said.stderr) == (2, True)


def free_port() -> int:
    with closing(socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_run_that_goes_on_keeps_its_pace_unless_another_is_typed(toolrec: Run, workspace: Path) -> None:
    """The greatest number of questions that were under way at once, at a server that takes its time."""
    run, pace = workspace / "r", {"concurrency": "2", "rpm": "6000", "max-retries": "1", "timeout": "50"}
    typed = [word for name, value in pace.items() for word in (f"--{name}", value)]
    gauge = Gauge(PlayedSurrogate())
    with LoopbackServer(gauge, latency=0.05) as server:
        gauge.latency = 0.05
        words = ("recommend", "--resume", run, "-w", workspace)
        toolrec(
            "recommend", "--users", "30", "--out", run, "-w", workspace, *asking(server, *typed, "--max-calls", "12")
        )
        assert gauge.most() == 2
        assert toolrec(*words, "--max-calls", "40").returncode == 5
        assert gauge.most() == 2
        assert toolrec(*words, "--max-calls", "1000", "--concurrency", "7").returncode == 0
        assert 2 < gauge.most() <= 7
    settings = open_run(run).manifest.settings
    assert {name: settings[name.replace("-", "_")]["value"] for name in pace} == {
        name: float(value) for name, value in pace.items()
    }


class Gauge:
    """A script that counts how many questions come within one latency."""

    def __init__(self, script: PlayedSurrogate) -> None:
        self._script, self.latency = script, 0.0
        self._times: list[float] = []

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        self._times.append(time.monotonic())
        return self._script(asked)

    def most(self) -> int:
        """Of the questions since the last time."""
        times, self._times = self._times, []
        within = 0.9 * self.latency
        return max(sum(0 <= other - time_ < within for other in times) for time_ in times)


@pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")
@pytest.mark.parametrize("cache", ["--cache", "--no-cache"])
def test_killed_and_resumed_every_user_is_there_once_and_little_is_paid_twice(
    toolrec: Run, command_line: Callable[..., list[str]], environment: dict[str, str], workspace: Path, cache: str
) -> None:
    run, in_flight = workspace / "r", 4
    log = run / "trajectories.jsonl"
    with LoopbackServer(PlayedSurrogate(), latency=0.02, port=free_port()) as server:
        words = asking(server, "--concurrency", str(in_flight), cache)
        argv = command_line("recommend", "--users", "all", "--out", run, "-w", workspace, *words)
        child = Popen(argv, env={**environment, "OMP_NUM_THREADS": "1"}, stdout=PIPE, stderr=PIPE)
        deadline = time.monotonic() + 60
        while not (log.exists() and log.read_bytes().count(b"\n") >= 15):
            assert child.poll() is None, child.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        time.sleep(0.1)  # what was under way when it died has arrived
        before = server.count
        said = toolrec("recommend", "--resume", run, "-w", workspace, "--concurrency", str(in_flight))
        assert said.returncode == 0, said.stderr
    asked = questions(server)
    assert before < len(asked) <= len(set(asked)) + in_flight
    recorded = [json.loads(line)["user_id"] for line in log.open()]
    assert len(recorded) == len(set(recorded)) == 80
    used = open_run(run).manifest.result["usage"]
    assert len(set(asked)) - in_flight <= used["calls"] <= len(asked)
