"""Whom the server failed to answer, --resume asks again: once each time, paying for nothing twice, everybody on record once."""

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from failing import Failing
from killing import Zygote, len_of, on_record, until

from toolrec_cli.agent.codec import decode, encode, read_trajectories, superseded
from toolrec_cli.agent.loop import Limits
from toolrec_cli.agent.trajectory import UNHEARD, Refused, Status, Step, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, ProviderError
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.evaluating import EvalPlan, evaluate
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.runs import lines
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.verifying import verify
from toolrec_cli.storage.run_dir import RunDir, open_run
from toolrec_cli.testing import Fault, LoopbackServer
from toolrec_cli.tools.protocol import Action

N_USERS, AT_ONCE = 12, 3


pytestmark = pytest.mark.usefixtures("no_pauses")


def planned(server: LoopbackServer, **options: Any) -> AgentPlan:
    """Without a cache: what is not paid twice is on the run's own record."""
    asked = ModelOptions("played", server.base_url, concurrency=AT_ONCE, max_retries=1, **options)
    return AgentPlan(limits=Limits(6, 5), model=ModelPlan(asked))


def explored(workspace: Path, tiny: Dataset, server: LoopbackServer, *, again: bool = False) -> RunDir:
    """The run "r" of twelve users, begun or gone on with."""
    goes_on = Again(open_run(workspace / "r")) if again else None
    ids, setting = tiny.users["user_id"].to_list()[:N_USERS], Setting(workspace, out=workspace / "r")
    return explore_all(setting, tiny, ids, planned(server), again=goes_on, pace=Pace(AT_ONCE))[0]


def assert_everybody_is_there_once(run: RunDir) -> None:
    ids = pl.read_parquet(run.path / "asked.parquet")["user_id"].to_list()
    assert sorted(on_record(run.path)) == sorted(ids)
    listed_for = pl.read_parquet(run.path / "rankings.parquet").group_by("user_id").len()
    assert dict(listed_for.iter_rows()) == dict.fromkeys(ids, 6)
    rounds = {each.user_id: len(each.steps) for each in read_trajectories(run.path / "trajectories.jsonl")}
    assert dict(pl.read_parquet(run.path / "steps.parquet").group_by("user_id").len().iter_rows()) == rounds
    assert sorted(pl.read_parquet(run.path / "usage.parquet")["user_id"]) == sorted(ids)
    assert run.manifest.result["users"] == N_USERS


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.EMPTY_BODY])
def test_whom_the_server_failed_is_asked_again_and_nothing_paid_twice(
    workspace: Path, tiny: Dataset, fault: Fault
) -> None:
    script = Failing(fault)
    with LoopbackServer(script) as server:
        run = explored(workspace, tiny, server)
        assert run.manifest.result["statuses"] == {"finished": 8, "forced": 4}
        assert run.manifest.result["unheard"] == 4
        assert_everybody_is_there_once(run)
        assert verify(Setting(workspace), tiny, run) == N_USERS
        still = explored(workspace, tiny, server, again=True)
        assert still.manifest.result["unheard"] == 4, "it fails as before, and they are on record as before"
        assert_everybody_is_there_once(still)
        tries = script.failed.copy()
        assert (still.manifest.result["usage"]["failures"], len(tries)) == (8, 4), (
            "four questions failed in each sitting"
        )
        script.fault = None
        run = explored(workspace, tiny, server, again=True)
    assert run.manifest.result["statuses"] == {"finished": 12}
    assert run.manifest.result["unheard"] == 0
    assert run.manifest.result["usage"]["failures"] == 8
    assert pl.read_parquet(run.path / "usage.parquet")["failures"].sum() == 8
    assert_everybody_is_there_once(run)
    assert set(script.answered.values()) == {1}, "no question was answered, and so paid for, twice"
    assert script.failed == tries
    assert set(tries) <= set(script.answered), "what failed was asked once more and answered"
    assert verify(Setting(workspace), tiny, run) == N_USERS
    assert explored(workspace, tiny, server, again=True).manifest == run.manifest, "there is nothing left to ask"


def test_who_was_refused_or_spoke_badly_is_not_asked_again(workspace: Path, tiny: Dataset) -> None:
    script = Failing(Fault.CONTENT)
    with LoopbackServer(script) as server:
        run = explored(workspace, tiny, server)
        count, result = server.count, run.manifest.result
        assert (result["statuses"], result["unheard"]) == ({"finished": 8, "forced": 4}, 0)
        explored(workspace, tiny, server, again=True)
        assert server.count == count


def test_a_server_that_is_gone_takes_nobody_off_the_record(workspace: Path, tiny: Dataset) -> None:
    script = Failing()
    with LoopbackServer(script) as server:
        run = explored(workspace, tiny, server)
        port = int(server.base_url.rpartition(":")[2].removesuffix("/v1"))
    before = (run.path / "trajectories.jsonl").read_bytes()
    with pytest.raises(ProviderError, match="cannot be reached"):
        explored(workspace, tiny, server, again=True)
    assert (run.path / "trajectories.jsonl").read_bytes() == before
    assert open_run(run.path).manifest.status == "interrupted"
    script.fault = None
    with LoopbackServer(script, port=port) as server:
        run = explored(workspace, tiny, server, again=True)
    assert run.manifest.result["statuses"] == {"finished": 12}
    assert_everybody_is_there_once(run)
    assert set(script.answered.values()) == {1}


