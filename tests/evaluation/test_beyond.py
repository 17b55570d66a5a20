"""What accuracy does not say of lists, by small tables worked out by hand."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon, pdist

from toolrec_cli.data.facets import Facets
from toolrec_cli.evaluation.beyond import World, beyond, by_user
from toolrec_cli.evaluation.calibration import jensen_shannon, miscalibration
from toolrec_cli.evaluation.coverage import coverage
from toolrec_cli.evaluation.diversity import diversity
from toolrec_cli.evaluation.labels import LabelTable, label_tables
from toolrec_cli.evaluation.popularity_bias import head, head_share, novelty, popularity
from tools.small_world import catalog

COUNTS = np.array([0, 7, 3, 1, 0, 0])
"""Five items; the padding at 0 was met by nobody."""
LISTS = np.array([[1, 2], [3, 0], [0, 0]])
LABELS = {"colour": LabelTable(np.array([[0, 0], [1, 0], [1, 2], [2, 0], [3, 0], [0, 0]]), 3)}


def test_popularity_is_the_mean_count_and_an_empty_list_has_none() -> None:
    assert popularity(LISTS, COUNTS).tolist() == [5.0, 1.0, pytest.approx(math.nan, nan_ok=True)]


def test_the_head_is_the_most_popular_fifth_ties_by_index() -> None:
    assert np.flatnonzero(head(COUNTS)).tolist() == [1]
    assert np.flatnonzero(head(np.array([9, 1, 1, 1, 1, 1]))).tolist() == [1]
    assert head_share(LISTS, COUNTS).tolist()[:2] == [0.5, 0.0]


def test_novelty_is_self_information() -> None:
    """Seven users: item 1 is known to all of them, item 3 to one, item 4 to nobody."""
    lists = np.array([[1, 0], [3, 0], [4, 0], [1, 4]])
    assert novelty(lists, COUNTS, 7).tolist() == pytest.approx([0.0, 2.0, 3.0, 1.5])


def test_coverage_counts_every_item_once() -> None:
    found = coverage(np.array([[1, 2], [1, 3], [0, 0]]), 5)
    assert (found.mean, found.n) == (0.6, 3)
    assert 0 <= found.low < 0.6 < found.high <= 1


def test_coverage_of_lists_that_are_all_alike_is_sure() -> None:
    found = coverage(np.array([[1, 2], [1, 2], [2, 1]]), 5)
    assert (found.low, found.mean, found.high) == (0.4, 0.4, 0.4)


def test_nobody_is_shown_anything() -> None:
    assert coverage(np.zeros((4, 3), np.int64), 5).mean == 0.0


def test_diversity_is_the_mean_jaccard_distance_of_pairs() -> None:
    """Items 1 {a}, 2 {a, b}, 3 {b}, 5 {}: d(1, 2) = ½, d(1, 3) = 1, d(2, 3) = ½."""
    lists = np.array([[1, 2, 3], [1, 2, 0], [1, 1, 0], [1, 5, 0], [0, 0, 0]])
    found = diversity(lists, LABELS).tolist()
    assert found[:3] == pytest.approx([2 / 3, 0.5, 0.0])
    assert np.isnan(found[3:]).all()


def test_diversity_agrees_with_scipy() -> None:
    """Every item has one to four of nine labels; lists of ten different items."""
    rng = np.random.default_rng(6)
    labels = np.zeros((41, 4), np.int64)
    for item in range(1, 41):
        n = int(rng.integers(1, 5))
        labels[item, :n] = 1 + rng.permutation(9)[:n]
    has = np.zeros((41, 10), bool)
    has[np.arange(41)[:, None], labels] = True
    lists = np.stack([1 + rng.permutation(40)[:10] for _ in range(50)])
    theirs = [pdist(has[row][:, 1:], "jaccard").mean() for row in lists]
    assert diversity(lists, {"colour": LabelTable(labels, 9)}) == pytest.approx(theirs)


def test_diversity_is_the_mean_over_attributes() -> None:
    two = {**LABELS, "size": LabelTable(np.array([[0], [1], [1], [1], [1], [1]]), 1)}
    assert diversity(np.array([[1, 3]]), two).tolist() == [0.5]
    assert diversity(np.array([[1, 5]]), two).tolist() == [0.0]


def test_shares_split_an_item_s_weight_among_its_labels() -> None:
    shares = LABELS["colour"].shares(np.array([1, 2, 4]), np.array([0, 0, 2]), 3)
    assert shares.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_divergence_runs_from_none_to_one_bit() -> None:
    p = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    q = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    middle = 0.5 * (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) + 0.5 * math.log2(1 / 0.75)
    found = jensen_shannon(p, q).tolist()
    assert found[:3] == pytest.approx([0.0, 1.0, middle])
    assert np.isnan(found[3])


def test_divergence_agrees_with_scipy() -> None:
    rng = np.random.default_rng(5)
    p, q = (rng.dirichlet(np.full(7, 0.3), 200) for _ in range(2))
    theirs = [jensenshannon(one, other, base=2) ** 2 for one, other in zip(p, q, strict=True)]
    assert jensen_shannon(p, q) == pytest.approx(theirs, abs=1e-9)


def test_a_list_like_its_history_is_calibrated() -> None:
    items, offsets = np.array([1, 1, 3, 4]), np.array([0, 2, 4, 4])
    found = miscalibration(np.array([[1, 0], [1, 0], [1, 0]]), items, offsets, LABELS).tolist()
    assert found[:2] == pytest.approx([0.0, 1.0])
    assert np.isnan(found[2])


def test_blocks_change_nothing() -> None:
    rng = np.random.default_rng(1)
    lists = rng.integers(0, 6, (1300, 4))
    offsets = np.arange(1301) * 3
    world = World(COUNTS, 7, LABELS, rng.integers(1, 6, 3900), offsets)
    every = by_user(lists, world)
    one = by_user(lists[700:701], World(COUNTS, 7, LABELS, world.items[2100:2103], np.array([0, 3])))
    for name, values in every.items():
        np.testing.assert_allclose(values[700:701], one[name])


def test_a_figure_says_for_how_many_it_is_known() -> None:
    world = World(COUNTS, 7, LABELS, np.array([1, 3, 4]), np.array([0, 1, 2, 3]))
    found = beyond({"a": LISTS, "b": np.zeros_like(LISTS)}, world, seed=1)
    assert found["a"]["popularity"].n == 2
    assert found["a"]["popularity"].mean == 3.0
    assert list(found["b"]) == ["coverage"]


def test_the_catalogue_s_labels_as_numbers() -> None:
    tables = label_tables(Facets(catalog()))
    assert list(tables) == ["genre", "year", "price"]
    genre = tables["genre"]
    assert genre.n == 4
    assert genre.ids[:3].tolist() == [[0, 0], [3, 0], [3, 2]]
