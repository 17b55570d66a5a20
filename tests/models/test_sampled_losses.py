"""Losses on drawn negatives against what they stand for: the full softmax on average, and gBCE as it is defined."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from toolrec_cli.models.precision import CHUNK
from toolrec_cli.models.sampled import CALIBRATION, gbce, sampled

N_ITEMS = 17


def drawn(n: int, dtype: torch.dtype = torch.float64, width: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """(states [n, width], table [N + 1, width] with an absurd padding row, targets [n])."""
    generator = torch.Generator().manual_seed(n)
    states = torch.randn(n, width, generator=generator, dtype=dtype).requires_grad_()
    table = torch.randn(N_ITEMS + 1, width, generator=generator, dtype=dtype)
    table[0] = 1e3
    return states, table.requires_grad_(), torch.randint(1, N_ITEMS + 1, (n,), generator=generator)


def full(states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(states @ table[1:].T, targets - 1)


@pytest.mark.parametrize("n", [1, CHUNK, 2 * CHUNK + 7])
@pytest.mark.parametrize("negatives", [N_ITEMS, 10 * N_ITEMS])
def test_with_every_item_drawn_it_is_the_full_softmax(n: int, negatives: int) -> None:
    states, table, targets = drawn(n)
    found, expected = sampled(states, table, targets, negatives), full(states, table, targets)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        torch.autograd.grad(3 * found, (states, table)),
        torch.autograd.grad(3 * expected, (states, table)),
        rtol=1e-10,
        atol=1e-13,
    )


def test_in_single_precision_it_is_near() -> None:
    """Products may be taken in bfloat16, which keeps eight bits."""
    states, table, targets = drawn(CHUNK + 1, torch.float32)
    found, expected = sampled(states, table, targets, N_ITEMS), full(states, table, targets)
    for ours, theirs in zip(
        torch.autograd.grad(found, (states, table)), torch.autograd.grad(expected, (states, table)), strict=True
    ):
        assert (ours - theirs).norm() <= 0.02 * theirs.norm()


@pytest.mark.parametrize("negatives", [4, 12])
def test_on_average_the_drawn_items_weigh_what_all_do(negatives: int) -> None:
    """The sum under the softmax is unbiased: exp(loss + s⁺) is Σ exp(s) over all items, target included once."""
    states, table, targets = drawn(1)
    scores = states @ table[1:].T
    torch.manual_seed(0)
    with torch.no_grad():
        losses = torch.stack([sampled(states, table, targets, negatives) for _ in range(6000)])
    sums = torch.exp(losses + scores[0, targets[0] - 1])
    error = sums.std() / math.sqrt(len(sums))
    assert abs(sums.mean() - scores.exp().sum()) < 4 * error
    assert error < 0.03 * sums.mean()


@pytest.mark.parametrize("loss", [sampled, gbce])
def test_gradients_are_those_of_the_value(loss: type) -> None:
    states, table, targets = drawn(6)

    def seeded(states: Tensor, rest: Tensor) -> Tensor:
        torch.manual_seed(3)
        return loss(states, torch.cat([torch.zeros(1, 5, dtype=torch.float64), rest]), targets, 5)

    assert torch.autograd.gradcheck(seeded, (states, table[1:].detach().requires_grad_()))


@pytest.mark.parametrize("loss", [sampled, gbce])
def test_the_padding_is_never_drawn(loss: type) -> None:
    states, table, targets = drawn(400)
    torch.manual_seed(1)
    (of_table,) = torch.autograd.grad(loss(states, table, targets, N_ITEMS - 1), table)
    assert not of_table[0].any()


def gbce_by_hand(n_items: int, n_negatives: int, positive: float, others: list[float]) -> float:
    alpha = n_negatives / (n_items - 1)
    beta = alpha * (CALIBRATION * (1 - 1 / alpha) + 1 / alpha)
    kept = beta * math.log1p(math.exp(-positive)) + sum(math.log1p(math.exp(score)) for score in others)
    return kept / (n_negatives + 1)


def test_gbce_by_hand() -> None:
    """Three items, all of them drawn; the target is no negative of its own."""
    table = torch.tensor([[9.0], [1.0], [2.0], [-1.0]])
    found = gbce(torch.ones(1, 1), table, torch.tensor([1]), 3)
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(2.0)) + math.log1p(math.exp(-1.0))) / 4
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_gbce_with_few_negatives_weighs_the_target_less() -> None:
    table = torch.zeros(102, 1)
    table[1] = 1.0
    found = gbce(torch.ones(1, 1), table, torch.tensor([1]), 10)
    torch.manual_seed(0)
    assert found.item() == pytest.approx(gbce_by_hand(101, 10, 1.0, [0.0] * 10), rel=0.1)
