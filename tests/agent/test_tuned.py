"""The tuned ranker: the learned order, with its reasons, from what the history alone says."""

import numpy as np
import pytest
import torch

from toolrec_cli.agent.features import Features
from toolrec_cli.agent.tuned import TunedRanker, Weights
from toolrec_cli.data.facets import Facets
from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.evidence import gather
from toolrec_cli.models.listwise import FitSettings, Listwise
from toolrec_cli.tools.protocol import Refused
from tools.small_world import N_ITEMS, WrittenScores, catalog, context, ids, user

LOG = Interactions(
    np.array([0, 4, 8, 10]), np.array([1, 2, 3, 4, 16, 15, 5, 1, 15, 5], np.int32), timestamps=None, ratings=None
)
"""Twice item 5 comes right after item 15."""


@pytest.fixture(scope="module")
def features() -> Features:
    films = catalog()
    return Features(WrittenScores(), gather(LOG, N_ITEMS), films, Facets(films))


def column(features: Features, name: str, items: list[int], history: tuple[int, ...] = (16, 15)) -> list[float]:
    names = [each.name for each in features.columns]
    values = features.of(user(history), np.array(items))
    assert values.shape == (len(items), len(names))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    return values[:, names.index(name)].tolist()


def test_tools_scores_are_log_probabilities_among_what_the_user_does_not_have(features: Features) -> None:
    everything = [item for item in range(1, N_ITEMS + 1) if item not in (15, 16)]
    assert np.exp(column(features, "score:none", everything)).sum() == pytest.approx(1, rel=1e-5)
    assert column(features, "score:genre", [9, 8]) == pytest.approx(
        [9 - np.log(np.exp(np.arange(1, 15)).sum()), 8 - np.log(np.exp(np.arange(1, 15)).sum())], rel=1e-5
    )


def test_what_followed_the_newest_item_stands_out(features: Features) -> None:
    after = column(features, "after:1", [5, 6])
    shares = 2 / (2 + 10)
    popularity = gather(LOG, N_ITEMS).popularity
    assert after[0] == pytest.approx(np.log((shares + (1 - shares) * popularity[5]) / popularity[5]), rel=1e-4)
    assert after[1] == pytest.approx(np.log(1 - shares), rel=1e-4)
    assert column(features, "after:5", [5, 6]) == pytest.approx([0, 0], abs=1e-6)


def test_taste_and_distance_are_those_of_the_history(features: Features) -> None:
    western, drama, unlabelled = column(features, "taste:genre", [8, 5, 12], history=(13, 15))
    assert (western, drama, unlabelled) == pytest.approx((np.log(1.001), np.log(0.001), np.log(0.001)), rel=1e-4)
    near, far, unknown = column(features, "far from last:year", [14, 2, 16], history=(1, 15))
    assert 0 < near < far
    assert unknown == 0


def test_an_empty_history_is_no_error(features: Features) -> None:
    assert column(features, "after:1", [1, 2, 3], history=()) == pytest.approx([0, 0, 0], abs=1e-6)


def weights(features: Features, **straight: float) -> Weights:
    n = len(features.columns)
    model = Listwise(np.zeros(n, np.float32), np.ones(n, np.float32), FitSettings(hidden=4))
    with torch.no_grad():
        for place, each in enumerate(features.columns):
            model.straight.weight[0, place] = straight.get(each.name.replace(":", "_"), 0.0)
    return Weights.of({name: tensor.numpy() for name, tensor in model.state_dict().items()})


def test_numpy_scores_what_torch_scores(features: Features) -> None:
    torch.manual_seed(1)
    n = len(features.columns)
    model = Listwise(np.arange(n, dtype=np.float32), np.full(n, 0.5, np.float32), FitSettings(hidden=4)).eval()
    torch.nn.init.normal_(model.narrow.weight)
    torch.nn.init.normal_(model.straight.weight)
    values = np.random.default_rng(2).normal(size=(7, n)).astype(np.float32)
    found = Weights.of({name: tensor.numpy() for name, tensor in model.state_dict().items()}).score(values)
    np.testing.assert_allclose(found, model(torch.from_numpy(values)).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_candidates_are_ordered_by_what_was_learned_with_reasons(features: Features) -> None:
    ranker = TunedRanker(features, weights(features, score_genre=1.0, popularity=0.5))
    moment = context([3, 9, 4], history=(16, 15))
    ordered = ranker.order(list(moment.candidates.values()), None, moment)
    assert not isinstance(ordered, Refused)
    assert [name for name, _ in ordered] == ids([9, 4, 3])
    reasons = ranker.reasons(0)
    assert list(reasons) == ["tools", "sequence", "company", "make-up", "popularity", "contexts"]
    assert reasons["tools"] == pytest.approx(9 - (3 + 9 + 4) / 3, rel=1e-4)
    assert reasons["sequence"] == reasons["company"] == reasons["make-up"] == 0
    assert ranker.note(moment).startswith("Because of: 1. tools +3.7, ")


def test_ties_go_to_the_lower_index(features: Features) -> None:
    ranker = TunedRanker(features, weights(features))
    moment = context([9, 3, 4], history=(16, 15))
    ordered = ranker.order(list(moment.candidates.values()), None, moment)
    assert not isinstance(ordered, Refused)
    assert [name for name, _ in ordered] == ids([3, 4, 9])


def test_naming_an_attribute_is_refused(features: Features) -> None:
    moment = context([3])
    found = TunedRanker(features, weights(features)).order(list(moment.candidates.values()), "genre", moment)
    assert isinstance(found, Refused)
