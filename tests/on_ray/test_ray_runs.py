"""Two machines of a Ray cluster, played on this one: everybody once, and the lists that one process makes, whatever is lost.

Needs the extra `ray`: run by `make test-ray`.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from two_machines import PATIENCE, another_machine, everybody, on, opened, ray

from toolrec_cli.agent.trajectory import Trajectory, Turn
from toolrec_cli.errors import CheckError, InputError, WorkerLost
from toolrec_cli.operations import exploring, running
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.runners.ray import Ray
from toolrec_cli.operations.running import Pace
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.run_dir import open_run

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # machines of the cluster have no tests

N_USERS = 80
A_CHUNK = 8


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_SMALLEST", A_CHUNK)


@pytest.fixture(scope="module")
def place(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace to make many runs in; `whole` in it is a run in one process that nobody disturbed."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("ray") / "w"))
    explore_all(Setting(workspace, out=workspace / "whole"), opened(workspace), everybody(workspace))
    return workspace


def assert_as_in_one_process(run: Path, place: Path) -> None:
    lines = (run / "trajectories.jsonl").read_bytes().splitlines()
    assert sorted(lines) == sorted((place / "whole" / "trajectories.jsonl").read_bytes().splitlines())
    for name in ("rankings.parquet", "steps.parquet"):
        assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(place / "whole" / name))
    manifest = open_run(run).manifest
    assert manifest.status == "done"
    assert manifest.inputs == open_run(place / "whole").manifest.inputs
    assert set(manifest.outputs) == {"asked.parquet", "trajectories.jsonl", "rankings.parquet", "steps.parquet"}
    assert not (run / "shards").exists()


@dataclass
class Played:
    """The built-in surrogate, slowed down; the first process that finds `fatal` there, and is at work, is killed."""

    inner: Any
    fatal: Path
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.inner.name

    def next_turn(self, context: Any, trajectory: Trajectory) -> Turn:
        time.sleep(self.seconds)
        if context.step == 3:
            die(self.fatal)
        return self.inner.next_turn(context, trajectory)


def die(fatal: Path) -> None:
    """One process alone can remove a file."""
    try:
        fatal.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """From now on, agents explore as `Played` does."""
    assemble = exploring.assemble

    def start(fatal: Path, seconds: float = 0.0) -> None:
        def assembled(*args: Any, **options: Any) -> Any:
            agent = assemble(*args, **options)
            surrogate = Played(agent.explorer.surrogate, fatal, seconds)
            return replace(agent, explorer=replace(agent.explorer, surrogate=surrogate))

        monkeypatch.setattr(exploring, "assemble", assembled)

    return start


def test_two_machines_make_the_lists_that_one_process_makes(cluster: Any, place: Path, tmp_path: Path) -> None:
    run, outcome = explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert_as_in_one_process(run.path, place)
    assert (outcome.users, outcome.asked) == (N_USERS, N_USERS)
    assert verify(Setting(place), opened(place), run) == N_USERS


def test_an_evaluation_says_what_it_says_in_one_process(cluster: Any, place: Path, tmp_path: Path) -> None:
    plan = EvalPlan(AgentPlan(), n_users=50)
    here, one = evaluate(Setting(place, out=tmp_path / "a"), opened(place), plan)
    there, other = evaluate(Setting(place, out=tmp_path / "b"), opened(place), plan, pace=on(cluster))
    assert one == other
    for name in ("rankings.parquet", "per_user.parquet"):
        assert_frame_equal(pl.read_parquet(here.path / name), pl.read_parquet(there.path / name))


def test_a_process_killed_in_the_midst_of_a_chunk_costs_nobody(
    cluster: Any, place: Path, tmp_path: Path, played: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fatal = tmp_path / "fatal"
    fatal.touch()
    played(fatal)
    run, _ = explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert not fatal.exists()
    assert_as_in_one_process(run.path, place)
    assert capsys.readouterr().out == ""


def test_a_process_killed_after_its_file_was_written_costs_nobody(
    cluster: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fatal = tmp_path / "fatal"
    fatal.touch()
    monkeypatch.setattr(exploring, "nothing", lambda *_: die(fatal))
    run, _ = explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert not fatal.exists()
    assert_as_in_one_process(run.path, place)


def test_a_machine_that_is_lost_costs_nobody(
    cluster: Any, place: Path, tmp_path: Path, played: Callable[..., None]
) -> None:
    played(tmp_path / "none", seconds=0.01)
    third = another_machine(cluster)
    log, lost = tmp_path / "r" / "trajectories.jsonl", threading.Event()

    def pull_the_plug() -> None:
        while not (log.exists() and log.stat().st_size):
            time.sleep(0.01)
        cluster.remove_node(third, allow_graceful=False)
        lost.set()

    threading.Thread(target=pull_the_plug, daemon=True).start()
    run, _ = explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert lost.wait(PATIENCE)
    assert_as_in_one_process(run.path, place)


class Broken:
    """Explores nobody."""

    name = "broken"

    def next_turn(self, context: Any, trajectory: Trajectory) -> Turn:
        raise CheckError("Something does not hold.", hint="Do this.")


class Lethal(Broken):
    """Nobody survives it."""

    def next_turn(self, context: Any, trajectory: Trajectory) -> Turn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def with_surrogate(monkeypatch: pytest.MonkeyPatch, surrogate: Any) -> None:
    assemble = exploring.assemble

    def assembled(*args: Any, **options: Any) -> Any:
        agent = assemble(*args, **options)
        return replace(agent, explorer=replace(agent.explorer, surrogate=surrogate))

    monkeypatch.setattr(exploring, "assemble", assembled)


def test_what_goes_wrong_there_is_said_here(
    cluster: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_surrogate(monkeypatch, Broken())
    with pytest.raises(CheckError, match="Something does not hold") as caught:
        explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert caught.value.hint == "Do this."
    assert not (tmp_path / "r").exists()


def test_a_chunk_that_kills_whoever_works_on_it_is_given_up(
    cluster: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_surrogate(monkeypatch, Lethal())
    with pytest.raises(WorkerLost, match="was lost 4 times"):
        explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place)[:3], pace=on(cluster))


def test_no_more_is_handed_out_than_is_told(
    cluster: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolrec_cli.operations.runners.ray.chunks import Chunks

    most, begin = [0], Chunks._begin

    def counted(self: Any, positions: Any) -> None:
        begin(self, positions)
        most.append(len(self._under_way))

    monkeypatch.setattr(Chunks, "_begin", counted)
    explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=on(cluster))
    assert (len(most) - 1, max(most)) == (8, 4)  # ten users each, two for either processor
    most[:] = [0]
    explore_all(Setting(place, out=tmp_path / "s"), opened(place), everybody(place), pace=on(cluster, workers=1))
    assert max(most) == 1


DRIVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_ray_runs as t
from toolrec_cli.operations import exploring, running
running._SMALLEST = t.A_CHUNK
assemble = exploring.assemble
def assembled(*args, **options):
    agent = assemble(*args, **options)
    surrogate = t.Played(agent.explorer.surrogate, Path("/nowhere"), 0.02)
    return t.replace(agent, explorer=t.replace(agent.explorer, surrogate=surrogate))
exploring.assemble = assembled
w = Path({place!r})
t.explore_all(t.Setting(w, out=Path({out!r})), t.opened(w), t.everybody(w), pace=t.Pace(runner=t.Ray({address!r})))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_whose_first_process_is_stopped_goes_on_here(
    cluster: Any, place: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "r"
    script = DRIVER.format(tests=str(Path(__file__).parent), place=str(place), out=str(out), address=cluster.address)
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    log = out / "trajectories.jsonl"
    while not (log.exists() and log.stat().st_size):
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    child.send_signal(number)
    child.communicate(timeout=PATIENCE)
    there = log.read_bytes().count(b"\n")
    assert 0 < there < N_USERS
    run, outcome = explore_all(
        Setting(place), opened(place), everybody(place), again=Again(open_run(out)), pace=Pace(workers=1)
    )
    assert outcome.asked is not None
    assert outcome.asked <= N_USERS - there
    assert_as_in_one_process(run.path, place)


def test_a_run_begun_here_goes_on_there(cluster: Any, place: Path, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(task: str, done: int, total: int, note: str = "") -> None:
        if done == 30:
            raise Enough

    setting = Setting(place, out=tmp_path / "r")
    with pytest.raises(Enough):
        explore_all(setting, opened(place), everybody(place), progress=stop)
    run, outcome = explore_all(
        Setting(place), opened(place), everybody(place), again=Again(open_run(tmp_path / "r")), pace=on(cluster)
    )
    assert outcome.asked == N_USERS - 30
    assert_as_in_one_process(run.path, place)


def test_where_no_ray_is_it_is_said(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no Ray at 127\.0\.0\.1:1 that can be used"):
        explore_all(
            Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=Pace(runner=Ray("127.0.0.1:1"))
        )
    assert not (tmp_path / "r").exists()


def test_a_ray_that_does_not_come_up_in_time_is_said(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Ray raises on a machine that is too busy is an Exception and nothing more."""

    def slow(**_: Any) -> None:
        raise Exception("The current node timed out during startup. This could happen because\nof this or that.")

    monkeypatch.setattr(ray, "init", slow)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(
        InputError, match=r"could not be started on this machine \(The current node timed out"
    ) as caught:
        explore_all(Setting(place, out=tmp_path / "r"), opened(place), everybody(place), pace=Pace(runner=Ray()))
    assert caught.value.hint == "If the machine is busy, try again later; or leave --runner out."
    assert not (tmp_path / "r").exists()
