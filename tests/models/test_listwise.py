"""The listwise ranker: it learns what tells the wanted item, and nothing when there is nothing to learn from."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from toolrec_cli.errors import CheckError
from toolrec_cli.models.listwise import FitSettings, Lists, Listwise, fit, fit_alone

SETTINGS = FitSettings(hidden=8, epochs=30, batch_size=16)


def lists(n_users: int, seed: int = 0) -> Lists:
    """Five to nine candidates a user; the wanted one has the greatest |third number|, which no straight line can tell."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 10, n_users)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(size=(int(offsets[-1]), 3)).astype(np.float32) * np.array([1, 100, 5], np.float32)
    wanted = np.array([int(np.abs(values[a:b, 2]).argmax()) for a, b in pairwise(offsets)])
    return Lists(values, offsets, wanted)


def test_it_learns_what_no_straight_line_can_tell() -> None:
    fitted = fit(lists(400), SETTINGS, lambda *_: None)
    assert fitted.ndcg > 0.9
    assert fitted.first_column_gains.mean() < 0.7


def test_one_seed_gives_the_same_weights_to_the_bit() -> None:
    first, second = (fit(lists(60), SETTINGS, lambda *_: None).model.state_dict() for _ in range(2))
    other = fit(lists(60), FitSettings(hidden=8, epochs=30, batch_size=16, seed=7), lambda *_: None).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["widen.weight"], other["widen.weight"])


def test_it_stops_when_nothing_gets_better_and_ties_are_no_hits() -> None:
    """With no rate of learning every candidate scores 0: the wanted one is then the last of its list, not the first."""
    told: list[int] = []
    still = replace(SETTINGS, learning_rate=0.0)
    found = fit(lists(60), still, lambda epoch, _: told.append(epoch))
    assert told == list(range(1, SETTINGS.patience + 2)) * 2  # to be scored, and to be kept
    assert 1 / np.log2(9 + 1) <= found.ndcg <= 1 / np.log2(5 + 1)


def test_before_anything_is_learned_all_candidates_are_alike() -> None:
    model = Listwise(np.zeros(3, np.float32), np.ones(3, np.float32), SETTINGS)
    assert not model(torch.randn(4, 3)).any()


def test_too_few_users_are_refused() -> None:
    with pytest.raises(CheckError, match="Only 19 users have their validation item among the candidates"):
        fit(lists(19), SETTINGS, lambda *_: None)


def test_the_figures_are_of_users_the_model_had_not_learned_from_and_the_kept_one_has() -> None:
    data = lists(120)
    fitted = fit(data, SETTINGS, lambda *_: None)
    assert len(fitted.gains) == len(fitted.first_column_gains) == 12
    alone = fit_alone(data, SETTINGS).state_dict()
    assert all(torch.equal(tensor, alone[name]) for name, tensor in fitted.model.state_dict().items())
