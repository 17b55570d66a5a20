"""Item vectors to begin with: what meets is counted exactly, the strongest directions are found, the rest is left alone."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import company
from toolrec_cli.models.company import COMPANY, RANDOM, STD, begin_with, company_vectors


def histories(*rows: list[int]) -> Interactions:
    items = np.array([item for row in rows for item in row], np.int32)
    return Interactions(
        np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64), items, None, None
    )


def two_circles(n_users: int = 60) -> Interactions:
    """Items 1 to 5 are met together, and 6 to 10; 11 is met by somebody who meets nothing else, 12 by nobody."""
    rng = np.random.default_rng(3)
    rows = [list(rng.permutation(5) + (1 if user % 2 else 6)) for user in range(n_users)]
    return histories(*rows, [11, 11])


def met(seen: Interactions, n_items: int) -> Tensor:
    return company._met(seen, n_items, seed=1).to_dense()


def symmetric(n_items: int, **pairs: float) -> Tensor:
    """From the number of each pair, as in `_12=2.0`: items 1 and 2."""
    found = torch.zeros(n_items + 1, n_items + 1, dtype=torch.float64)
    for pair, count in pairs.items():
        one, other = int(pair[1]), int(pair[2])
        found[one, other] = found[other, one] = count
    return found


def test_items_meet_by_their_distance() -> None:
    """In [4, 5, 4, 6], 4 meets 5 twice side by side, and 6 side by side and three places apart; an item never meets itself."""
    found = met(histories([1, 2], [], [2, 1], [2, 3], [4, 5, 4, 6], [3, 7, 1]), 7)
    expected = symmetric(7, _12=2.0, _23=1.0, _45=2.0, _46=1 + 1 / 3, _56=1 / 2, _37=1.0, _17=1.0, _13=1 / 2)
    torch.testing.assert_close(found, expected)


def test_items_farther_apart_than_reach_have_not_met() -> None:
    found = met(histories([1, 2, 3, 4, 5, 6, 7]), 8)
    assert found[1, 6] == pytest.approx(1 / 5)
    assert found[1, 7] == 0.0


def test_it_counts_for_more_than_chance_alone() -> None:
    """By hand: 1-2 met 3 times, 2-3 once, so 8 meetings in both directions, of which 1 has 3, 2 has 4 and 3 one."""
    found = company._information(company._met(histories([1, 2], [1, 2], [1, 2], [2, 3]), 3, seed=1)).to_dense()
    torch.testing.assert_close(
        found, symmetric(3, _12=math.log(3 * 8 / (3 * 4)), _23=math.log(1 * 8 / (4 * 1))).float()
    )


def test_what_meets_less_often_than_by_chance_counts_for_nothing() -> None:
    often = [[1, 2]] * 9 + [[3, 4]] * 9
    found = company._information(company._met(histories(*often, [2, 3]), 4, seed=1)).to_dense()
    assert found[1, 2] > 0
    assert found[2, 3] == 0.0


def spectrum(n: int, strengths: Tensor) -> tuple[Tensor, Tensor]:
    """(a symmetric matrix [n, n] with these eigenvalues, the rest being zero; its eigenvectors [n, len(strengths)])."""
    torch.manual_seed(1)
    vectors = torch.linalg.qr(torch.randn(n, len(strengths), dtype=torch.float64))[0]
    return vectors @ torch.diag(strengths.double()) @ vectors.T, vectors


@pytest.mark.parametrize("n", [150, 600])
def test_the_strongest_directions_are_found(n: int) -> None:
    """Among more than are held at a time; the negative ones, though strong, are not among the greatest."""
    strengths = torch.cat([0.97 ** torch.arange(100), -(0.9 ** torch.arange(20))])
    matrix, vectors = spectrum(n, strengths)
    values, found = company._strongest(matrix.to_sparse().coalesce(), 10, seed=1)
    torch.testing.assert_close(values, strengths[:10].double(), rtol=1e-3, atol=1e-3)
    assert ((found * vectors[:, :10]).sum(dim=0).abs() > 0.98).all()


def test_in_few_dimensions_they_are_exact() -> None:
    matrix, _ = spectrum(12, torch.tensor([3.0, 2.0, 1.0, -5.0]))
    values, found = company._strongest(matrix.to_sparse().coalesce(), 3, seed=1)
    torch.testing.assert_close(values, torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(matrix @ found, found * values)


@pytest.mark.parametrize(("at_once", "meetings"), [(3, 10**9), (1, 10**9), (10**9, 10**9)])
def test_in_blocks_the_same_is_counted(at_once: int, meetings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = met(two_circles(), 12)
    monkeypatch.setattr(company, "AT_ONCE", at_once)
    monkeypatch.setattr(company, "MEETINGS", meetings)
    torch.testing.assert_close(met(two_circles(), 12), expected)


def test_of_too_many_some_users_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = met(two_circles(), 12)
    monkeypatch.setattr(company, "MEETINGS", len(two_circles().items) * company.REACH // 4)
    some, again, other = (company._met(two_circles(), 12, seed).to_dense() for seed in (1, 1, 2))
    assert torch.equal(some, again)
    assert not torch.equal(some, other)
    assert (some <= whole).all()
    assert 0.1 * whole.sum() < some.sum() < 0.4 * whole.sum()


@pytest.mark.parametrize("width", [2, 8, 12])
def test_items_that_keep_the_same_company_lie_near_each_other(width: int) -> None:
    vectors = torch.nn.functional.normalize(company_vectors(two_circles(), 12, width, seed=1)[1:11], dim=1)
    likeness = vectors @ vectors.T
    within, across = likeness[:5, :5], likeness[:5, 5:]
    assert within.min() > 0.9
    assert across.max() < 0.1


def test_two_that_only_meet_each_other_lie_in_one_place() -> None:
    """Though one that nobody meets but one's partner: the direction along which they part is left out."""
    pairs = histories([1, 2], [1, 2], [1, 2], [3, 4], [3, 4], [5, 6], [5, 6], [5, 6], [5, 6])
    vectors = torch.nn.functional.normalize(company_vectors(pairs, 6, 6, seed=1)[1:], dim=1)
    torch.testing.assert_close(vectors @ vectors.T, torch.block_diag(*[torch.ones(2, 2)] * 3), rtol=1e-3, atol=1e-3)


