"""Names that go wrong: each error by itself, and the ledger of what becomes of them."""

import numpy as np
import pytest

from toolrec_cli.evaluation.noise import GARBLES, Ledger, Noise, NoisyTool, case, swap, synonym, typo
from toolrec_cli.tools.protocol import Proposal
from toolrec_cli.tools.retrieve import RetrievalTool, RetrieveArguments
from tools.small_world import WrittenScores, catalog, context

CATALOG = catalog()
EVERYTHING = RetrieveArguments(attribute=None, k=14)


def called(noise: Noise, step: int = 2) -> tuple[Proposal, Ledger]:
    tool = NoisyTool(RetrievalTool(WrittenScores()), noise, CATALOG)
    said = tool(EVERYTHING, context(step=step))
    assert isinstance(said, Proposal)
    return said, tool.ledger


def test_each_error_by_itself() -> None:
    rng = np.random.default_rng(1)
    assert case("101", CATALOG, rng) == "aLPHA"
    assert synonym("101", CATALOG, rng) == "Alpha (the one)"
    assert CATALOG.resolve(swap("101", CATALOG, rng)) is not None
    for _ in range(50):
        assert typo("102", CATALOG, rng) != "102"
        assert typo("7", CATALOG, rng) != "7"


@pytest.mark.parametrize("kind", list(GARBLES))
def test_no_error_at_rate_0(kind: str) -> None:
    said, ledger = called(Noise(kind, 0.0))
    assert [item.name for item in said.items] == [CATALOG.item_id(item) for item in range(1, 15)]
    assert (ledger.named, ledger.garbled, ledger.failed, ledger.slipped) == (14, 0, 0, 0)


def test_every_name_at_rate_1() -> None:
    """Titles in the other case are known all the same; but two films are called Twin, and that name can mean neither."""
    said, ledger = called(Noise("case", 1.0, reruns=2))
    assert [item.rank for item in said.items] == list(range(1, 15))
    assert (ledger.garbled, ledger.failed, ledger.rerun, ledger.recovered, ledger.lost) == (14, 2, 2, 0, 2)


def test_running_again_brings_back_what_comes_out_right() -> None:
    _, once = called(Noise("typo", 0.5, reruns=0))
    _, often = called(Noise("typo", 0.5, reruns=8))
    assert once.lost == once.failed == often.failed > 0
    assert (often.recovered, often.lost) == (often.failed, 0)


def test_a_swap_slips_through() -> None:
    _, ledger = called(Noise("swap", 1.0, reruns=3))
    assert (ledger.failed, ledger.rerun) == (0, 0)
    assert ledger.slipped == ledger.garbled > 10


def test_errors_are_those_of_seed_user_and_step() -> None:
    assert called(Noise("typo", 0.5))[0] == called(Noise("typo", 0.5))[0]
    assert called(Noise("typo", 0.5))[0] != called(Noise("typo", 0.5, seed=1))[0]
    assert called(Noise("typo", 0.5))[0] != called(Noise("typo", 0.5), step=3)[0]


def test_refusals_pass_through() -> None:
    tool = NoisyTool(RetrievalTool(WrittenScores()), Noise("typo", 1.0), CATALOG)
    assert not isinstance(tool(RetrieveArguments(attribute="nope", k=3), context()), Proposal)
    assert (tool.name, tool.ledger.calls) == ("retrieve", 0)
    assert tool.Arguments is RetrieveArguments
    assert tool.about == RetrievalTool.about
