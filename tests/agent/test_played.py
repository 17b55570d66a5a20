"""The played surrogate that tests and examples use: the same for the same request, and bad in every way it promises."""

import pytest

from agent.playing import PROTOCOLS, played
from toolrec_cli.testing.played_model import as_chat
from toolrec_cli.testing.surrogate import MISDEEDS, PlayedSurrogate


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_answers_the_same_request_in_the_same_way(protocol: str) -> None:
    first, second = PlayedSurrogate(0.5, 7), PlayedSurrogate(0.5, 7)
    _, model = played(PlayedSurrogate(0.5, 1), protocol)
    for request in model.requests:
        chat = as_chat(request)
        assert first(chat) == first(chat) == second(chat)


def test_a_fifth_of_its_replies_is_bad_when_it_is_told_so() -> None:
    played_by = PlayedSurrogate(0.2, 1)
    for seed in range(150):
        played_by.seed = seed
        played(played_by)
    total = sum(played_by.counts.values())
    assert 0.15 < 1 - played_by.counts["well"] / total < 0.25


def test_every_misdeed_comes_to_pass() -> None:
    played_by = PlayedSurrogate(1.0)
    for seed in range(60):
        played_by.seed = seed
        played(played_by)
    assert played_by.counts.keys() == MISDEEDS.keys()


def test_only_the_misdeeds_it_is_told() -> None:
    played_by = PlayedSurrogate(1.0, misdeeds=("empty",))
    played(played_by)
    assert set(played_by.counts) == {"empty"}