def test_an_evaluation_keeps_everybody_in_the_denominator(workspace: Path, tiny: Dataset) -> None:
    script, setting = Failing(length=2), Setting(workspace, out=workspace / "e")

    def evaluated(server: LoopbackServer, again: Again | None = None) -> Any:
        plan = EvalPlan(replace(planned(server), limits=Limits()), n_users=N_USERS, baselines=("llm-rank",))
        return evaluate(setting, tiny, plan, again=again, pace=Pace(AT_ONCE))

    with LoopbackServer(script) as server:
        run, report = evaluated(server)
        assert report.n_users == N_USERS
        assert report.statuses == {"failed": 4, "finished": 8}
        assert len(report.failures) == 4
        n_rows = report.llm_rows["llm-rank"].ends.get("unheard", 0)
        assert run.manifest.result["unheard"] == 4 + n_rows
        script.fault = None
        run, report = evaluated(server, Again(open_run(run.path)))
    assert (report.n_users, report.statuses, report.failures) == (N_USERS, {"finished": 12}, ())
    assert report.llm_rows["llm-rank"].ends["ordered"] == N_USERS
    assert run.manifest.result["unheard"] == 0
    assert set(script.answered.values()) == {1}
    own = pl.read_parquet(run.path / "rankings.parquet").filter(row="surrogate").group_by("user_id").len()
    assert dict(own.iter_rows()) == dict.fromkeys(pl.read_parquet(run.path / "asked.parquet")["user_id"], 10)


@pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")
@pytest.mark.parametrize("more", [1, 3])
def test_killed_while_they_are_asked_again_it_goes_on(
    zygote: Zygote, tiny_workspace: Path, tmp_path: Path, more: int
) -> None:
    """Killed when `more` of them are there anew: nobody is lost, nobody there twice, and only what was under way paid again."""
    script, run = Failing(), tmp_path / "run"
    with LoopbackServer(script, latency=0.02) as server:
        asking = ["--model", "played", "--base-url", server.base_url, "--concurrency", "2", "--max-retries", "0"]
        where = ["-w", tiny_workspace, "--no-cache"]
        said = zygote.call("recommend", "--users", "12", "--n", "6", "--out", run, *where, *asking)
        again = f"To ask these again, type: toolrec recommend --resume {run}"
        assert (said.returncode, again in said.stderr) == (5, True), said.stderr
        script.fault = None
        child = zygote.start("recommend", "--resume", run, "-w", tiny_workspace, slow=0)
        until(lambda: len_of(run) >= N_USERS + more or not child.running, child)
        child.send(signal.SIGKILL)
        child.end()
        newest = {each.user_id: each for each in read_trajectories(run / "trajectories.jsonl")}
        assert len(newest) == N_USERS
        assert sum(each.unheard for each in newest.values()) <= 4 - more
        (line,) = [line for line in lines(run.parent) if line.path == str(run)]
        assert (line.users, line.asked) == (N_USERS, N_USERS)
        said = zygote.call("recommend", "--resume", run, "-w", tiny_workspace)
    assert said.returncode == 0, said.stderr
    assert superseded(run / "trajectories.jsonl") == set()
    assert_everybody_is_there_once(open_run(run))
    assert open_run(run).manifest.result["statuses"] == {"finished": 12}
    assert open_run(run).manifest.result["usage"]["failures"] == 4
    assert sum(script.answered.values()) - len(script.answered) <= 2


def of_user(user_id: str, status: Status, instead: str | None) -> bytes:
    steps = [] if instead is None else [Step("", Action(""), Refused("it failed", instead))]
    return encode(Trajectory(user_id, "d", "s", 3, 5, {}, 0, (), steps=steps, status=status))


def test_a_later_line_counts_only_after_one_that_was_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    unheard, refused, done = (
        of_user("a", Status.FAILED, UNHEARD),
        of_user("b", Status.FAILED, ""),
        of_user("a", Status.FINISHED, None),
    )
    path.write_bytes(unheard + refused)
    with Record(path, ["a", "b", "c"]) as record:
        assert (record.missing.tolist(), record.unheard) == ([2], 1)
        record.ask_again()
        assert (record.missing.tolist(), record.has(0), record.has(1)) == ([0, 2], False, True)
        assert [each.user_id for each in record.trajectories()] == ["a", "b"]
        record.add(0, done)
        assert (record.missing.tolist(), record.unheard) == ([2], 0)
        assert path.read_bytes() == unheard + refused + done
        assert [each.status for each in read_trajectories(path)] == ["failed", "finished"]
    assert path.read_bytes() == refused + done
    assert [each.status for each in record.trajectories()] == ["finished", "failed"]
    path.write_bytes(refused + refused)
    with pytest.raises(InputError, match="line 2: user 'b' is on record already"):
        Record(path, ["a", "b", "c"])


def test_a_killed_process_leaves_both_lines_and_the_later_one_counts(tmp_path: Path) -> None:
    path, done = tmp_path / "trajectories.jsonl", of_user("a", Status.FINISHED, None)
    both = of_user("a", Status.FAILED, UNHEARD) + of_user("b", Status.FINISHED, None)
    path.write_bytes(both + done)
    with Record(path, ["b", "a"]) as record:
        assert (record.missing.size, record.unheard, superseded(path)) == (0, 0, {1})
    assert path.read_bytes() == both.splitlines(keepends=True)[1] + done


def test_words_of_a_model_do_not_pass_for_a_failure(tmp_path: Path) -> None:
    step = Step(UNHEARD, Action("retrieve", {"k": UNHEARD}), Refused("k is wrong", UNHEARD))
    line = encode(Trajectory("a", "d", "s", 3, 5, {}, 0, (), steps=[step], status=Status.FAILED))
    assert not decode(line, "here").unheard
    (tmp_path / "t").write_bytes(line)
    assert Record(tmp_path / "t", ["a"]).unheard == 0
