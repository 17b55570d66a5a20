"""Every fault of the wire, met by one user of a run for ever, or by everybody once: nobody hangs, nobody is lost in silence."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from failing import Failing, the_third

from toolrec_cli.agent.loop import Limits
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir, open_run
from toolrec_cli.testing import Fault, LoopbackServer, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate

N_USERS, AT_ONCE = 8, 4

OWN = {
    Fault.CONTENT: "refuses the question for its content",
    Fault.SERVER_ERROR: "failed 2 times (500",
    Fault.RESET: "broke the connection off, 2 times",
    Fault.CUT_BODY: "broke the connection off, 2 times",
    Fault.SLOW_BODY: "did not answer within 1.5 seconds, asked 2 times",
    Fault.TIMEOUT: "did not answer within 1.5 seconds, asked 2 times",
    Fault.EMPTY_BODY: "an empty answer",
    Fault.HTML: "a web page instead of JSON",
    Fault.HALF_JSON: "not JSON, or not all of it",
}
"""What is one user's failure while others are answered, and what it is called."""

ALL = {
    Fault.UNAUTHORIZED: "401",
    Fault.NO_MODEL: "has no model 'played'",
    Fault.BAD_REQUEST: "refuses the request (400",
    Fault.RATE_LIMIT: "still turns requests away, asked 2 times (429",
    Fault.RATE_LIMIT_AFTER: "still turns requests away, asked 2 times (429",
    Fault.UNAVAILABLE: "failed 2 times (503",
}
"""What ends a run: it speaks of the server, the account or the program, and not of a question."""


pytestmark = pytest.mark.usefixtures("no_pauses")


def one_meets(fault: Fault | None) -> Failing:
    """The third user that the server hears of meets it at whatever he asks from his second question on."""
    return Failing(fault, length=3, whom=the_third)


@dataclass
class EachQuestionOnce:
    """Plays well, but every question meets `fault` the first time."""

    fault: Fault
    play: PlayedSurrogate = field(default_factory=PlayedSurrogate)
    asked: Counter[str] = field(default_factory=Counter[str])

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        self.asked[str(asked["messages"])] += 1
        return Scripted("x", fault=self.fault) if self.asked[str(asked["messages"])] == 1 else self.play(asked)


def explored(
    workspace: Path, tiny: Dataset, script: Callable[[dict[str, Any]], Scripted], timeout: float, **server: Any
) -> tuple[RunDir, int]:
    """The run "r" of eight users, begun or gone on with, and how many questions came."""
    with LoopbackServer(script, drip=0.2, port=0, **server) as running:
        options = ModelOptions("played", running.base_url, concurrency=AT_ONCE, max_retries=1, timeout=timeout)
        ids, setting = tiny.users["user_id"].to_list()[:N_USERS], Setting(workspace, out=workspace / "r")
        plan = AgentPlan(limits=Limits(6, 5), model=ModelPlan(options))
        goes_on = Again(open_run(workspace / "r"), allow_drift=True) if (workspace / "r").exists() else None
        run, _ = explore_all(setting, tiny, ids, plan, again=goes_on, pace=Pace(AT_ONCE))
        return run, running.count


def test_every_fault_is_somebodys() -> None:
    assert OWN.keys() | ALL.keys() | {Fault.UNKNOWN_PARAMETER} == set(Fault)
    assert not OWN.keys() & ALL.keys()


@pytest.mark.parametrize("fault", OWN)
def test_a_question_that_gets_no_answer_is_its_users_failure(workspace: Path, tiny: Dataset, fault: Fault) -> None:
    """He has the best of what he was shown, and it is said why; the others have lists of their own."""
    slow = fault in (Fault.SLOW_BODY, Fault.TIMEOUT)
    begun = time.monotonic()
    run, _ = explored(workspace, tiny, one_meets(fault), 1.5 if slow else 30.0)
    assert time.monotonic() - begun < 60
    assert run.manifest.status == "done"
    assert run.manifest.result["statuses"] == {"finished": 7, "forced": 1}
    assert run.manifest.result["unheard"] == (0 if fault is Fault.CONTENT else 1)
    assert run.manifest.result["usage"]["failures"] == 1
    lists = pl.read_parquet(run.path / "rankings.parquet").group_by("user_id").agg(pl.col("item_id").n_unique())
    assert lists["item_id"].to_list() == [6] * N_USERS
    (reason,) = pl.read_parquet(run.path / "steps.parquet").filter(pl.col("tool") == "")["reason"]
    assert OWN[fault] in reason


@pytest.mark.parametrize("fault", ALL)
def test_what_speaks_of_the_server_ends_the_run_and_it_goes_on_from_there(
    workspace: Path, tiny: Dataset, fault: Fault
) -> None:
    with pytest.raises(ProviderError) as raised:
        explored(workspace, tiny, one_meets(fault), 30.0)
    assert ALL[fault] in raised.value.message
    assert open_run(workspace / "r").manifest.status == "interrupted"
    run, count = explored(workspace, tiny, one_meets(None), 30.0)
    assert run.manifest.result["statuses"] == {"finished": N_USERS}
    assert count < N_USERS * 5, "what was answered is not asked again"


LASTING = (Fault.UNAUTHORIZED, Fault.NO_MODEL, Fault.BAD_REQUEST, Fault.CONTENT)


@pytest.mark.parametrize("fault", [fault for fault in (*ALL, *OWN) if fault not in LASTING])
def test_what_passes_is_got_over_by_everybody(workspace: Path, tiny: Dataset, fault: Fault) -> None:
    slow = fault in (Fault.SLOW_BODY, Fault.TIMEOUT)
    run, count = explored(workspace, tiny, EachQuestionOnce(fault), 1.5 if slow else 30.0)
    used = run.manifest.result["usage"]
    assert run.manifest.result["statuses"] == {"finished": N_USERS}
    assert (used["failures"], used["retries"], used["calls"]) == (0, count / 2, count / 2)


def test_a_parameter_that_is_refused_is_left_out_and_noted_once(workspace: Path, tiny: Dataset) -> None:
    run, count = explored(workspace, tiny, PlayedSurrogate(), 30.0, refuses={"temperature"})
    used = run.manifest.result["usage"]
    assert run.manifest.result["statuses"] == {"finished": N_USERS}
    assert used["calls"] < count <= used["calls"] + AT_ONCE, "those who were under way when the first was refused"
    (note,) = run.manifest.result["notes"]
    assert "does not take 'temperature'" in note
