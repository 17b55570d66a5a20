"""A language model's users on two machines of a cluster: its budget, pace, record and key stay with the first process.

Needs the extra `ray`: run by `make test-ray`. The server is a real one, on loopback.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from two_machines import PATIENCE, another_machine, everybody, on, opened, processes

from toolrec_cli.agent.codec import read_trajectories
from toolrec_cli.agent.comparing import divergence
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.trajectory import Trajectory
from toolrec_cli.errors import BudgetSpent, ProviderError, WorkerLost
from toolrec_cli.llm import budgeted
from toolrec_cli.llm.recorded import read_exchanges
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.running import Pace
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate

N_USERS, AT_ONCE, LATENCY = 24, 4, 0.01
MISDEEDS = ("half a JSON", "invented ids", "k = 0", "no call", "the same again")


@dataclass
class Counting:
    """Answers as the played surrogate does, never twice the same (`fresh`); knows when each question came and how often."""

    fresh: bool = False
    play: PlayedSurrogate = field(default_factory=lambda: PlayedSurrogate(0.2, seed=5, misdeeds=MISDEEDS))
    asked: Counter[str] = field(default_factory=Counter[str])
    came: list[float] = field(default_factory=list[float])
    at: dict[int, Callable[[], object]] = field(default_factory=dict[int, Callable[[], object]])
    """What happens when so many questions have come."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        self.asked[json.dumps(asked, sort_keys=True)] += 1
        self.came.append(time.monotonic())
        if happens := self.at.get(len(self.came)):
            threading.Thread(target=happens).start()
        said = self.play(asked)
        more = f"I miss something, {next(self._numbers)}." if self.fresh else "I miss something."
        return replace(said, text=said.text.replace("I miss something.", more))

    @property
    def again(self) -> int:
        return self.asked.total() - len(self.asked)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def server(counting: Counting) -> Iterator[LoopbackServer]:
    with LoopbackServer(counting, latency=LATENCY, keep=False) as running:
        yield running


@pytest.fixture(scope="module")
def place(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace to make many runs in; `whole` in it is a run in this process that nobody disturbed."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("ray-model") / "w"))
    with LoopbackServer(Counting(), keep=False) as server:
        setting = Setting(workspace, out=workspace / "whole")
        explore_all(setting, opened(workspace), asked_of(workspace), planned(server), pace=Pace(AT_ONCE))
    return workspace


def asked_of(workspace: Path) -> list[str]:
    return everybody(workspace)[:N_USERS]


def planned(server: LoopbackServer, cache: Path | None = None, **options: Any) -> AgentPlan:
    asked = ModelOptions("played", server.base_url, concurrency=AT_ONCE, cache=cache, max_retries=0, **options)
    return AgentPlan(limits=Limits(6, 5), model=ModelPlan(asked))


def by_user(run: Path) -> dict[str, Trajectory]:
    return {each.user_id: each for each in read_trajectories(run / "trajectories.jsonl")}


def assert_all_there(run: Path, place: Path, *, n_asked: int | None = None) -> None:
    """Everybody once; every exchange on record once, and counted; the record verifies; `n_asked`: paid calls."""
    manifest = open_run(run).manifest
    assert manifest.status == "done"
    lines = list(read_trajectories(run / "trajectories.jsonl"))
    assert sorted(each.user_id for each in lines) == sorted(asked_of(place))
    exchanges = read_exchanges(run / "exchanges.jsonl")
    paid = sum(not each.reply.from_cache for each in exchanges)
    assert manifest.result["usage"]["calls"] == paid
    assert n_asked in (None, paid)
    usage = pl.read_parquet(run / "usage.parquet")
    assert dict(usage.select("user_id", "calls").iter_rows()) == Counter(
        each.label for each in exchanges if not each.reply.from_cache
    )
    assert verify(Setting(place), opened(place), open_run(run)) == N_USERS
    assert not (run / "shards").exists()


def test_two_machines_explore_as_one_process_does(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting
) -> None:
    run, outcome = explore_all(
        Setting(place, out=tmp_path / "r"), opened(place), asked_of(place), planned(server), pace=on(cluster, AT_ONCE)
    )
    assert outcome.asked == N_USERS
    assert_all_there(run.path, place, n_asked=server.count)
    assert counting.again == 0
    then, now = by_user(place / "whole"), by_user(run.path)
    assert [divergence(then[user], now[user]) for user in then] == [None] * N_USERS
    for name in ("rankings.parquet", "steps.parquet"):
        assert_frame_equal(pl.read_parquet(run.path / name), pl.read_parquet(place / "whole" / name))


def kill_a_station(killed: list[int]) -> None:
    for pid in processes(b"ray::Station")[:1]:
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)


