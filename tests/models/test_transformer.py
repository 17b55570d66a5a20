"""The transformer's input: positions counted from the newest item, and initial values."""

import torch
from torch import nn

from toolrec_cli.models.transformer import Transformer, initialise


def test_positions_are_counted_from_the_newest_item() -> None:
    """Without layers nothing but the position is left of an input of zeros."""
    transformer = Transformer(width=4, n_layers=0, n_heads=1, max_length=5, dropout=0.0)
    states = transformer(torch.zeros(2, 3, 4), torch.tensor([3, 1]))
    at = transformer.norm(transformer.positions.weight)
    torch.testing.assert_close(states[0], at[[2, 1, 0]])
    torch.testing.assert_close(states[1, 0], at[0])


def test_a_history_one_longer_leaves_the_positions_of_the_newest() -> None:
    transformer = Transformer(width=4, n_layers=0, n_heads=1, max_length=5, dropout=0.0)
    x = torch.randn(1, 5, 4)
    longer, shorter = transformer(x, torch.tensor([5])), transformer(x[:, 1:], torch.tensor([4]))
    torch.testing.assert_close(longer[:, 1:], shorter)


def test_initial_values() -> None:
    torch.manual_seed(0)
    module = nn.ModuleDict(
        {
            "linear": nn.Linear(50, 80),
            "bare": nn.Linear(50, 80, bias=False),
            "table": nn.Embedding(90, 50, padding_idx=0),
        }
    )
    initialise(module, std=0.1)
    values = dict(module.named_parameters())
    assert not values["linear.bias"].any()
    assert not values["table.weight"][0].any()
    for drawn in (values["linear.weight"], values["bare.weight"], values["table.weight"][1:]):
        assert abs(drawn.mean().item()) < 0.01
        assert abs(drawn.std().item() - 0.1) < 0.01
