"""A model's run that is killed, whenever and however: everybody is there once, and nothing is paid twice but what was under way.

The server outlives the kill and counts every question. Moments as in test_killed_runs.py (KILLS, KILL_SEED).
"""

import json
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import ENDS, KILLED, Zygote, len_of, moments, on_record, until
from polars.testing import assert_frame_equal

from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.comparing import divergence
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.llm.recorded import earlier_exchanges
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import LoopbackServer, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate

N_USERS = 14
AT_ONCE = 4
LATENCY = 0.003
"""Seconds an answer takes, so that there is time to be killed."""

MISDEEDS = ("half a JSON", "invented ids", "k = 0", "no call", "the same again")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as Linux has them")


@dataclass
class Counting:
    """Answers as the played surrogate does, and counts how often each question came since it was last forgotten."""

    play: PlayedSurrogate = field(default_factory=lambda: PlayedSurrogate(0.2, seed=5, misdeeds=MISDEEDS))
    asked: Counter[str] = field(default_factory=Counter[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        with self.lock:
            self.asked[json.dumps(asked, sort_keys=True)] += 1
        return self.play(asked)

    @property
    def again(self) -> int:
        """How many questions had been asked before."""
        return self.asked.total() - len(self.asked)


@dataclass(frozen=True)
class Place:
    """A workspace with a run that nobody disturbed ("whole", of so many questions), and the server that was asked."""

    workspace: Path
    server: LoopbackServer
    counting: Counting
    questions: int

    def words(self, run: Path, *more: str | Path) -> list[str | Path]:
        """The command that begins a run."""
        model = ["--model", "played", "--base-url", self.server.base_url, "--concurrency", str(AT_ONCE)]
        return ["recommend", "--users", str(N_USERS), "--out", run, "-w", self.workspace, *model, *more]

    def again(self, run: Path) -> list[str | Path]:
        """The command that goes on with it; how many questions are under way is no setting of the run."""
        return ["recommend", "--resume", run, "-w", self.workspace, "--concurrency", str(AT_ONCE)]

    def forget(self) -> None:
        """No answer is in the cache, and nobody has asked anything."""
        shutil.rmtree(self.workspace / "cache", ignore_errors=True)
        self.counting.asked.clear()


@pytest.fixture(scope="module")
def place(zygote: Zygote, tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("kill-model") / "w"))
    counting = Counting()
    with LoopbackServer(counting, latency=LATENCY, keep=False) as server:
        found = Place(workspace, server, counting, 0)
        said = zygote.call(*found.words(workspace / "whole"))
        assert said.returncode in (0, 5), said.stderr  # 5: with misdeeds somebody may have a list that memory made
        assert counting.again == 0, "no two questions of this run are alike"
        yield Place(workspace, server, counting, counting.asked.total())


def assert_as_if_nothing_had_happened(run: Path, place: Place) -> None:
    """Everybody once, with the same exploration; tables, usage and manifest agree with it; and it can be verified."""
    whole, manifest = place.workspace / "whole", open_run(run).manifest
    assert manifest.status == "done"
    then = {each.user_id: each for each in read_trajectories(whole / "trajectories.jsonl")}
    now = list(read_trajectories(run / "trajectories.jsonl"))
    assert sorted(each.user_id for each in now) == sorted(then)
    assert [divergence(then[each.user_id], each) for each in now] == [None] * N_USERS
    for name in ("rankings.parquet", "steps.parquet", "asked.parquet"):
        assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(whole / name))
    assert manifest.outputs == {path.name: file_digest(path) for path in run.iterdir() if path.name != "run.json"}
    usage = pl.read_parquet(run / "usage.parquet")
    assert sorted(usage["user_id"]) == sorted(then)
    used = manifest.result["usage"]
    exchanges = list(earlier_exchanges(run / "exchanges.jsonl"))
    paid = sum(not each.reply.from_cache for each in exchanges)
    assert (used["calls"], used["cache_hits"]) == (paid, len(exchanges) - paid)
    assert usage.select("calls", "cache_hits").sum().row(0) == (paid, len(exchanges) - paid)
    assert verify(Setting(place.workspace), Dataset(place.workspace / "datasets" / "sample"), open_run(run)) == N_USERS