def test_of_a_killed_process_no_answer_is_paid_for_twice(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting
) -> None:
    """Two are killed; there is no cache, and the model never says the same twice: each user ends with the answers he had."""
    counting.fresh, killed = True, list[int]()
    counting.at = {n: lambda: kill_a_station(killed) for n in (25, 60)}
    run, _ = explore_all(
        Setting(place, out=tmp_path / "r"), opened(place), asked_of(place), planned(server), pace=on(cluster, AT_ONCE)
    )
    assert len(set(killed)) == 2
    assert counting.again == 0
    assert_all_there(run.path, place, n_asked=server.count)


def test_a_machine_that_is_lost_costs_nobody(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting
) -> None:
    third = another_machine(cluster)
    lost = threading.Event()
    counting.at = {40: lambda: (cluster.remove_node(third, allow_graceful=False), lost.set())}
    run, _ = explore_all(
        Setting(place, out=tmp_path / "r"), opened(place), asked_of(place), planned(server), pace=on(cluster, AT_ONCE)
    )
    assert lost.wait(PATIENCE)
    assert counting.again == 0
    assert_all_there(run.path, place, n_asked=server.count)


def test_pace_holds_over_all_machines(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting
) -> None:
    rpm = 900.0  # fifteen a second
    setting = Setting(place, out=tmp_path / "r")
    explore_all(setting, opened(place), asked_of(place), planned(server, rpm=rpm), pace=on(cluster, AT_ONCE))
    came = counting.came
    for first, last in itertools.combinations(range(len(came)), 2):
        assert last - first + 1 <= rpm / 60 + (came[last] - came[first] + 0.25) * rpm / 60 + 1
    beside = max(sum(0 <= now - then < 0.9 * LATENCY for then in came[: n + 1]) for n, now in enumerate(came))
    assert beside <= AT_ONCE


@pytest.mark.parametrize("begun_there", [True, False])
def test_a_budget_holds_and_the_run_goes_on_with_the_other_runner(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting, begun_there: bool
) -> None:
    paces = [on(cluster, AT_ONCE), Pace(AT_ONCE)]
    first, second = paces if begun_there else paces[::-1]
    setting, counting.fresh = Setting(place, out=tmp_path / "r"), True
    plan = planned(server, limits=budgeted.Limits(calls=50))
    with pytest.raises(BudgetSpent, match="50 of 50 calls are made"):
        explore_all(setting, opened(place), asked_of(place), plan, pace=first)
    assert server.count == 50
    there = by_user(tmp_path / "r")
    assert 0 < len(there) < N_USERS
    again = Again(open_run(tmp_path / "r"))
    run, outcome = explore_all(setting, opened(place), asked_of(place), planned(server), again=again, pace=second)
    assert outcome.asked == N_USERS - len(there)
    assert counting.again == 0
    assert_all_there(run.path, place, n_asked=server.count)


def test_a_key_goes_nowhere(cluster: Any, place: Path, tmp_path: Path, counting: Counting) -> None:
    """Not to the machines, nor into what Ray or the run write down."""
    key = "sk-test-0123456789abcdef"
    setting = Setting(place, out=tmp_path / "r", environment={"TOOLREC_API_KEY": key})
    with LoopbackServer(counting, key=key, keep=False) as server:
        run, _ = explore_all(setting, opened(place), asked_of(place), planned(server), pace=on(cluster, AT_ONCE))
        assert_all_there(run.path, place, n_asked=server.count)
    session = Path(cluster.head_node.get_session_dir_path())
    for path in (*run.path.rglob("*"), *session.rglob("*")):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


