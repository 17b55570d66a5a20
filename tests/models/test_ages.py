"""How long ago, in classes: exactly."""

import pytest
import torch

from toolrec_cli.models import ages as ages_module
from toolrec_cli.models.ages import N_AGES, ages_between, by_class, classes, gaps_before


def test_classes_double_and_the_last_has_no_end() -> None:
    ages = torch.tensor([-5, 0, 1, 2, 3, 4, 7, 8, 2**30 - 1, 2**30, 2**40])
    assert classes(ages).tolist() == [0, 0, 1, 2, 2, 3, 3, 4, N_AGES - 2, N_AGES - 1, N_AGES - 1]


def test_ages_between_all_and_gaps_before_each() -> None:
    times = torch.tensor([[10, 10, 14]])
    assert ages_between(times).tolist() == [[[0, 0, 0], [0, 0, 0], [3, 3, 0]]]
    assert gaps_before(times).tolist() == [[0, 1, 4]]


def test_a_table_looked_up_by_class_has_the_values_and_the_gradient_of_an_embedding() -> None:
    generator = torch.Generator().manual_seed(1)
    ages = torch.randint(0, N_AGES, (3, 7, 7), generator=generator)
    table = torch.randn(N_AGES, 2, generator=generator, requires_grad=True)
    upstream = torch.randn(3, 2, 7, 7, generator=generator)
    found, expected = by_class(table, ages), torch.nn.functional.embedding(ages, table).permute(0, 3, 1, 2)
    assert torch.equal(found, expected)
    (mine,) = torch.autograd.grad(found, table, upstream)
    (theirs,) = torch.autograd.grad(expected, table, upstream)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_the_sums_of_classes_are_the_same_by_bins_and_by_products(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ages_module, "AT_ONCE", at_once)
    torch.manual_seed(3)
    classes, values = torch.randint(0, 5, (50,), dtype=torch.int32), torch.randn(2, 50)
    expected = torch.stack([values[:, classes == which].sum(dim=1) for which in range(7)])
    torch.testing.assert_close(ages_module.summed_by_bins(classes, values, 7).float(), expected)
    torch.testing.assert_close(ages_module.summed_by_products(classes, values, 7), expected)
