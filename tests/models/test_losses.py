"""Losses against their textbook form: the chunked softmax must be the plain one, value and gradients."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from toolrec_cli.errors import UsageError
from toolrec_cli.models.losses import LOSSES, MANY_ITEMS, Loss, bpr, chosen_loss, cross_entropy, loss_of
from toolrec_cli.models.precision import CHUNK, TINY

N_ITEMS = 17
SIZES = [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]


def drawn(n: int, dtype: torch.dtype, width: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """(states [n, width], table [N + 1, width] with an absurd padding row, targets [n])."""
    generator = torch.Generator().manual_seed(n)
    states = torch.randn(n, width, generator=generator, dtype=dtype).requires_grad_()
    table = torch.randn(N_ITEMS + 1, width, generator=generator, dtype=dtype)
    table[0] = 1e3
    return states, table.requires_grad_(), torch.randint(1, N_ITEMS + 1, (n,), generator=generator)


def plain(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Over the real items alone: the padding is no answer."""
    return functional.cross_entropy(states @ table[1:].T, targets - 1)


def with_gradients(loss: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return loss.detach(), *torch.autograd.grad(3 * loss, of)


@pytest.mark.parametrize("n", SIZES)
def test_the_chunked_softmax_is_the_plain_one_in_double_precision(n: int) -> None:
    states, table, targets = drawn(n, torch.float64)
    found = with_gradients(cross_entropy(states, table, targets), states, table)
    expected = with_gradients(plain(states, table, targets), states, table)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_the_chunked_softmax_is_near_the_plain_one_in_single_precision(n: int) -> None:
    """Products may be taken in bfloat16, which keeps eight bits."""
    states, table, targets = drawn(n, torch.float32)
    found = with_gradients(cross_entropy(states, table, targets), states, table)
    expected = with_gradients(plain(states, table, targets), states, table)
    assert {t.dtype for t in found} == {torch.float32}
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).norm() <= 0.02 * theirs.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_padding_is_never_an_answer_and_never_learns(dtype: torch.dtype) -> None:
    states, table, targets = drawn(CHUNK + 1, dtype)
    loss, _, of_table = with_gradients(cross_entropy(states, table, targets), states, table)
    elsewhere = torch.cat([torch.full_like(table[:1], -7.0), table[1:]])
    assert torch.equal(of_table[0], torch.zeros(5, dtype=dtype))
    assert torch.equal(cross_entropy(states, elsewhere, targets), loss)


def test_nothing_known_costs_the_logarithm_of_the_number_of_items() -> None:
    loss = cross_entropy(torch.zeros(4, 3), torch.ones(N_ITEMS + 1, 3), torch.tensor([1, 5, 5, 17]))
    assert loss.item() == pytest.approx(math.log(N_ITEMS), rel=1e-6)


def test_a_hopeless_target_costs_a_finite_loss_and_still_pulls() -> None:
    states = torch.tensor([[1000.0]], requires_grad=True)
    table = torch.tensor([[0.0], [1.0], [-1.0]])
    loss, gradient = with_gradients(cross_entropy(states, table, torch.tensor([2])), states)
    assert loss.item() == pytest.approx(-math.log(TINY), rel=1e-3)
    assert gradient.item() == pytest.approx(3 * 2.0)


def test_a_state_that_is_no_number_makes_the_loss_none_either() -> None:
    states = torch.tensor([[0.0], [math.nan]])
    assert math.isnan(cross_entropy(states, torch.ones(4, 1), torch.tensor([1, 2])).item())


def test_bpr_of_a_single_item_is_the_logarithm_of_two() -> None:
    """The one negative there is, is the target."""
    states, table = torch.tensor([[3.0, 4.0]]), torch.tensor([[9.0, 9.0], [1.0, 2.0]])
    assert bpr(states, table, torch.tensor([1])).item() == pytest.approx(math.log(2), rel=1e-6)


def test_bpr_draws_its_negatives_evenly_from_the_items_and_never_the_padding() -> None:
    torch.manual_seed(0)
    states, table = torch.ones(6000, 1), torch.tensor([[1e6], [2.0], [1.0], [0.0]])
    margins = [0.0, 1.0, 2.0]  # to items 1, 2 and 3
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins) / 3
    found = bpr(states, table, torch.ones(6000, dtype=torch.int64)).item()
    assert found == pytest.approx(expected, rel=0.03)


def test_bpr_pulls_the_target_near_and_pushes_the_negative_away() -> None:
    torch.manual_seed(0)
    states = torch.ones(50, 2)
    table = torch.zeros(3, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(bpr(states, table, torch.ones(50, dtype=torch.int64)), table)
    assert gradient[0].tolist() == [0, 0]
    assert (gradient[1] < 0).all()
    assert torch.allclose(gradient[2], -gradient[1])


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_one_number_that_falls_when_the_target_comes_nearer(name: str) -> None:
    targets = torch.tensor([1, 2, 3])
    table = torch.eye(4)
    far, near = (scale * table[targets] for scale in (0.0, 20.0))
    torch.manual_seed(0)
    before = LOSSES[name](far, table, targets)
    torch.manual_seed(0)
    after = LOSSES[name](near, table, targets)
    assert before.shape == after.shape == ()
    assert after < before


def test_auto_is_the_full_softmax_until_there_are_very_many_items() -> None:
    assert chosen_loss("auto", MANY_ITEMS) == "cross-entropy"
    assert chosen_loss("auto", MANY_ITEMS + 1) == "sampled"
    assert chosen_loss("cross-entropy", 10 * MANY_ITEMS) == "cross-entropy"
    with pytest.raises(UsageError, match="Did you mean 'gbce'"):
        chosen_loss("gbc", 5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_number_of_negatives_is_for_those_that_share_them(name: str) -> None:
    states, table, targets = drawn(50, torch.float64)
    few, many = (_seeded(loss_of(name, n), states, table, targets) for n in (1, 12))
    assert torch.equal(few, many) == (name not in ("sampled", "gbce"))


def _seeded(loss: Loss, *of: Tensor) -> Tensor:
    torch.manual_seed(5)
    return loss(*of)
