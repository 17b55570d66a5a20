"""Intervals and paired tests: exact small cases, coverage and false alarms by simulation, size and repeatability."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from toolrec_cli.evaluation import significance
from toolrec_cli.evaluation.significance import (
    FLIPS,
    Interval,
    Paired,
    intervals,
    minimum_detectable_difference,
    paired,
)
from toolrec_cli.seeds import stream


def _exact_p(differences: npt.NDArray[np.float64]) -> float:
    """Over all sign flips."""
    observed = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return sum(total >= observed - 1e-9 for total in sums) / len(sums)


def test_a_constant_has_no_width() -> None:
    values = np.column_stack([np.full(50, 0.25), np.zeros(50), np.ones(50)])
    assert intervals(values, stream(1, "b")) == [Interval(v, v, v, len(values)) for v in (0.25, 0.0, 1.0)]


def test_one_user() -> None:
    assert intervals(np.array([[0.5]]), stream(1, "b")) == [Interval(0.5, 0.5, 0.5, 1)]
    assert paired(np.array([[0.5]]), stream(1, "b")) == [Paired(0.5, 0.5, 0.5, 1.0)]


def test_a_share_of_hits_has_the_width_that_theory_gives() -> None:
    hits = np.zeros((6040, 1))
    hits[:604] = 1
    (found,) = intervals(hits, stream(1, "b"))
    half = 1.96 * math.sqrt(0.1 * 0.9 / 6040)
    assert found.mean == pytest.approx(0.1, abs=1e-12)
    assert found.low == pytest.approx(0.1 - half, rel=0.01)
    assert found.high == pytest.approx(0.1 + half, rel=0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """300 experiments, a column each, of 120 users with P(hit) = 0.3."""
    values = (stream(2, "sample").random((120, 300)) < 0.3).astype(np.float64)
    covered = np.mean([found.low <= 0.3 <= found.high for found in intervals(values, stream(2, "b"))])
    assert 0.90 <= covered <= 0.98


def test_identical_lists_differ_by_nothing() -> None:
    assert paired(np.zeros((200, 2)), stream(1, "p")) == [Paired(0.0, 0.0, 0.0, 1.0, None, 0.0)] * 2


@pytest.mark.parametrize(
    "differences", [[1.0, 1, 1, 1, 1, 1], [1.0, 1, -1, 1, 1, 0], [0.5, 0.2, -0.1, 0.4, 0.63, -0.3], [1.0, -1, 1, -1]]
)
def test_p_is_that_of_all_sign_flips(differences: list[float]) -> None:
    values = np.array(differences)
    (found,) = paired(values[:, None], stream(3, "p"))
    assert found.difference == pytest.approx(values.mean())
    assert found.p_value == pytest.approx(_exact_p(values), abs=0.02)


def test_p_is_never_0() -> None:
    (found,) = paired(np.ones((100, 1)), stream(1, "p"))
    assert found.p_value == 1 / (1 + FLIPS)


def test_p_is_about_uniform_when_nothing_differs() -> None:
    differences = stream(4, "null").normal(size=(80, 400))
    p = np.array([found.p_value for found in paired(differences, stream(4, "p"))])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_a_clear_difference_is_seen_and_its_sign_kept() -> None:
    values = stream(5, "effect").normal(0.5, 1, size=(200, 1))
    better, worse = paired(np.hstack([values, -values]), stream(5, "p"))
    assert better.p_value == worse.p_value < 0.001
    assert 0 < better.low < better.difference < better.high
    assert (worse.difference, worse.high) == pytest.approx((-better.difference, -better.low), abs=0.02)


def test_a_column_does_not_depend_on_the_others() -> None:
    """All columns share one draw, so a comparison is the same whatever else is in the table."""
    values = stream(6, "v").random((90, 3))
    alone, together = paired(values[:, 2:], stream(6, "p")), paired(values, stream(6, "p"))
    assert alone[0].p_value == together[2].p_value
    assert (alone[0].low, alone[0].high) == pytest.approx((together[2].low, together[2].high), abs=1e-12)


def test_same_seed_same_answer_other_seed_another() -> None:
    values = stream(7, "v").random((60, 1))
    assert intervals(values, stream(7, "b")) == intervals(values, stream(7, "b"))
    assert intervals(values, stream(7, "b")) != intervals(values, stream(8, "b"))


def test_an_interval_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = stream(9, "v").random((50, 1))
    whole = intervals(values, stream(9, "b"))
    monkeypatch.setattr(significance, "_HELD", 350)  # seven resamples at once
    (piecewise,) = intervals(values, stream(9, "b"))
    assert (piecewise.low, piecewise.high) == pytest.approx((whole[0].low, whole[0].high), abs=1e-12)


def test_p_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = stream(9, "v").normal(0.2, 1, size=(70, 2))  # 70: more than a word a row, and a broken one
    whole = [found.p_value for found in paired(differences, stream(9, "p"))]
    monkeypatch.setattr(significance, "_HELD", 70 * 13)
    assert [found.p_value for found in paired(differences, stream(9, "p"))] == whole


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e6])
def test_p_does_not_depend_on_the_unit(scale: float) -> None:
    """0.1 + 0.2 is not 0.3 in binary: equal sums are told from unequal ones at any scale."""
    differences = np.array([[0.1], [0.2], [0.3], [-0.1], [0.7]])
    (plain,), (scaled,) = paired(differences, stream(9, "p")), paired(differences * scale, stream(9, "p"))
    assert plain.p_value == scaled.p_value == pytest.approx(_exact_p(differences[:, 0]), abs=0.02)


def test_more_users_than_are_held_at_once_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "_HELD", 10)
    (found,) = intervals(np.ones((40, 1)), stream(1, "b"))
    assert found == Interval(1.0, 1.0, 1.0, 40)


def test_minimum_detectable_difference() -> None:
    differences = np.tile([1.0, -1.0], 200)
    expected = (1.959964 + 0.841621) * differences.std(ddof=1) / 20
    assert minimum_detectable_difference(differences) == pytest.approx(expected, rel=1e-4)
    assert minimum_detectable_difference(np.tile(differences, 4)) == pytest.approx(expected / 2, rel=2e-3)
    assert minimum_detectable_difference(np.zeros(10)) == 0
    assert minimum_detectable_difference(np.ones(1)) == math.inf


def test_the_detectable_difference_is_found_four_times_out_of_five() -> None:
    n = 100
    size = minimum_detectable_difference(np.tile([1.0, -1.0], n // 2))
    differences = stream(10, "power").normal(size, 1, size=(n, 400))
    assert np.mean([found.p_value < 0.05 for found in paired(differences, stream(10, "p"))]) == pytest.approx(
        0.8, abs=0.07
    )
