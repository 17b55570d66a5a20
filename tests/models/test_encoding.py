"""A user's vectors and scores are the same alone, in a block, in any order: to the bit."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import store
from toolrec_cli.models.attribute_encoder import EncoderConfig
from toolrec_cli.models.encoding import BLOCK, WIDTHS, FloatArray, blocks, encode
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.seeds import stream

N_ITEMS, N_USERS, MAX_LENGTH = 40, 70, 40


def build_backbone(dropout: float) -> Any:
    torch.manual_seed(1)
    shape = {"embedding_size": 24, "n_layers": 2, "n_heads": 2, "max_length": MAX_LENGTH, "dropout": dropout}
    return store.build_backbone("sasrec", {"n_items": N_ITEMS, **shape}).eval()


@pytest.fixture(scope="module")
def backbone() -> Any:
    return build_backbone(dropout=0.2)


@pytest.fixture(scope="module")
def encoders() -> Any:
    """One of numbers, that no longer passes the backbone's state through."""
    torch.manual_seed(2)
    names = [str(k) for k in range(N_ITEMS)]
    frame = pl.DataFrame({"item_id": names, "title": names, "price": [float(k) for k in range(N_ITEMS)]})
    catalog = Catalog(frame, [Attribute("price", Kind.NUMERIC, 1.0, N_ITEMS)])
    encoder = store.build_encoder(EncoderConfig("price", 24, MAX_LENGTH, embedding_size=10), catalog).eval()
    for weight in (encoder.dense.weight, encoder.lately):
        torch.nn.init.normal_(weight)
    return {"price": encoder}


@pytest.fixture(scope="module")
def histories() -> Interactions:
    """Of every length from none to longer than is read; user 0 has none."""
    rng = stream(3, "histories")
    lengths = np.array([0, *rng.integers(0, 60, N_USERS - 1)])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Interactions(offsets, rng.integers(1, N_ITEMS + 1, int(offsets[-1])).astype(np.int32), None, None)


@pytest.fixture(scope="module")
def together(backbone: Any, encoders: Any, histories: Interactions) -> dict[str | None, FloatArray]:
    return encode(backbone, encoders, histories)


def test_a_vector_a_user_and_model(together: dict[str | None, FloatArray]) -> None:
    shapes = {name: (found.shape, found.dtype) for name, found in together.items()}
    assert shapes == {None: ((N_USERS, 24), np.dtype("f4")), "price": ((N_USERS, 34), np.dtype("f4"))}


