"""The built-in surrogate: it says what is missing, asks the tool that knows, and ends in time, whatever the data."""

from collections import defaultdict
from collections.abc import Iterable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.scripted import explorer, kinds, listed
from toolrec_cli.agent.builtin import BuiltinSurrogate, Habits
from toolrec_cli.agent.codec import encode
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.trajectory import Refused, Status, Trajectory
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets
from toolrec_cli.tools.protocol import Action
from tools.small_world import FILMS, N_ITEMS, WrittenScores, ids, toolbox, user

ASCENDING = [20.0 - item for item in range(1, N_ITEMS + 1)]


def _explore(
    history: Iterable[int],
    n: int = 4,
    max_rounds: int = 7,
    scores: dict[str | None, list[float]] | None = None,
    n_items: int = N_ITEMS,
    habits: Habits | None = None,
) -> Trajectory:
    scorer = WrittenScores(scores, n_items)
    house = explorer(BuiltinSurrogate(habits), n=n, max_rounds=max_rounds, scorer=scorer, n_items=n_items)
    return house.explore(user(history))


def _avoidable(trajectory: Trajectory) -> list[str]:
    """Why it was refused, but for having everything of a value already."""
    refused = (step.observation for step in trajectory.steps if isinstance(step.observation, Refused))
    return [found.reason for found in refused if "already has every item with" not in found.reason]


def _said(trajectory: Trajectory) -> list[Action]:
    return [step.action for step in trajectory.steps]


def test_it_asks_the_backbone_first_and_says_what_the_history_is_made_of() -> None:
    first = _explore([3, 10]).steps[0]
    assert first.action == Action("retrieve", {"attribute": None, "k": 50})
    assert first.thought == (
        "I have chosen 2 items. Lately, by genre Comedy (100 %); by year 1980s (51 %) and 1950s (49 %). "
        "First: what usually follows a history like mine?"
    )


def test_it_names_what_is_missing_and_asks_the_tool_of_the_worst_fitting_attribute() -> None:
    """Comedies were chosen; the list 1, 2, 5, 6 is drama (2½ of 4) and crime (1½ of 4)."""
    second = _explore([3, 4, 10]).steps[1]
    assert second.action == Action("retrieve", {"attribute": "genre", "k": 50})
    assert second.thought == (
        "By genre the list so far is 100 % away from my history: I miss Comedy (0 % of the list, 100 % of my history); "
        "there is too much Drama (62 % of the list, 0 % of my history) and Crime (38 % of the list, 0 % of my history). "
        "I ask the tool that has read the genre of everything I chose."
    )


def test_another_attribute_fits_worse_and_is_asked_instead() -> None:
    """Dramas of the nineties: the list 1, 2, 3, 4 holds no film of the nineties, but drama."""
    second = _explore([5, 9, 12, 13, 14], n=1).steps[1]
    assert second.action.arguments["attribute"] == "year"
    assert second.thought.startswith(
        "By year the list so far is 100 % away from my history: I miss 1990s (0 % of the list"
    )


def _naive_divergence(column: int, history: list[int], listed: list[int]) -> float:
    def made_of(weighted: list[tuple[int, float]]) -> dict[str, float]:
        totals: dict[str, float] = defaultdict(float)
        for item, weight in weighted:
            value = FILMS[item - 1][column]
            found = value if isinstance(value, list) else [] if value is None else [f"{int(str(value)) // 10}0s"]
            for label in found:
                totals[label] += weight / len(found)
        return {label: total / sum(totals.values()) for label, total in totals.items()}

    wanted = made_of([(item, 0.5 ** (age / 20)) for age, item in enumerate(history[::-1])])
    present = made_of([(item, 1.0) for item in listed])
    differences = [abs(wanted.get(x, 0.0) - present.get(x, 0.0)) for x in {*wanted, *present}]
    return 0.5 * sum(differences) if wanted else 0.0