def table(n_items: int = 12, width: int = 8) -> Tensor:
    torch.manual_seed(5)
    return torch.nn.Parameter(torch.nn.functional.pad(torch.randn(n_items, width), (0, 0, 1, 0)))


def test_what_met_nothing_is_left_as_it_was() -> None:
    begun, found = table(), table()
    begin_with(COMPANY, found, two_circles(), seed=1)
    assert torch.equal(found[[0, 11, 12]], begun[[0, 11, 12]])
    assert (found[1:11, :2] != begun[1:11, :2]).all()


def test_directions_that_the_data_do_not_have_are_left_as_they_were() -> None:
    """Two circles have two; what is written there is as long as other initial weights."""
    begun, found = table(), table()
    begin_with(COMPANY, found, two_circles(), seed=1)
    (kept,) = torch.unique((found[1:11] != begun[1:11]).sum(dim=1)).tolist()
    assert 2 <= kept < 8
    assert torch.equal(found[:, kept:], begun[:, kept:])
    assert found[1:11, :kept].square().mean().sqrt().item() == pytest.approx(STD, rel=1e-3)


def test_what_lies_in_none_of_the_directions_is_left_as_it_was() -> None:
    """Two numbers are taken by two circles; the pair behind them, which is weaker, has none."""
    behind = histories(*[list(row) for row in np.random.default_rng(3).permuted(np.tile(np.arange(1, 6), (60, 1)), axis=1)],
                       *[list(row) for row in np.random.default_rng(4).permuted(np.tile(np.arange(6, 11), (60, 1)), axis=1)],
                       *[[11, 12]] * 60)  # fmt: skip
    vectors = company_vectors(behind, 12, 12, seed=1)
    two = [int(vectors[group].abs().sum(dim=0).argmax()) for group in ([1, 2, 3], [6, 7, 8], [11, 12])]
    begun, found = table(12, 2), table(12, 2)
    begin_with(COMPANY, found, behind, seed=1)
    left = [group for group, place in zip(("one", "other", "pair"), two, strict=True) if place >= 2]
    kept = {
        name: torch.equal(found[rows], begun[rows])
        for name, rows in (("one", [1, 2, 3, 4, 5]), ("other", [6, 7, 8, 9, 10]), ("pair", [11, 12]))
    }
    assert [name for name, same in kept.items() if same] == left
    assert len(left) == 1


def test_one_number_an_item_is_no_longer_than_another() -> None:
    begun, found = table(3, 1), table(3, 1)
    begin_with(COMPANY, found, histories([1, 2, 3], [2, 3, 1], [3, 1, 2]), seed=1)
    assert not torch.equal(found, begun)
    assert found[1:].abs().max() < 2 * STD


def test_of_a_catalogue_too_large_nothing_is_sought_and_that_is_put_on_record() -> None:
    sizes = (10, company.MOST_ITEMS, company.MOST_ITEMS + 1)
    assert [company.chosen_item_vectors(COMPANY, n) for n in sizes] == [COMPANY, COMPANY, RANDOM]
    assert [company.chosen_item_vectors(RANDOM, n) for n in sizes] == [RANDOM] * 3


@pytest.mark.parametrize("rows", [[[1], [2]], [[]], [[1, 1, 1]]])
def test_where_nothing_met_all_is_left_as_it_was(rows: list[list[int]]) -> None:
    begun, found = table(3, 8), table(3, 8)
    begin_with(COMPANY, found, histories(*rows), seed=1)
    assert torch.equal(found, begun)


def test_random_is_what_it_was_and_one_seed_is_one_beginning() -> None:
    begun, found = table(), table()
    begin_with(RANDOM, found, two_circles(), seed=1)
    assert torch.equal(found, begun)
    one, two = table(), table()
    begin_with(COMPANY, one, two_circles(), seed=1)
    begin_with(COMPANY, two, two_circles(), seed=1)
    assert torch.equal(one, two)
