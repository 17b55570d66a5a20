"""Figures by kind of user."""

import numpy as np
import pytest

from toolrec_cli.evaluation.groups import UNMET, Traits, grouped, members
from toolrec_cli.evaluation.significance import holm

TRAITS = Traits(np.arange(1, 10), np.array([5] * 9), np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan]))


def test_thirds_and_what_nobody_had_met() -> None:
    found = {key: np.flatnonzero(who).tolist() for key, who in members(TRAITS).items()}
    assert found == {
        ("history length", "up to 3"): [0, 1, 2],
        ("history length", "4 to 6"): [3, 4, 5],
        ("history length", "above 6"): [6, 7, 8],
        ("held-out item's popularity", "up to 5"): list(range(9)),
        ("held-out item's age", "newest third"): [0, 1, 2],
        ("held-out item's age", "middle third"): [3, 4],
        ("held-out item's age", "oldest third"): [5, 6, 7],
        ("held-out item's age", UNMET): [8],
    }


def test_without_times_nobody_has_an_age() -> None:
    assert {by for by, _ in members(Traits(TRAITS.history, TRAITS.popularity, None))} == {
        "history length",
        "held-out item's popularity",
    }


def test_every_group_s_mean_and_difference() -> None:
    base, better = np.zeros(9), np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0])
    groups = grouped({"base": base, "better": better}, "ndcg@10", TRAITS, "base", seed=1)
    first = groups[0]
    assert (first.n_users, first.rows["better"].mean, first.versus["better"].difference) == (3, 1.0, 1.0)
    assert list(first.versus) == ["better"]
    assert all(each.p_holm is not None and each.p_holm >= each.p_value for g in groups for each in g.versus.values())


def test_a_baseline_alone_is_compared_with_nothing() -> None:
    assert grouped({"base": np.zeros(9)}, "ndcg@10", TRAITS, "base", seed=1)[0].versus == {}


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5], [0.5]),
        ([], []),
        ([0.9, 0.8], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
    ],
)
def test_holm_s_correction(given: list[float], corrected: list[float]) -> None:
    assert holm(given) == pytest.approx(corrected)
