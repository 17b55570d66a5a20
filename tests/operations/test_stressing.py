"""Names that go wrong and histories that make no sense, on the sample."""

from pathlib import Path

import numpy as np
import pytest

from toolrec_cli.agent.trajectory import Finished, Refused, Shown, Step, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.histories import ADVERSE, altered
from toolrec_cli.evaluation.labels import label_tables
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.stressing import StressPlan, looped, refusals, stress
from toolrec_cli.tools.protocol import Action


def test_ids_that_go_wrong(workspace: Path, tiny: Dataset) -> None:
    _, found = stress(Setting(workspace), tiny, "ids", StressPlan(rates=(0.05, 0.2)))
    rows = {row.name: row for row in found.rows}
    assert list(rows) == [
        "unstressed",
        *(f"{kind} {rate}" for kind in ("typo", "case", "swap", "synonym") for rate in ("5%", "20%")),
    ]
    for kind in ("typo", "case", "synonym"):
        measured = rows[f"{kind} 20%"].measured
        assert 15 < measured["garbled %"] < 25
        assert measured["failed %"] == pytest.approx(measured["recovered %"] + measured["lost %"])
    assert rows["typo 20%"].measured["recovered %"] > rows["typo 20%"].measured["lost %"] > 0
    assert rows["case 20%"].measured["failed %"] == 0, "a title in the other case is known all the same"
    swapped = rows["swap 20%"].measured
    assert (swapped["failed %"], swapped["re-run % of calls"]) == (0, 0)
    assert swapped["slipped %"] > 15
    assert all(row.measured["unfinished"] == 0 for row in found.rows)


def test_without_a_second_run_what_failed_is_lost(workspace: Path, tiny: Dataset) -> None:
    _, found = stress(Setting(workspace), tiny, "ids", StressPlan(n_users=10, rates=(0.2,), reruns=0))
    for row in found.rows[1:]:
        assert row.measured["lost %"] == row.measured["failed %"]
        assert row.measured["recovered %"] == 0


def test_adverse_histories(workspace: Path, tiny: Dataset) -> None:
    _, found = stress(Setting(workspace), tiny, "histories")
    assert [row.name for row in found.rows] == ["unstressed", *ADVERSE]
    for row in found.rows:
        assert set(row.measured) >= {"rounds", "looping %", "refused steps", "recovered steps", "valid lists %"}
        assert row.measured["valid lists %"] == 100
        assert row.measured["looping %"] == 0


def test_the_same_seed_says_the_same(workspace: Path, tiny: Dataset) -> None:
    plan = StressPlan(n_users=8, rates=(0.2,))
    for kind in ("ids", "histories"):
        one, two = (stress(Setting(workspace), tiny, kind, plan)[1] for _ in range(2))
        assert [row.metrics for row in one.rows] == [row.metrics for row in two.rows]


def test_a_stress_that_does_not_exist(workspace: Path, tiny: Dataset) -> None:
    with pytest.raises(UsageError, match="'ids'"):
        stress(Setting(workspace), tiny, "id")


@pytest.fixture(scope="module")
def made(tiny: Dataset) -> dict[str, list[list[int]]]:
    """The adverse histories of the first five users."""
    histories, users = tiny.before(Part.TEST), np.arange(5)
    tables, n_items = label_tables(Facets(tiny.catalog)), len(tiny.catalog)
    found = {name: altered(name, histories, users, tables, n_items, seed=3) for name in ADVERSE}
    own = {name: [each.history(user).tolist() for user in range(5)] for name, each in found.items()}
    assert all(len(each.history(6)) == 0 for each in found.values())
    return {"own": [histories.history(user).tolist() for user in range(5)], **own}


def test_what_is_shuffled_short_and_long(made: dict[str, list[list[int]]], tiny: Dataset) -> None:
    for place, own in enumerate(made["own"]):
        assert sorted(made["shuffled"][place]) == sorted(own)
        assert made["very short"][place] == own[-1:]
        assert made["very long"][place][-len(own) :] == own
        assert len(made["very long"][place]) >= len(tiny.catalog) // 2
        assert len(made["poisoned"][place]) == len(own)
        assert made["poisoned"][place] != own
    assert made["shuffled"] != made["own"]


def test_what_is_put_in_was_met_when_the_users_own_was(tiny: Dataset) -> None:
    """The newest at the time of the user's own newest; what is longer than the history is as old as its oldest."""
    histories, users = tiny.before(Part.TEST), np.arange(5)
    assert histories.timestamps is not None
    for name in ADVERSE:
        found = altered(name, histories, users, label_tables(Facets(tiny.catalog)), len(tiny.catalog), seed=3)
        assert found.timestamps is not None
        assert len(found.timestamps) == len(found.items)
        for user in range(5):
            own = histories.timestamps[histories.offsets[user] : histories.offsets[user + 1]]
            made = found.timestamps[found.offsets[user] : found.offsets[user + 1]]
            n = min(len(own), len(made))
            assert made[-n:].tolist() == own[-n:].tolist()
            assert set(made[:-n].tolist()) <= {int(own[0])}


def test_neighbours_in_a_contradictory_history_share_nothing(made: dict[str, list[list[int]]], tiny: Dataset) -> None:
    genres = Facets(tiny.catalog).labels("genre")
    for history in made["contradictory"]:
        assert len(history) > 1
        for place in range(1, len(history), 2):
            assert not set(genres[history[place]]) & set(genres[history[place - 1]])


def test_a_rare_history_has_one_label_in_common(made: dict[str, list[list[int]]], tiny: Dataset) -> None:
    facets = Facets(tiny.catalog)
    labels = facets.labels(facets.attributes[0])
    for history in made["single rare label"]:
        assert set.intersection(*(set(labels[item]) for item in history))


def test_loops_and_recoveries_are_read_off_the_trajectory() -> None:
    ask, other = Action("retrieve", {"k": 5, "attribute": None}), Action("retrieve", {"attribute": None, "k": 6})
    again = Action("retrieve", {"attribute": None, "k": 5})
    refused = Refused("no", "yes")

    def run(*steps: tuple[Action, Shown | Refused | Finished]) -> Trajectory:
        found = Trajectory("u", "d", "s", 10, 7, {}, 0, ())
        found.steps = [Step("", action, seen) for action, seen in steps]
        return found

    assert not looped(run((ask, Shown(())), (other, Shown(()))))
    assert looped(run((ask, Shown(())), (again, Shown(()))))
    assert refusals(run((ask, refused), (ask, refused), (other, Shown(())), (ask, refused))) == (3, 1)
