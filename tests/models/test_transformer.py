"""The transformer's input: positions counted from the newest item, and initial values."""

import pytest
import torch
from torch import nn

from toolrec_cli.errors import UsageError
from toolrec_cli.models.distances import STEEPEST
from toolrec_cli.models.transformer import BLOCKS, NOTHING, GatedBlock, Transformer, initialise


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


def gated() -> GatedBlock:
    torch.manual_seed(0)
    return GatedBlock(width=8, n_heads=2, dropout=0.0)


def shut(gate: nn.Linear) -> None:
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.fill_(-100.0)


def test_a_gated_block_with_shut_gates_adds_nothing() -> None:
    block, x = gated(), torch.randn(2, 3, 8)
    assert not torch.allclose(block(x), x, atol=1e-3)
    shut(block.attention_gate)
    shut(block.feed_gate)
    torch.testing.assert_close(block(x), x)


def test_a_gate_is_half_open_where_it_knows_nothing() -> None:
    """With σ(0) = ½ a gated block adds half of what one without gates adds."""
    block, x = gated(), torch.randn(2, 3, 8)
    shut(block.feed_gate)
    with torch.no_grad():
        block.attention_gate.weight.zero_()
        block.attention_gate.bias.zero_()
    found = block.mix(block._attend(block.attention_norm(x), None, NOTHING))
    torch.testing.assert_close(block(x), x + found / 2)


def test_of_the_two_halves_of_a_swiglu_one_lets_the_other_through() -> None:
    block, x = gated(), torch.randn(5, 8)
    gate, hidden = block.expand(x)[:, :32], block.expand(x)[:, 32:]
    torch.testing.assert_close(block._feed(x), block.contract(gate * torch.sigmoid(gate) * hidden))


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("blocks", BLOCKS)
def test_the_newest_position_alone_is_what_it_is_among_all(blocks: str, *, relative: bool) -> None:
    torch.manual_seed(0)
    shape = {"width": 8, "n_layers": 2, "n_heads": 2, "max_length": 5, "dropout": 0.5}
    transformer = Transformer(**shape, blocks=blocks, relative_positions=relative).eval()
    x, lengths = torch.randn(3, 5, 8), torch.tensor([5, 2, 1])
    states = transformer(x, lengths)[torch.arange(3), lengths - 1]
    torch.testing.assert_close(transformer.at_end(x, lengths), states, rtol=1e-5, atol=1e-6)


def test_blocks_that_do_not_exist_get_the_near_miss() -> None:
    with pytest.raises(UsageError, match=r"kind of block 'liger'\. Did you mean 'ligr'"):
        Transformer(width=8, n_layers=1, n_heads=1, max_length=5, dropout=0.0, blocks="liger")


def attended(*, causal: bool, length: int = 4) -> torch.Tensor:
    """How much the newest of some positions that are all alike attends to each, by distance alone: [T]."""
    transformer = Transformer(4, 1, 1, length, 0.0, causal=causal, relative_positions=True).eval()
    block = transformer.blocks[0]
    with torch.no_grad():
        block.qkv.weight.zero_()
        block.qkv.weight[8:] = torch.eye(4)  # values alone: every position is worth itself
        block.qkv.bias.zero_()
        between = transformer._between(None, torch.arange(length))
        real = None if causal else torch.ones(1, 1, 1, length, dtype=torch.bool)
        return block._attend(torch.eye(length, 4)[None], real, between)[0]


def test_the_nearer_the_more_it_is_attended_to_at_first() -> None:
    weights = torch.exp(-STEEPEST * torch.arange(4.0))
    torch.testing.assert_close(attended(causal=True)[3], weights.flip(0) / weights.sum())
    around = torch.exp(-STEEPEST * torch.tensor([1.0, 0.0, 1.0, 2.0]))
    torch.testing.assert_close(attended(causal=False)[1], around / around.sum())