@pytest.mark.parametrize(("n", "kind", "when"), moments(6))
def test_killed_at_any_moment_it_goes_on_and_pays_for_nothing_twice(
    zygote: Zygote, place: Place, tmp_path: Path, n: int, kind: str, when: float, record_property: Callable[..., None]
) -> None:
    """Every other time it is killed once more while it goes on; every fourth keeps no answers: then only who was under way is
    asked again."""
    place.forget()
    run, asked, cached = tmp_path / "run", place.counting.asked, n % 4 != 3
    words, kills, under_way = place.words(run, *([] if cached else ["--no-cache"])), 0, Counter[str]()
    for nth in range(1 + n % 2):
        before = asked.total()
        child = zygote.start(*(words if nth == 0 or not run.exists() else place.again(run)), slow=0)
        wanted = before + int(when * (place.questions - len(asked)))
        until(lambda wanted=wanted: asked.total() > wanted or (run / "rankings.parquet").exists(), child)
        time.sleep(when * 2 * LATENCY)
        child.send(getattr(signal, kind))
        said = child.end()
        there = on_record(run)
        assert len(there) == len(set(there))
        assert said.returncode in (0, 5, ENDS[kind]), said.stderr
        kills += said.returncode == ENDS[kind]
        lost = [each for each in exchanges_of(run) if each.label not in there]
        under_way.update(each.label or "" for each in lost)
    said = zygote.call(*(place.again(run) if run.exists() else words))
    assert said.returncode in (0, 5), said.stderr
    assert_as_if_nothing_had_happened(run, place)
    assert len(asked) == place.questions, "no question was asked that an undisturbed run would not have asked"
    allowed = AT_ONCE * kills + (0 if cached else under_way.total())
    assert place.counting.again <= allowed, f"{place.counting.again} were asked again: {said.stderr}"
    told = {"kills": kills, "resumed": int(kills > 0), "questions": len(asked), "re-asked": place.counting.again}
    record_property(KILLED, {"who": "model" if cached else "no cache", "signal": kind, **told})


def exchanges_of(run: Path) -> list[Any]:
    return list(earlier_exchanges(run / "exchanges.jsonl"))


def test_torn_last_lines_are_cut_off_and_paid_answers_kept(zygote: Zygote, place: Place, tmp_path: Path) -> None:
    """As when the power fails: the last line of either log is half there, and the cache still has its answer."""
    place.forget()
    run = tmp_path / "run"
    child = zygote.start(*place.words(run), slow=0)
    until(lambda: len_of(run) >= 5, child)
    child.send(signal.SIGKILL)
    child.end()
    for name in ("exchanges.jsonl", "trajectories.jsonl"):
        log = run / name
        whole = log.read_bytes()[: log.read_bytes().rfind(b"\n") + 1]
        last = whole.splitlines(keepends=True)[-1]
        log.write_bytes(whole[: -len(last)] + last[: len(last) // 2])
    assert zygote.call(*place.again(run)).returncode in (0, 5)
    assert_as_if_nothing_had_happened(run, place)
    assert place.counting.again <= AT_ONCE
    assert open_run(run).manifest.resumed[0]["torn_bytes"] > 0


@pytest.mark.parametrize("cached", [True, False])
def test_a_disk_that_fills_up_costs_no_more_than_the_calls_under_way(
    zygote: Zygote, place: Place, tmp_path: Path, cached: bool
) -> None:
    """Whichever file is full first, cache or record: what was answered and cannot be kept is what was under way."""
    place.forget()
    run = tmp_path / "run"
    said = zygote.call(*place.words(run, *([] if cached else ["--no-cache"])), limit=200_000)
    assert said.returncode == 3, said.stderr
    assert "Make room" in said.stderr
    assert 0 < place.counting.asked.total() < place.questions
    there = on_record(run)
    assert len(there) == len(set(there))
    assert zygote.call(*place.again(run)).returncode in (0, 5)
    assert_as_if_nothing_had_happened(run, place)
    assert place.counting.again <= AT_ONCE


def but_usage(report: Any) -> Any:
    """A report but for what it took: a call in flight when the run is killed is paid again."""
    rows = {name: {**row, "usage": None} for name, row in report["llm_rows"].items()}
    return {**report, "usage": None, "llm_rows": rows}


def test_an_evaluation_with_a_model_goes_on_to_the_same_report(zygote: Zygote, place: Place, tmp_path: Path) -> None:
    """Killed while it explores, and again while the baseline that explores nothing is asked."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    model = ["--model", "played", "--base-url", place.server.base_url, "--concurrency", str(AT_ONCE)]
    words = ["eval", "--users", "12", "--baselines", "llm-rank", "-w", place.workspace, *model]
    place.forget()
    assert zygote.call(*words, "--out", whole).returncode in (0, 5)
    questions = place.counting.asked.total()
    place.forget()
    child = zygote.start(*words, "--out", run, slow=0)
    until(lambda: len_of(run) >= 4, child)
    child.send(signal.SIGKILL)
    child.end()
    resume = ["eval", "--resume", run, "-w", place.workspace, "--concurrency", str(AT_ONCE)]
    child = zygote.start(*resume, slow=0)
    until(lambda: len_of(run) == 12, child)
    child.send(signal.SIGKILL)
    child.end()
    said = zygote.call(*resume, "--json")
    assert said.returncode in (0, 5), said.stderr
    expected = json.loads((whole / "report.json").read_text())
    assert but_usage(json.loads(said.stdout)) == but_usage(expected)
    for name in ("rankings.parquet", "per_user.parquet", "steps.parquet"):
        assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(whole / name))
    assert len(place.counting.asked) == questions
    assert place.counting.again <= 2 * AT_ONCE
