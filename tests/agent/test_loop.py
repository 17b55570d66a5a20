"""The loop: however badly a surrogate behaves, it ends with a valid list or a counted failure, and all of it is recorded."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.scripted import Scripted, explore, explorer, finish, kinds, listed, rank, retrieve, shown
from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.agent.trajectory import Finished, HistoryItem, Recommended, Refused, Rejected, Shown, Status
from toolrec_cli.tools.protocol import Action, Candidate, Context
from tools.small_world import HISTORY, N_ITEMS, WrittenScores, ids, user

TEN = ids(range(1, 11))
ALL = retrieve(k=50)


def test_the_surrogates_own_list_is_the_answer_in_its_own_order() -> None:
    """Defect 3 of the released code: it throws the list away and asks once more."""
    own = [*TEN[5:], *TEN[:5]]
    trajectory = explore(ALL, finish(own))
    assert (listed(trajectory), trajectory.status, len(trajectory.steps)) == (own, Status.FINISHED, 2)
    assert trajectory.steps[-1].observation == Finished(tuple(own))
    assert trajectory.ranking[0] == Recommended(1, "106", ("retrieve:none",))


def test_the_list_is_not_padded_with_what_the_surrogate_dropped() -> None:
    trajectory = explore(ALL, finish(ids(range(5, 15))))
    assert listed(trajectory) == ids(range(5, 15))


def test_seven_of_ten_are_asked_again_and_the_mended_list_is_taken() -> None:
    """Defect 1 of the released code: it takes the seven and refuses the ten."""
    trajectory = explore(ALL, finish(TEN[:7]), finish(TEN))
    assert kinds(trajectory) == ["shown", "refused", "finished"]
    assert listed(trajectory) == TEN


def test_a_list_of_three_again_and_again_is_filled_up_in_the_end_and_what_was_added_is_marked() -> None:
    trajectory = explore(ALL, finish(ids([9, 3, 5])))
    assert kinds(trajectory) == ["shown", "refused", "refused", "finished"]
    assert (trajectory.status, listed(trajectory)) == (Status.PADDED, ids([9, 3, 5, 1, 2, 4, 6, 7, 8, 10]))
    assert [entry.padded for entry in trajectory.ranking] == [False] * 3 + [True] * 7
    assert trajectory.steps[-1].observation == Finished(
        tuple(listed(trajectory)), ("the list had 3 valid items of 10: the last 7 were added from memory",)
    )


def test_an_empty_list_for_ever_is_not_the_surrogates_and_a_list_is_forced() -> None:
    trajectory = explore(ALL, finish([]))
    assert kinds(trajectory) == ["shown", "refused", "refused", "refused"]
    assert (trajectory.status, listed(trajectory)) == (Status.FORCED, TEN)


def test_a_list_of_three_hundred_is_cut_to_its_first_ten() -> None:
    """Defect 5 of the released code: copies are kept and count twice."""
    trajectory = explore(ALL, finish((ids([7, 3, 7, 115, 99]) + ids(range(1, 15))) * 15 + ids(range(1, 16))))
    assert trajectory.status is Status.FINISHED
    assert listed(trajectory) == ids([7, 3, 1, 2, 4, 5, 6, 8, 9, 10])


def test_finishing_at_once_is_refused_and_for_ever_is_a_failure_that_counts() -> None:
    """Defect 4 of the released code: such a user is deleted. Here he keeps his record, without a list."""
    trajectory = explore(finish(TEN))
    assert kinds(trajectory) == ["refused"] * 7
    assert (trajectory.status, trajectory.ranking) == (Status.FAILED, ())


def test_ranking_first_is_refused_and_can_be_mended() -> None:
    trajectory = explore(rank(), ALL, rank(k=10), finish(TEN))
    assert kinds(trajectory) == ["refused", "shown", "shown", "finished"]


def test_never_finishing_forces_the_list_that_the_tools_agree_on() -> None:
    """By genre the order is 14, 13, …: what both tools have high is first; ties by who came first."""
    trajectory = explore(retrieve(k=3), retrieve("genre", 3), retrieve("year", 1), n=4)
    assert (trajectory.status, len(trajectory.steps)) == (Status.FORCED, 5)
    assert listed(trajectory) == ids([1, 14, 8, 2])
    assert trajectory.ranking[1] == Recommended(2, "114", ("retrieve:genre",))


def test_a_forced_list_says_so_and_a_finished_one_does_not() -> None:
    assert not any(isinstance(step.observation, Finished) for step in explore(ALL).steps)
    assert explore(ALL, finish(TEN)).status is Status.FINISHED


def test_the_same_action_for_ever_is_told_so_and_then_the_list_is_forced() -> None:
    once, often = explore(ALL, finish([])), explore(ALL)
    assert [step.observation for step in often.steps[1:]] == [
        Refused(
            "This is exactly what you did in round 1: it brings nothing new.",
            "Do something else: who does the same for ever must finish in the next round.",
        ),
        Refused("Round 3 of 3 is the last: the list must be finished now.", "Call one of: finish."),
    ]
    assert listed(once) == listed(often) == TEN
    assert (often.status, often.ranking[0].marks) == (Status.FORCED, ("retrieve:none",))


def test_asking_two_things_in_turn_for_ever_uses_the_rounds_up_and_brings_no_evidence() -> None:
    trajectory = explore(*[ALL, retrieve("genre", 50)] * 3, rank())
    seen = [step.observation for step in trajectory.steps if isinstance(step.observation, Shown)]
    assert [sum(item.new for item in each.items) for each in seen] == [14, 0, 0, 0, 0, 0]
    assert (trajectory.status, len(trajectory.steps)) == (Status.FORCED, 7)
    assert trajectory.ranking[0].marks == ("retrieve:none", "retrieve:genre")


def test_who_was_told_that_he_repeats_himself_may_go_on_with_something_else() -> None:
    trajectory = explore(ALL, ALL, finish(TEN))
    assert kinds(trajectory) == ["shown", "refused", "finished"]
    assert trajectory.status is Status.FINISHED


def test_a_reply_that_held_no_action_repeats_nothing() -> None:
    assert kinds(explore(Action(""), Action(""), Action(""), ALL, finish(TEN)))[-1] == "finished"


def test_in_the_last_round_only_a_list_is_taken() -> None:
    trajectory = explore(ALL, retrieve("genre"), max_rounds=2)
    assert trajectory.steps[1].observation == Refused(
        "Round 2 of 2 is the last: the list must be finished now.", "Call one of: finish."
    )
    assert explore(ALL, finish(TEN), max_rounds=2).status is Status.FINISHED


def test_one_round_is_enough_to_force_a_list() -> None:
    trajectory = explore(ALL, max_rounds=1)
    assert (trajectory.status, listed(trajectory)) == (Status.FORCED, TEN)


def test_a_user_who_has_everything_fails_and_is_recorded() -> None:
    trajectory = explore(ALL, history=range(1, N_ITEMS + 1))
    assert (trajectory.status, trajectory.ranking, trajectory.n_history) == (Status.FAILED, (), N_ITEMS)


def test_fewer_candidates_than_n_make_a_shorter_list() -> None:
    trajectory = explore(retrieve(k=3), finish(TEN[:3]))
    assert (trajectory.status, listed(trajectory)) == (Status.FINISHED, TEN[:3])


def test_every_round_is_seen_as_it_ends() -> None:
    seen: list[tuple[int, Status]] = []
    explore(ALL, rank(), finish(TEN), on_step=lambda t: seen.append((len(t.steps), t.status)))
    assert seen == [(number, Status.RUNNING) for number in (1, 2, 3)]


def test_the_surrogate_is_told_the_round_and_what_memory_holds() -> None:
    surrogate = Scripted(retrieve(k=2), finish(TEN[:2]))
    explorer(surrogate, max_rounds=5).explore(user())
    assert [(m.step, m.max_rounds, m.n, m.last_round) for m in surrogate.moments] == [
        (1, 5, 10, False),
        (2, 5, 10, False),
    ]
    assert surrogate.moments[1].attributes == ("genre", "year")
    assert list(surrogate.moments[1].candidates) == [1, 2]


def test_what_the_surrogate_saw_is_recorded_with_the_facts_of_every_item() -> None:
    trajectory = explore(retrieve("genre", 1, value="Crime"), finish(["111"]))
    assert (trajectory.user_id, trajectory.dataset, trajectory.surrogate) == ("u0", "small", "scripted")
    assert trajectory.newest == (HistoryItem("115", None), HistoryItem("116", None))
    assert trajectory.items.keys() == {"115", "116", "111"}
    assert trajectory.items["111"].attributes["genre"] == ["Crime"]
    observation = trajectory.steps[0].observation
    assert isinstance(observation, Shown)
    assert [(item.item_id, item.rank, item.new, item.marks) for item in observation.items] == [
        ("111", 4, True, ("retrieve:genre=Crime",))
    ]


def test_the_newest_ten_of_the_history_are_told_newest_last_with_their_ratings() -> None:
    rated = replace(user(range(1, 13)), ratings=np.array([i / 2 for i in range(12)], dtype=np.float32))
    trajectory = explorer(Scripted(ALL)).explore(rated)
    assert trajectory.newest[0] == HistoryItem("103", 1.0)
    assert trajectory.newest[-1] == HistoryItem("112", 5.5)
    assert (len(trajectory.newest), trajectory.n_history) == (10, 12)


def test_an_item_that_was_not_rated_has_no_rating() -> None:
    """Where some interactions have a rating and some have none, the array holds NaN, which is no rating."""
    rated = replace(user([1, 2]), ratings=np.array([4.5, np.nan], dtype=np.float32))
    assert explorer(Scripted(ALL)).explore(rated).newest == (HistoryItem("101", 4.5), HistoryItem("102", None))


class Says:
    """A ranker that says what it was made to say."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]]:
        return [(name, None) for name in self._names]

    def note(self, context: Context) -> str:
        return ""