@given(st.lists(st.integers(1, N_ITEMS), unique=True, min_size=1, max_size=10), st.integers(1, 6))
def test_the_attribute_that_is_consulted_is_the_one_that_diverges_most(history: list[int], n: int) -> None:
    trajectory = _explore(history, n=n)
    best = [item for item in range(1, N_ITEMS + 1) if item not in history][:n]
    by_naive = {name: _naive_divergence(column, history, best) for name, column in (("genre", 2), ("year", 3))}
    consulted = trajectory.steps[1].action
    if consulted.tool == "retrieve" and "value" not in consulted.arguments:
        name = consulted.arguments["attribute"]
        assert by_naive[name] == pytest.approx(max(by_naive.values())) or by_naive[name] == 0.0
        assert by_naive[name] > 0.1 or not any(FILMS[item - 1][2 if name == "genre" else 3] for item in history)
    else:
        assert max(by_naive.values()) <= 0.1 + 1e-9


def test_what_the_tools_do_not_bring_it_asks_for_by_value_once() -> None:
    """The genre tool knows no better than the backbone, so comedy is asked for outright; then it orders and finishes."""
    trajectory = _explore([3, 4, 10], scores={None: ASCENDING, "genre": ASCENDING}, habits=Habits(k=6))
    assert _said(trajectory) == [
        Action("retrieve", {"attribute": None, "k": 6}),
        Action("retrieve", {"attribute": "genre", "k": 6}),
        Action("retrieve", {"attribute": "genre", "k": 10, "value": "Comedy"}),
        Action("rank", {"attribute": "genre", "k": 4}),
        Action("finish", {"items": listed(trajectory)}),
    ]
    assert trajectory.steps[2].thought == (
        "I still miss Comedy (0 % of the list, 100 % of my history). I ask for Comedy outright."
    )
    assert kinds(trajectory) == ["shown", "shown", "shown", "shown", "finished"]


def test_it_does_not_spend_a_round_on_a_value_of_which_the_user_has_every_item() -> None:
    """History: all comedies and dramas there are. What is missing of them cannot be had."""
    comedies_and_dramas = [1, 2, 3, 4, 5, 7, 9, 10, 14, 16]
    trajectory = _explore(comedies_and_dramas, scores={None: ASCENDING, "genre": ASCENDING})
    assert "refused" not in kinds(trajectory)


def test_its_last_words_are_of_the_list_it_keeps() -> None:
    """The thought that finishes says how well the final list fits, not how well another one did before the ranking."""
    trajectory = _explore([3, 4, 10])
    final = [int(item_id) - 100 for item_id in listed(trajectory)]
    agreement = 1 - _naive_divergence(2, [3, 4, 10], final)
    assert f"{100 * agreement:.0f} % by genre" in trajectory.steps[-1].thought


def test_where_everything_fits_it_asks_no_more() -> None:
    """The list 1, 5 is all drama, as is the history."""
    scores = {None: [9.0 if item in (1, 5) else 0.0 for item in range(1, N_ITEMS + 1)], "genre": ASCENDING}
    trajectory = _explore([9], n=2, scores=scores)
    assert [action.tool for action in _said(trajectory)] == ["retrieve", "rank", "finish"]
    assert trajectory.steps[-1].thought == "What I hold agrees with my history 100 % by genre. I keep the list."


def test_it_finishes_with_what_was_ranked_last() -> None:
    trajectory = _explore([3, 4, 10])
    ranked = next(step.observation for step in trajectory.steps if step.action.tool == "rank")
    assert [item.item_id for item in ranked.items] == listed(trajectory)  # type: ignore[union-attr]


@pytest.mark.parametrize("max_rounds", range(1, 8))
@pytest.mark.parametrize(
    "history", [[3, 4, 10], [], [12], list(range(1, 15))], ids=["comedies", "none", "unlabelled", "long"]
)
def test_it_stays_within_its_rounds_and_calls_its_tools_rightly(max_rounds: int, history: list[int]) -> None:
    trajectory = _explore(history, max_rounds=max_rounds)
    assert len(trajectory.steps) <= max_rounds
    assert _avoidable(trajectory) == []
    assert trajectory.status is (Status.FORCED if max_rounds == 1 else Status.FINISHED)
    assert len(trajectory.ranking) == min(4, N_ITEMS - len(history))


