"""The whole way: the LLM surrogate, the stack, the SDK, HTTP, a server that plays the model, well and badly."""

from collections.abc import Callable
from pathlib import Path

import pytest
from doubles import all_at_once

from agent.playing import PROTOCOLS, assert_sound, brief, house, played
from agent.scripted import listed
from toolrec_cli.agent.trajectory import Status, Trajectory
from toolrec_cli.errors import BudgetSpent
from toolrec_cli.llm.budgeted import Limits
from toolrec_cli.llm.metered import metered
from toolrec_cli.llm.recorded import Exchange
from toolrec_cli.llm.replayed import Replayed
from toolrec_cli.llm.stack import ModelOptions, Stack, build, cache_path
from toolrec_cli.testing import Fault, LoopbackServer, seeded
from toolrec_cli.testing.surrogate import PlayedSurrogate
from tools.small_world import HISTORY, ids, user

Serve = Callable[..., LoopbackServer]

STORM = {Fault.RATE_LIMIT_AFTER: 0.05, Fault.UNAVAILABLE: 0.05, Fault.RESET: 0.05, Fault.UNKNOWN_PARAMETER: 0.05}


def what_was_done(trajectory: Trajectory) -> list[tuple[str, dict[str, object]]]:
    return [(step.action.tool, dict(step.action.arguments)) for step in trajectory.steps]


def stacked(server: LoopbackServer, workspace: Path, **more: object) -> Stack:
    options = ModelOptions("m", server.base_url, cache=cache_path(workspace), concurrency=16, **more)  # type: ignore[arg-type]
    return build(options, {}, workspace)


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_over_http_it_does_what_it_does_without(serve: Serve, tmp_path: Path, protocol: str, api: str) -> None:
    without, _ = played(protocol=protocol)
    stack = stacked(serve(PlayedSurrogate()), tmp_path, api=api)
    over = house(stack.model, brief(protocol)).explore(user())
    assert what_was_done(over) == what_was_done(without)
    assert listed(over) == listed(without)
    assert over.status is Status.FINISHED
    stack.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_many_users_through_a_storm_with_one_reply_in_five_gone_wrong(
    serve: Serve, tmp_path: Path, protocol: str
) -> None:
    server = serve(seeded(PlayedSurrogate(0.2, seed=5), STORM))
    stack = stacked(server, tmp_path)
    explore = house(stack.model, brief(protocol)).explore
    found = all_at_once([lambda: explore(user()) for _ in range(24)])
    assert all(isinstance(each, Trajectory) for each in found), [each for each in found if isinstance(each, Exception)]
    for each in found:
        assert isinstance(each, Trajectory)
        assert_sound(each, ids(HISTORY))
    total = stack.ledger.total
    assert total.failures == 0
    assert total.calls < 24 * 4, "the same user asks the same questions: most answers are shared"
    assert total.cache_hits > total.calls
    stack.close()


def test_what_was_recorded_answers_again_without_a_server(serve: Serve, tmp_path: Path) -> None:
    log: list[Exchange] = []
    server = serve(PlayedSurrogate(0.3, seed=2))
    stack = build(ModelOptions("m", server.base_url), {}, tmp_path, sink=log.append)
    first = house(metered(stack.model, "42"), brief()).explore(user())
    assert {each.label for each in log} == {"42"}
    asked = server.count
    again = house(Replayed(log), brief()).explore(user())
    assert what_was_done(again) == what_was_done(first)
    assert (server.count, again.surrogate) == (asked, "m")
    stack.close()


def test_a_budget_ends_an_exploration_and_a_higher_one_goes_on_from_the_cache(serve: Serve, tmp_path: Path) -> None:
    server = serve(PlayedSurrogate())
    small = stacked(server, tmp_path, limits=Limits(calls=2))
    explore = house(small.model, brief()).explore
    with pytest.raises(BudgetSpent):
        explore(user())
    small.close()
    large = stacked(server, tmp_path, limits=Limits(calls=100))
    assert house(large.model, brief()).explore(user()).status is Status.FINISHED
    assert server.count == large.ledger.total.calls + 2
    assert large.ledger.total.cache_hits == 2
    large.close()
