"""What machines of a cluster have left of a run that was stopped, and an agent that is sent to them."""

import pickle
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from toolrec_cli.agent.comparing import divergence
from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError
from toolrec_cli.llm.elsewhere import asked_through
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.exploring import AgentPlan, assemble, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.record import Record
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.shards import take_in
from toolrec_cli.operations.tuning import TunePlan, tune
from toolrec_cli.storage.log import AppendLog
from toolrec_cli.storage.run_dir import open_run
from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate

USERS = ["a", "b", "c", "d"]


def line(user_id: str, of: str = "") -> bytes:
    return f'{{"user_id":"{user_id}","of":"{of}"}}\n'.encode()


def test_whoever_is_not_on_record_is_taken_in_once(tmp_path: Path) -> None:
    with Record(tmp_path / "log", USERS) as record:
        record.add(1, line("b", "own"))
        (tmp_path / "shards").mkdir()
        (tmp_path / "shards" / "0-0.jsonl").write_bytes(line("a", "first") + line("b", "shard"))
        (tmp_path / "shards" / "1-0.jsonl").write_bytes(line("a", "second") + line("stranger") + line("d", "first"))
        (tmp_path / "shards" / ".2-0.jsonl.77.partial").write_bytes(line("c"))
        assert take_in(tmp_path, record, USERS) == 2
        assert list(record.lines()) == [line("a", "first"), line("b", "own"), line("d", "first")]
        assert not (tmp_path / "shards").exists()
        assert take_in(tmp_path, record, USERS) == 0


def test_whoever_is_written_down_when_ctrl_c_comes_is_known_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = AppendLog.append

    def interrupted(self: AppendLog, told: bytes) -> int:
        place = append(self, told)
        signal.raise_signal(signal.SIGINT)
        return place

    monkeypatch.setattr(AppendLog, "append", interrupted)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "0-0.jsonl").write_bytes(line("b", "shard"))
    with Record(tmp_path / "log", USERS) as record:
        with pytest.raises(KeyboardInterrupt):
            record.add(1, line("b", "own"))
        assert take_in(tmp_path, record, USERS) == 0
    assert (tmp_path / "log").read_bytes() == line("b", "own")


def test_a_line_that_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "x.jsonl").write_bytes(b"nonsense\n")
    with Record(tmp_path / "log", USERS) as record, pytest.raises(InputError, match=r"x\.jsonl, line 1,"):
        take_in(tmp_path, record, USERS)


def test_a_run_that_goes_on_takes_in_what_was_left(workspace: Path, tiny: Dataset) -> None:
    ids = tiny.users["user_id"].to_list()
    whole, _ = explore_all(Setting(workspace), tiny, ids)
    lines = (whole.path / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    half = Path(shutil.copytree(whole.path, workspace / "half"))
    open_run(half).update(status="interrupted")
    (half / "trajectories.jsonl").write_bytes(b"".join(lines[:10]))
    (half / "shards").mkdir()
    (half / "shards" / "x.jsonl").write_bytes(b"".join(lines[5:60]))
    run, outcome = explore_all(Setting(workspace), tiny, ids, again=Again(open_run(half)))
    assert outcome.asked == 20
    assert sorted((run.path / "trajectories.jsonl").read_bytes().splitlines(keepends=True)) == sorted(lines)
    assert run.manifest.outputs.keys() == whole.manifest.outputs.keys()


@pytest.mark.parametrize("tuned", [False, True])
def test_an_agent_that_was_sent_explores_as_it_did_before(workspace: Path, tiny: Dataset, tuned: bool) -> None:
    if tuned:
        tune(Setting(workspace), tiny, TunePlan())
    agent = assemble(Setting(workspace), tiny, AgentPlan())
    assert (agent.untuned == "") is tuned
    assert tiny.catalog.resolve("nothing like it at all") is None  # names that were searched for are remembered, here
    sent = pickle.loads(pickle.dumps(agent))
    for users in (np.array([3, 40]), np.array([7])):
        there = sent.reading(users)
        assert [there.explore(user) for user in users.tolist()] == [agent.explore(user) for user in users.tolist()]
        assert there.histories.lengths().sum() == agent.histories.lengths()[users].sum()


def test_an_agent_whose_model_stays_here_asks_it_from_there(workspace: Path, tiny: Dataset) -> None:
    """Explored through the wire that is told, the questions and the trajectory are those of this process; no key is sent."""
    key = "sk-test-0123456789abcdef"
    with LoopbackServer(PlayedSurrogate(), key=key) as server:
        options = ModelOptions("played", server.base_url)
        plan = AgentPlan(limits=Limits(6, 5), model=ModelPlan(options, samples=2))
        agent = assemble(Setting(workspace, environment={"TOOLREC_API_KEY": key}), tiny, plan)
        assert agent.speaker is not None
        with pytest.raises(TypeError):
            pickle.dumps(agent)  # with its model there is a key in it
        packed = pickle.dumps(replace(agent, speaker=None))
        assert key.encode() not in packed
        here = agent.explore(3)
        asked = [each.body for each in server.received]
        there = pickle.loads(packed).reading(np.array([3]))
        with pytest.raises(RuntimeError, match="nobody here knows how to reach played"):
            there.explore(3)
        with asked_through(agent.speaker.stack.model.reply):
            found = there.explore(3)
        assert divergence(here, found) is None
        assert [each.body for each in server.received[len(asked) :]] == asked