@pytest.mark.parametrize("max_rounds", range(2, 8))
def test_it_keeps_the_last_two_rounds_for_ordering_and_finishing(max_rounds: int) -> None:
    """With two rounds in all, there is one for retrieving and one for finishing."""
    tools = [action.tool for action in _said(_explore([3, 4, 10], max_rounds=max_rounds))]
    assert tools[-2:] == (["retrieve", "finish"] if max_rounds == 2 else ["rank", "finish"])
    assert len(tools) == min(max_rounds, 6)


def test_without_attributes_it_asks_the_backbone_orders_and_finishes() -> None:
    trajectory = _explore([3, 4], scores={None: ASCENDING})
    assert [action.tool for action in _said(trajectory)] == ["retrieve", "rank", "finish"]
    assert listed(trajectory) == ids([1, 2, 5, 6])
    assert trajectory.steps[0].thought == "I have chosen 2 items. First: what usually follows a history like mine?"


def test_a_text_attribute_cannot_be_counted_but_is_asked() -> None:
    trajectory = _explore([3, 4], scores={None: ASCENDING, "plot": ASCENDING[::-1]})
    assert _said(trajectory)[1] == Action("retrieve", {"attribute": "plot", "k": 50})
    assert trajectory.steps[1].thought == "I cannot count plot, but the tool that has read it may know more. I ask it."
    assert [action.tool for action in _said(trajectory)] == ["retrieve", "retrieve", "rank", "finish"]


def test_a_user_without_a_history_gets_a_list() -> None:
    trajectory = _explore([])
    assert (trajectory.status, len(trajectory.ranking)) == (Status.FINISHED, 4)
    assert trajectory.steps[0].thought.startswith("I have chosen 0 items. First:")


@pytest.mark.parametrize("n_items", [1, 2, 5])
def test_a_catalogue_smaller_than_the_list_gives_all_there_is(n_items: int) -> None:
    trajectory = _explore([1] if n_items > 1 else [], n=10, n_items=n_items)
    assert trajectory.status is Status.FINISHED
    assert sorted(listed(trajectory)) == ids(range(1 if n_items == 1 else 2, n_items + 1))


def test_a_user_who_has_everything_fails_aloud() -> None:
    trajectory = _explore(range(1, N_ITEMS + 1), max_rounds=3)
    assert (trajectory.status, trajectory.ranking) == (Status.FAILED, ())


@pytest.mark.parametrize("n", [60, 100, 250])
def test_a_long_list_is_asked_for_in_full_and_without_a_refusal(n: int) -> None:
    """300 items, no attributes: whoever wants so many (`--n 100`, `eval --k 250`) gets them, at most 200 at a call."""
    frame = pl.DataFrame({"item_id": [str(i) for i in range(1, 301)], "title": [f"Film {i}" for i in range(1, 301)]})
    items = Catalog(frame, [])
    tools = toolbox(WrittenScores({None: [float(-item) for item in range(1, 301)]}))
    wide = Explorer(BuiltinSurrogate(), tools, items, Facets(items), (), "wide", Limits(n=n))
    trajectory = wide.explore(user([]))
    assert "refused" not in kinds(trajectory)
    assert len(trajectory.ranking) >= min(n, 200)


def test_deterministic() -> None:
    assert encode(_explore([3, 4, 10])) == encode(_explore([3, 4, 10]))


@given(
    st.lists(st.integers(1, N_ITEMS), max_size=20),
    st.integers(1, 12),
    st.integers(1, 7),
    st.permutations([None, "genre", "year", "price", "plot"]),
    st.integers(1, 20),
)
def test_any_history_and_any_tools_end_in_a_full_list(
    history: list[int], n: int, max_rounds: int, tools: list[str | None], k: int
) -> None:
    scores = {
        name: [float((item * (place + 3)) % 17) for item in range(1, N_ITEMS + 1)] for place, name in enumerate(tools)
    }
    trajectory = _explore(history, n=n, max_rounds=max_rounds, scores=scores, habits=Habits(k=k))
    reachable = N_ITEMS - len(set(history))
    assert _avoidable(trajectory) == [] or not reachable
    assert len(trajectory.ranking) >= min(n, k, reachable)
    assert len(trajectory.steps) <= max_rounds
    assert len(set(_asked(trajectory))) == len(_asked(trajectory)) or not reachable


def _asked(trajectory: Trajectory) -> list[str]:
    return [str(action.arguments) for action in _said(trajectory) if action.tool == "retrieve"]