def test_a_user_alone_is_the_user_among_all(
    backbone: Any, encoders: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    for user in range(N_USERS):
        alone = encode(backbone, encoders, histories.of(np.array([user])))
        assert all(np.array_equal(alone[name][0], together[name][user]) for name in together)


def test_a_user_alone_is_the_user_among_all_on_several_threads_too(
    backbone: Any, encoders: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    """Where two threads share a block out, rows at the seam are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        among = encode(backbone, encoders, histories)
        assert all(np.array_equal(among[name], together[name]) for name in together)
        for user in range(N_USERS):
            alone = encode(backbone, encoders, histories.of(np.array([user])))
            assert all(np.array_equal(alone[name][0], among[name][user]) for name in among)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@settings(deadline=None, max_examples=25)
@given(users=st.lists(st.integers(0, N_USERS - 1), max_size=40))
def test_any_users_in_any_order_are_themselves(
    backbone: Any,
    encoders: Any,
    histories: Interactions,
    together: dict[str | None, FloatArray],
    users: list[int],
) -> None:
    found = encode(backbone, encoders, histories.of(np.array(users, dtype=np.int64)))
    assert all(np.array_equal(found[name], together[name][users]) for name in together)


def test_the_other_encoders_asked_for_change_nothing(
    backbone: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    assert np.array_equal(encode(backbone, {}, histories)[None], together[None])


def test_a_vector_is_the_state_at_the_newest_item(
    backbone: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    for user in (1, 2, 3):
        newest = torch.from_numpy(histories.history(user)[-MAX_LENGTH:].astype(np.int64))[None]
        with torch.no_grad():
            state = backbone(newest, torch.tensor([newest.shape[1]]))[0, -1]
        np.testing.assert_allclose(together[None][user], state.numpy(), rtol=1e-4, atol=1e-5)


def one_user(items: npt.NDArray[np.int32]) -> Interactions:
    return Interactions(np.array([0, len(items)]), items, None, None)


def test_what_is_too_old_to_be_read_changes_nothing(backbone: Any) -> None:
    history = stream(4).integers(1, N_ITEMS + 1, MAX_LENGTH + 5).astype(np.int32)
    cut = history[-MAX_LENGTH:]
    long, short = (encode(backbone, {}, one_user(h))[None] for h in (history, cut))
    assert np.array_equal(long, short)


def test_no_history_is_a_vector_of_zeros(together: dict[str | None, FloatArray]) -> None:
    assert not together[None][0].any()
    assert not together["price"][0].any()


def test_nobody_has_no_vectors(backbone: Any) -> None:
    nobody = Interactions(np.array([0]), np.array([], dtype=np.int32), None, None)
    assert encode(backbone, {}, nobody)[None].shape == (0, 24)


def test_dropout_is_off_whatever_came_before(
    backbone: Any, encoders: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    backbone.train()
    encoders["price"].train()
    found = encode(backbone, encoders, histories)
    assert all(np.array_equal(found[name], together[name]) for name in together)


def test_blocks_depend_on_a_users_own_history_alone() -> None:
    lengths = np.array([0, 1, 16, 17, 20, 40, 33])
    assert [(rows.tolist(), width) for rows, width in blocks(lengths, 40)] == [
        ([0, 1, 2], 16),
        ([3, 4], 32),
        ([5, 6], 40),
    ]
    assert [(rows.tolist(), width) for rows, width in blocks(np.array([5, 8]), 8)] == [([0, 1], 8)]


@given(st.lists(st.integers(0, 200), max_size=90), st.integers(1, 200))
def test_every_user_is_in_one_block_that_holds_the_history(lengths: list[int], max_length: int) -> None:
    cut = np.minimum(np.array(lengths, dtype=np.int64), max_length)
    found = list(blocks(cut, max_length))
    assert sorted(int(row) for rows, _ in found for row in rows) == list(range(len(lengths)))
    for rows, width in found:
        assert 0 < len(rows) <= BLOCK
        assert width in (*WIDTHS, max_length)
        assert cut[rows].max() <= width <= max_length


def test_scores_are_the_same_prepared_or_not_and_in_any_block(
    backbone: Any, encoders: Any, histories: Interactions
) -> None:
    block, alone = (BlockScorer(backbone, encoders, histories) for _ in range(2))
    block.prepare(np.array([9, 5, 0, 33, 5, 68]))
    for user in (5, 33, 0, 68, 9):
        for attribute in (None, "price"):
            assert np.array_equal(block.scores(attribute, user), alone.scores(attribute, user))


def test_a_user_of_an_earlier_block_is_looked_up_anew(backbone: Any, encoders: Any, histories: Interactions) -> None:
    scorer = BlockScorer(backbone, encoders, histories)
    scorer.prepare(np.array([1, 2]))
    before = scorer.scores("price", 2)
    scorer.prepare(np.array([3, 4]))
    assert np.array_equal(scorer.scores("price", 2), before)


def test_scores_of_every_item_in_an_array_of_ones_own(backbone: Any, encoders: Any, histories: Interactions) -> None:
    scorer = BlockScorer(backbone, encoders, histories)
    assert scorer.attributes == ("price",)
    first = scorer.scores("price", 7)
    kept = first.copy()
    assert first.shape == (N_ITEMS + 1,)
    first[:] = -np.inf
    assert np.array_equal(scorer.scores("price", 7), kept)


def test_scores_that_were_asked_for_last_are_not_those_of_another_or_of_other_histories(
    backbone: Any, encoders: Any, histories: Interactions
) -> None:
    scorer, fresh = (BlockScorer(backbone, encoders, histories) for _ in range(2))
    for user, attribute in ((5, None), (5, "price"), (33, None), (5, None)):
        assert np.array_equal(scorer.scores(attribute, user), fresh.with_tools(["price"]).scores(attribute, user))
    others = histories.of(np.roll(np.arange(histories.n_users), 1))
    scorer.read(others)
    assert np.array_equal(scorer.scores(None, 5), BlockScorer(backbone, encoders, others).scores(None, 5))
    assert not np.array_equal(scorer.scores(None, 5), fresh.scores(None, 5))


def test_a_user_without_history_scores_every_item_zero(backbone: Any, encoders: Any, histories: Interactions) -> None:
    scorer = BlockScorer(backbone, encoders, histories)
    assert not scorer.scores(None, 0).any()
    assert not scorer.scores("price", 0).any()


def test_states_that_are_known_need_not_be_computed_and_change_nothing(
    backbone: Any, encoders: Any, histories: Interactions, together: dict[str | None, FloatArray]
) -> None:
    class Idle(torch.nn.Module):
        """As wide as the backbone, and never asked."""

        config, item_vectors = backbone.config, backbone.item_vectors

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

    found = encode(Idle(), encoders, histories, together[None])
    assert all(np.array_equal(found[name], together[name]) for name in together)