def test_a_question_that_is_rejected_is_that_users_alone(
    cluster: Any, place: Path, tmp_path: Path, counting: Counting
) -> None:
    fate = iter([Fault.CONTENT])

    def script(asked: dict[str, Any]) -> Scripted:
        said = counting(asked)
        return Scripted(fault=next(fate)) if len(counting.came) == 30 else said

    with LoopbackServer(script, latency=LATENCY, keep=False) as server:
        setting = Setting(place, out=tmp_path / "r")
        run, outcome = explore_all(setting, opened(place), asked_of(place), planned(server), pace=on(cluster, AT_ONCE))
    assert outcome.users == N_USERS
    assert sum(any("flagged" in note for note in said_in(each)) for each in by_user(run.path).values()) == 1


def said_in(trajectory: Trajectory) -> list[str]:
    return [str(step.observation) for step in trajectory.steps]


def test_a_server_that_answers_nobody_stops_the_run(cluster: Any, place: Path, tmp_path: Path) -> None:
    with LoopbackServer(lambda asked: Scripted(fault=Fault.UNAUTHORIZED), keep=False) as server:
        with pytest.raises(ProviderError, match="401"):
            explore_all(
                Setting(place, out=tmp_path / "r"),
                opened(place),
                asked_of(place),
                planned(server),
                pace=on(cluster, AT_ONCE),
            )
        assert server.count <= AT_ONCE
    assert not processes(b"ray::Station")


def test_a_user_who_kills_every_process_is_given_up(
    cluster: Any, place: Path, tmp_path: Path, counting: Counting
) -> None:
    """Whoever is asked about is killed: four times, and then the run stops, to be resumed."""
    counting.at = {n: lambda: kill_a_station([]) for n in range(1, 200)}
    with LoopbackServer(counting, latency=0.5, keep=False) as server:
        with pytest.raises(WorkerLost, match="was lost 4 times"):
            explore_all(
                Setting(place, out=tmp_path / "r"),
                opened(place),
                asked_of(place)[:1],
                planned(server),
                pace=on(cluster),
            )
        assert server.count >= 1


def test_an_evaluation_says_what_it_says_in_one_process(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer
) -> None:
    plan = EvalPlan(planned(server), n_users=12, baselines=("llm-rank",))
    here, one = evaluate(Setting(place, out=tmp_path / "a"), opened(place), plan, pace=Pace(AT_ONCE))
    there, other = evaluate(Setting(place, out=tmp_path / "b"), opened(place), plan, pace=on(cluster, AT_ONCE))
    assert one.rows == other.rows
    assert one.statuses == other.statuses
    for name in ("rankings.parquet", "per_user.parquet"):
        assert_frame_equal(pl.read_parquet(here.path / name), pl.read_parquet(there.path / name))


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_ray_model_runs as t
from toolrec_cli.operations.runners.ray import Ray
w = Path({place!r})
class Server: base_url = {url!r}
t.explore_all(t.Setting(w, out=Path({out!r})), t.opened(w), t.asked_of(w), t.planned(Server),
              pace=t.Pace(t.AT_ONCE, runner=Ray({address!r})))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_whose_first_process_is_stopped_goes_on_here(
    cluster: Any, place: Path, tmp_path: Path, server: LoopbackServer, counting: Counting, number: signal.Signals
) -> None:
    """Of what was answered, at most the calls under way are asked again; there is no cache."""
    out = tmp_path / "r"
    script = DRIVER.format(
        tests=str(Path(__file__).parent),
        place=str(place),
        out=str(out),
        url=server.base_url,
        address=cluster.address,
    )
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    counting.at = {50: lambda: child.send_signal(number)}
    said = child.communicate(timeout=PATIENCE)
    assert len(counting.came) >= 50, said
    there = by_user(out)
    assert 0 < len(there) < N_USERS
    run, outcome = explore_all(
        Setting(place), opened(place), asked_of(place), planned(server), again=Again(open_run(out)), pace=Pace(AT_ONCE)
    )
    assert outcome.asked == N_USERS - len(there)
    assert counting.again <= AT_ONCE
    assert_all_there(run.path, place)
