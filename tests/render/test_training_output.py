"""How a training ended, in plain characters."""

import pytest

from toolrec_cli.render.training import learning_curve


@pytest.mark.parametrize("ndcgs", [[], [0.1], [0.1, 0.2]])
def test_two_epochs_are_no_curve(ndcgs: list[float]) -> None:
    assert learning_curve(ndcgs) == []


def test_a_curve_with_its_highest_and_lowest_value() -> None:
    drawn = learning_curve([0.1, 0.15, 0.2])
    assert len(drawn) == 5
    assert drawn[0].startswith("0.2000 ")
    assert drawn[-1].startswith("0.1000 ")
    assert len({len(line) for line in drawn}) == 1


def test_a_training_that_learnt_nothing_is_flat() -> None:
    drawn = learning_curve([0.1] * 4)
    assert all(set(line[7:]) == {"⠀"} for line in drawn[:-1])