def test_what_a_ranker_makes_up_is_turned_away() -> None:
    """Defect 6 of the released code: nothing checks a ranking."""
    ranker = Says("103", "Nosferatu", "115", "103", "101")
    step = explore(retrieve(k=5), rank(), ranker=ranker).steps[1]
    assert isinstance(step.observation, Shown)
    assert [item.item_id for item in step.observation.items] == ["103", "101"]
    assert step.observation.rejected == (
        Rejected("Nosferatu", "not in the catalogue"),
        Rejected("115", "already in the history"),
        Rejected("103", "named twice"),
    )


def test_a_ranker_cannot_bring_in_an_item_that_was_no_candidate() -> None:
    """Defect 6 of the released code: nothing checks that ranked items were candidates. Ranking orders; it does not find."""
    trajectory = explore(retrieve(k=2), rank(), finish(["109", "102"]), n=2, ranker=Says("109", "102"))
    assert "109" not in shown(trajectory)
    assert "109" not in listed(trajectory)


def test_a_rankers_slips_do_not_cost_a_place() -> None:
    """k items are asked for; what is turned away is not one of them."""
    step = explore(retrieve(k=5), rank(k=2), ranker=Says("Nosferatu", "103", "101", "102")).steps[1]
    assert isinstance(step.observation, Shown)
    assert [item.item_id for item in step.observation.items] == ["103", "101"]


