"""How many places apart, in classes: exactly."""

import torch

from toolrec_cli.models.distances import LESS, N_DISTANCES, REACH, STEEPEST, among, first_guess, from_one


def test_earlier_positions_are_below_and_later_ones_above() -> None:
    assert (among(torch.arange(3)) - REACH).tolist() == [[[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]]


def test_farther_than_the_reach_is_as_far_as_it() -> None:
    seen = among(torch.arange(REACH + 4))[0]
    assert seen[0, REACH - 1 :].tolist() == [N_DISTANCES - 2, *[N_DISTANCES - 1] * 4]
    assert seen[-1, :5].tolist() == [0, 0, 0, 0, 1]


def test_from_one_position_it_is_the_row_of_that_position() -> None:
    place = torch.tensor([4, 0, 2])
    assert torch.equal(from_one(place, 6), among(torch.arange(6))[0][place])


def test_at_first_the_nearer_is_favoured_and_by_the_first_head_most() -> None:
    guess = first_guess(2)
    assert guess.shape == (N_DISTANCES, 2)
    assert torch.equal(guess, guess.flip(0))
    torch.testing.assert_close(guess[REACH : REACH + 3, 0], -STEEPEST * torch.arange(3.0))
    torch.testing.assert_close(guess[:, 1], LESS * guess[:, 0])
