"""The far tail of the randomisation test: against all sign flips where they can be counted, and how far out it goes."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from toolrec_cli.evaluation.significance import FLIPS, holm_corrected, paired
from toolrec_cli.evaluation.tail import tail
from toolrec_cli.seeds import stream


def _exact_p(differences: npt.NDArray[np.float64]) -> float:
    """Over all 2 ** n sign flips, by doubling up the sums."""
    sums = np.zeros(1)
    for each in differences:
        sums = np.concatenate([sums + each, sums - each])
    return float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())


@pytest.mark.parametrize("shift", [0.3, 0.8, 1.2, 1.6, 2.5])
def test_it_is_that_of_all_sign_flips(shift: float) -> None:
    differences = stream(11, "tail", str(shift)).normal(shift, 1, size=20)
    assert tail(differences) == pytest.approx(_exact_p(differences), rel=0.3)


def test_gains_that_come_in_steps_and_are_mostly_0() -> None:
    """As NDCG's differences are: few users differ, and by few amounts."""
    differences = np.array([0.0] * 400 + [1.0] * 9 + [0.5] * 7 + [-0.63] * 2 + [0.39] * 3)
    assert tail(differences) == pytest.approx(_exact_p(differences[differences != 0]), rel=0.3)


def test_all_of_one_sign_is_one_of_all_flips_and_its_mirror() -> None:
    assert tail(np.ones(30)) == 2.0**-29
    assert tail(-np.array([0.2, 0.7, 0.1, 0.0])) == 0.25


def test_no_difference_is_no_evidence() -> None:
    assert tail(np.zeros(5)) == 1.0
    assert tail(np.array([1.0, -1.0])) == 1.0


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_it_does_not_depend_on_the_unit_nor_on_the_sign(scale: float) -> None:
    differences = stream(12, "tail").normal(0.4, 1, size=500)
    assert tail(differences * scale) == pytest.approx(tail(differences), rel=1e-6)
    assert tail(-differences) == tail(differences)


def test_far_out_it_goes_with_the_normal_tail_of_many_users() -> None:
    differences = stream(13, "tail").normal(0.0, 1, size=20_000)
    differences += 5 * differences.std() / math.sqrt(len(differences)) - differences.mean()
    z = differences.sum() / math.sqrt((differences**2).sum())
    assert tail(differences) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.05)


def test_holm_is_not_held_up_by_the_number_of_flips() -> None:
    """A hundred rows: by flips alone none of them could have a corrected p below 0.01."""
    differences = stream(14, "tail").normal(0.5, 1, size=(400, 100))
    found = paired(differences, stream(14, "p"))
    assert {each.p_value for each in found} == {1 / (1 + FLIPS)}
    assert all(each.p_tail is not None and each.p_tail < 1e-9 for each in found)
    corrected = holm_corrected(found)
    assert {each.p_holm for each in corrected} == {1 / (1 + FLIPS)}  # no smaller than the p beside it


def test_a_plain_p_is_left_to_the_flips() -> None:
    (found,) = paired(stream(15, "tail").normal(0.1, 1, size=(200, 1)), stream(15, "p"))
    assert found.p_value > 0.01
    assert found.p_tail is None


def test_the_detectable_difference_answers_for_all_comparisons() -> None:
    """With m comparisons Holm's first step asks for 5 % / m."""
    differences = np.tile([1.0, -1.0], (200, 1)).T.repeat(10, axis=0)[:, :10]
    alone = paired(differences[:, :1], stream(16, "p"))
    many = holm_corrected(paired(differences, stream(16, "p")))
    assert holm_corrected(alone)[0].detectable == alone[0].detectable
    assert alone[0].detectable is not None
    assert many[0].detectable == pytest.approx(
        alone[0].detectable * (2.807034 + 0.841621) / (1.959964 + 0.841621), rel=1e-4
    )