def test_twice_the_same_and_the_same_alone_as_among_others() -> None:
    script = [ALL, retrieve("genre", 7), rank("genre", 10), finish(TEN)]
    house = explorer(Scripted(*script))
    alone = encode(explorer(Scripted(*script)).explore(user([3, 4], 1)))
    among = [encode(house.explore(user(history, index))) for index, history in enumerate([[1], [3, 4], []])]
    assert among[1] == alone == encode(house.explore(user([3, 4], 1)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=6,
)
arguments = st.fixed_dictionaries(
    {},
    optional={
        "attribute": st.sampled_from(["genre", "year", "price", "plot", None]) | json_values,
        "k": st.integers(1, 30) | st.integers(-5, 300) | json_values,
        "value": st.sampled_from(["Drama", "1990s", "1955-1960", "$10"]) | json_values,
    },
)
names = st.integers(1, N_ITEMS + 2).map(lambda item: str(100 + item)) | st.sampled_from(["Alpha", "Twin", ""])
actions = st.one_of(
    st.builds(retrieve, st.sampled_from([None, "genre", "year"]), st.integers(1, 20)),
    st.builds(rank, st.sampled_from([None, "genre", "price"]), st.integers(1, 20)),
    st.builds(finish, st.lists(names, max_size=20)),
    st.builds(Action, st.sampled_from(["retrieve", "rank", "finish"]) | st.text(max_size=5), arguments),
    st.builds(Action, st.just("finish"), st.dictionaries(st.sampled_from(["items", "list"]), json_values)),
)


@given(
    st.lists(actions, min_size=1, max_size=7),
    st.sets(st.integers(1, N_ITEMS)),
    st.integers(1, 12),
    st.integers(1, 7),
)
def test_any_behaviour_ends_with_a_valid_list_or_a_counted_failure(
    script: list[Action], history: set[int], n: int, max_rounds: int
) -> None:
    trajectory = explore(*script, history=sorted(history), n=n, max_rounds=max_rounds)
    final = listed(trajectory)
    assert set(final) <= shown(trajectory)
    assert not set(final) & set(ids(history))
    assert len(set(final)) == len(final) == min(n, len(final))
    assert [entry.rank for entry in trajectory.ranking] == list(range(1, len(final) + 1))
    assert 1 <= len(trajectory.steps) <= max_rounds
    assert trajectory.status is not Status.RUNNING
    assert bool(final) == (trajectory.status is not Status.FAILED)
    assert (kinds(trajectory)[-1] == "finished") == (trajectory.status in (Status.FINISHED, Status.PADDED))
    assert any(entry.padded for entry in trajectory.ranking) == (trajectory.status is Status.PADDED)
    assert decode(encode(trajectory), "line 1") == trajectory


@pytest.mark.parametrize(
    "arguments",
    [
        {"k": 5, "attribute": json.loads('"\\ud83d"')},
        {"k": json.loads("NaN")},
        {"k": json.loads("1e999")},
        {"k": json.loads("[" * 300 + "]" * 300)},
        {"k": 10**400},
    ],
    ids=["half a character", "no number", "infinity", "nested", "huge"],
)
def test_the_oddest_json_is_refused_and_its_record_can_be_written_and_read(arguments: dict[str, Any]) -> None:
    trajectory = explore(Action("retrieve", arguments), ALL, finish(TEN))
    assert kinds(trajectory) == ["refused", "shown", "finished"]
    line = encode(trajectory)
    assert encode(decode(line, "line 1")) == line


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("arguments", [["genre", 10], "genre, 10", None])
def test_arguments_that_are_no_object_are_refused_and_recorded(arguments: Any) -> None:
    trajectory = explore(Action("retrieve", arguments), ALL, finish(TEN))
    assert kinds(trajectory) == ["refused", "shown", "finished"]
    assert listed(decode(encode(trajectory), "line 1")) == TEN


def test_the_history_is_left_out_even_when_every_tool_likes_it_best() -> None:
    scores = [100.0 if item in HISTORY else 1.0 for item in range(1, N_ITEMS + 1)]
    surrogate = Scripted(ALL, retrieve("genre", 50), rank(k=50), finish(ids(HISTORY)))
    house = explorer(surrogate, scorer=WrittenScores({None: scores, "genre": scores}))
    assert not shown(house.explore(user())) & set(ids(HISTORY))
