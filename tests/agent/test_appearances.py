"""Why an item is in a list: the rounds that showed it, and the order that put it there."""

from dataclasses import replace

from agent.scripted import explore, finish, rank, retrieve
from toolrec_cli.agent.appearances import Appearance, appearances, last_order
from toolrec_cli.agent.trajectory import Shown, Trajectory
from tools.small_world import ids


def explored() -> Trajectory:
    return explore(retrieve(k=3), retrieve("genre", 2), rank(k=4), finish(ids([2, 14, 1])), n=3)


def test_every_round_that_showed_a_listed_item_is_told_in_order() -> None:
    met = {
        item_id: [(each.step, each.place, each.score, each.new) for each in found]
        for item_id, found in appearances(explored()).items()
    }
    assert met == {
        "102": [(1, 2, 18.0, True), (3, 3, 0.016129, False)],
        "114": [(2, 1, 14.0, True), (3, 2, 0.016393, False)],
        "101": [(1, 1, 19.0, True), (3, 1, 0.016393, False)],
    }
    assert list(met) == ["102", "114", "101"], "in the order of the list"


def test_what_was_shown_and_is_not_listed_is_left_out() -> None:
    found = appearances(explore(retrieve(k=3), finish(ids([2])), n=1))
    assert found == {"102": (Appearance(1, 2, 18.0, True),)}


def test_who_has_no_list_has_no_appearances() -> None:
    assert appearances(explore(finish([]))) == {}


def test_the_last_order_that_gives_its_reasons() -> None:
    trajectory = explore(retrieve(k=3), rank(k=3), rank(k=2), finish(ids([2])), n=1)
    assert last_order(trajectory) is None, "the plain ranker gives none"
    for place, why in ((1, "Because of: 1. tools +0.8"), (2, "Because of: 1. company +0.6")):
        step = trajectory.steps[place]
        assert isinstance(step.observation, Shown)
        trajectory.steps[place] = replace(step, observation=replace(step.observation, note=why))
    assert last_order(trajectory) == (3, "Because of: 1. company +0.6")
